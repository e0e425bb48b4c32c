"""The query parameters of `_changes`.

What is no boolean counts as false here, as in CouchDB; numbers have to be numbers.

Source: https://docs.couchdb.org/en/stable/api/database/changes.html
"""

from collections.abc import Iterable
from dataclasses import dataclass

from couchreg.errors import BadRequest
from couchreg.http.couch.frame import params
from couchreg.http.couch.listings.rowdocs import DocOptions, doc_options

FEEDS = ("normal", "longpoll", "continuous", "eventsource")
STYLES = ("main_only", "all_docs")
PERIOD = "Invalid {} value. Expecting a positive integer value (in milliseconds)."


@dataclass(frozen=True, slots=True)
class ChangesQuery:
    """`heartbeat` and `timeout` are milliseconds or None; `heartbeat` 0 stands for `true`."""

    feed: str
    since: str
    limit: int | None
    descending: bool
    all_leafs: bool
    filter: str
    docs: DocOptions
    heartbeat: int | None
    timeout: int | None
    seq_interval: int


def read_changes_query(pairs: Iterable[tuple[str, str]], last_event_id: str | None) -> ChangesQuery:
    """Names in any case; of repeated ones the last. Raises BadRequest.

    `last_event_id` is the header a browser reconnects with; in the query it is another name of `since`.
    """
    query: dict[str, str] = {}
    for name, value in pairs:
        lower = name.lower()
        query["since" if lower == "last-event-id" else lower] = value
    feed = _feed(query.get("feed", "normal"))
    since = query.get("since", "0")
    if feed == "eventsource" and last_event_id is not None:
        since = last_event_id
    return ChangesQuery(
        feed=feed,
        since=since,
        limit=_limit(query.get("limit")),
        descending=query.get("descending") == "true",
        all_leafs=_style(query.get("style", "main_only")) == "all_docs",
        filter=query.get("filter", ""),
        docs=doc_options({name: query.get(name) == "true" for name in DocOptions._fields}),
        heartbeat=_heartbeat(query.get("heartbeat")),
        timeout=_timeout(query.get("timeout")),
        seq_interval=_seq_interval(query.get("seq_interval", "1")),
    )


def _feed(text: str) -> str:
    if text == "live":
        return "continuous"
    if text not in FEEDS:
        raise BadRequest("Supported `feed` types: normal, continuous, live, longpoll, eventsource")
    return text


def _style(text: str) -> str:
    if text not in STYLES:
        raise BadRequest("Supported `style` values: main_only, all_docs")
    return text


def _limit(text: str | None) -> int | None:
    """A negative limit is none, as in CouchDB."""
    if text is None:
        return None
    number = params.parse_int(text)
    if number is None:
        raise BadRequest("Invalid limit value. Expecting an integer value.")
    return None if number < 0 else min(number, params.LARGEST)


def _heartbeat(text: str | None) -> int | None:
    if text is None or text == "true":
        return None if text is None else 0
    number = params.parse_int(text)
    if number is not None and number <= 0:
        raise BadRequest("The heartbeat value should be a positive integer (in milliseconds).")
    return _positive(text, PERIOD.format("heartbeat"))


def _timeout(text: str | None) -> int | None:
    if text is None:
        return None
    number = params.parse_int(text)
    if number is None or number < 0:
        raise BadRequest(PERIOD.format("timeout"))
    return min(number, params.LARGEST)


def _seq_interval(text: str) -> int:
    return _positive(text, "invalid_seq_interval")


def _positive(text: str, complaint: str) -> int:
    number = params.parse_int(text)
    if number is None or number <= 0:
        raise BadRequest(complaint)
    return min(number, params.LARGEST)
