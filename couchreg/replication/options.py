"""What a user asks the replicator for: `POST /_replicate`, or a document of a `_replicator` database.

Owns the members, their shapes and CouchDB's words for wrong ones. Members nobody knows are passed over.
Source: https://docs.couchdb.org/en/stable/replication/replicator.html
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import unquote

from couchreg.errors import BadRequest
from couchreg.model import selector
from couchreg.replication.endpoints import Endpoint, Wrong, WrongOption, check_object, parse_endpoint

VERSION = 4  # of replication ids
MOST_DOC_IDS = 100_000
_FILTER = re.compile(r"(.*?)/(.*)", re.DOTALL)

Kind = Literal["", "doc_ids", "selector", "view", "function"]
Number = Callable[[str, int], int]  # a setting of `[replicator]` and its default


def defaults(name: str, default: int) -> int:
    return default


@dataclass(frozen=True, slots=True)
class ReplicationFilter:
    """Which changes are wanted. `name` is that of a function (`design/name`) or of a built-in filter."""

    kind: Kind = ""
    name: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    doc_ids: tuple[str, ...] = ()
    selector: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Replication:
    """What is to be done. Times are in seconds."""

    source: Endpoint
    target: Endpoint
    filter: ReplicationFilter = ReplicationFilter()
    continuous: bool = False
    create_target: bool = False
    create_target_params: Mapping[str, Any] = field(default_factory=dict)
    winning_revs_only: bool = False
    use_checkpoints: bool = True
    use_bulk_get: bool = True
    since_seq: Any = None
    checkpoint_interval: float = 30.0
    workers: int = 4
    batch_size: int = 500
    connections: int = 20
    timeout: float = 30.0
    retries: int = 5


@dataclass(frozen=True, slots=True)
class Cancel:
    """Which replication is to end: by its id, or by what it was asked with."""

    id: str | None
    replication: Replication | None


def parse_request(body: Mapping[str, Any], *, number: Number = defaults) -> Replication | Cancel:
    """The body of `POST /_replicate`, in which a bare name is a database of this server. Raises Wrong."""
    for name, text in _object(body, "query_params").items():
        if not isinstance(text, str):
            raise WrongOption(f"{name} value must be a string.")
    if not _boolean(body, "cancel", default=False):
        return parse(body, local=True, number=number)
    given = next((body[name] for name in ("id", "replication_id", "_local_id") if name in body), None)
    if given is None:
        return Cancel(None, parse(body, local=True, number=number))
    if not isinstance(given, str):
        raise WrongOption("The id of a replication is a text.")
    return Cancel(given.replace(" ", "+"), None)


def parse(body: Mapping[str, Any], *, local: bool = False, number: Number = defaults) -> Replication:
    """Raises Wrong, for the first member that is wrong."""
    source_proxy, target_proxy = _proxies(body)
    options = _options(body, number)
    source = parse_endpoint(body.get("source"), proxy=source_proxy, local=local)
    target = parse_endpoint(body.get("target"), proxy=target_proxy, local=local)
    return Replication(source, target, _filter(body), **options)


def _options(body: Mapping[str, Any], number: Number) -> dict[str, Any]:
    milliseconds = {"checkpoint_interval": 30_000, "connection_timeout": 30_000}
    counts = {"worker_processes": 4, "worker_batch_size": 500, "http_connections": 20}
    whole = {name: _integer(body, name, number(name, usual), least=1) for name, usual in counts.items()}
    times = {name: _integer(body, name, number(name, usual), least=1) for name, usual in milliseconds.items()}
    return {
        "continuous": _boolean(body, "continuous", default=False),
        "create_target": _boolean(body, "create_target", default=False),
        "create_target_params": _object(body, "create_target_params"),
        "winning_revs_only": _boolean(body, "winning_revs_only", default=False),
        "use_checkpoints": _boolean(body, "use_checkpoints", default=True),
        "use_bulk_get": _boolean(body, "use_bulk_get", default=True),
        "since_seq": body.get("since_seq"),
        "checkpoint_interval": min(times["checkpoint_interval"] / 1000, 3600.0),
        "timeout": min(times["connection_timeout"] / 1000, 600.0),
        "workers": min(whole["worker_processes"], 16),
        "batch_size": min(whole["worker_batch_size"], 1000),
        "connections": min(whole["http_connections"], 50),
        "retries": min(_integer(body, "retries_per_request", number("retries_per_request", 5), least=0), 20),
    }


def _boolean(body: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise WrongOption(f"parameter `{name}` must be a boolean")
    return value


def _object(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    if name == "query_params" and not isinstance(body.get(name, {}), dict):
        raise WrongOption(f"parameter `{name}` must be an object")
    return check_object(name, body.get(name, {}))


def _integer(body: Mapping[str, Any], name: str, default: int, *, least: int) -> int:
    """CouchDB takes a number in a text as well."""
    value = body.get(name, default)
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,12}", value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise WrongOption(f"parameter `{name}` must be an integer of at least {least}")
    return value


def _proxies(body: Mapping[str, Any]) -> tuple[Any, Any]:
    both, source, target = (body.get(name, "") for name in ("proxy", "source_proxy", "target_proxy"))
    for name, other in (("source_proxy", source), ("target_proxy", target)):
        if both != "" and other != "":
            raise WrongOption(f"`proxy` is mutually exclusive with `{name}`")
    return (both, both) if both != "" else (source, target)


def _filter(body: Mapping[str, Any]) -> ReplicationFilter:
    ids = body.get("doc_ids")
    given = [ids is not None, "filter" in body, "selector" in body]
    if sum(given) > 1:
        raise WrongOption("`doc_ids`,`filter`,`selector` are mutually exclusive")
    if ids is not None:
        return ReplicationFilter("doc_ids", doc_ids=_doc_ids(ids))
    if "selector" in body:
        return _selector(body["selector"])
    if "filter" in body:
        return _function(body["filter"], _object(body, "query_params"))
    return ReplicationFilter(params=_object(body, "query_params"))


def _doc_ids(ids: Any) -> tuple[str, ...]:
    """Percent-encoded ones are taken too; sorted by their bytes and each but once."""
    if not isinstance(ids, list):
        raise WrongOption("parameter `doc_ids` must be an array")
    if not all(isinstance(one, str) for one in ids):
        raise WrongOption("parameter `doc_ids` must be an array of texts")
    if len(ids) > MOST_DOC_IDS:
        raise WrongOption(f"parameter `doc_ids` may have {MOST_DOC_IDS} ids: use a `selector` for more")
    return tuple(sorted({unquote(one) for one in ids}, key=str.encode))


def _selector(value: Any) -> ReplicationFilter:
    wanted = check_object("selector", value)
    try:
        selector.compile(wanted)
    except BadRequest as error:
        raise WrongOption(error.reason) from None
    return ReplicationFilter("selector", selector=wanted)


def _function(name: Any, params: Mapping[str, Any]) -> ReplicationFilter:
    if not isinstance(name, str):
        raise WrongOption("parameter `filter` must be a text")
    if name.startswith("_"):
        if name == "_view" and not re.fullmatch(r"[^/]*/[^/]*", str(params.get("view", ""))):
            raise WrongOption("Invalid `view` parameter.")
        return ReplicationFilter("view", name, params)
    if not _FILTER.match(name):
        raise Wrong("Invalid filter. Must match `ddocname/filtername`.")
    return ReplicationFilter("function", name, params)
