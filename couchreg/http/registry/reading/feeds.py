"""Feeds to subscribe to, in Atom. Source: https://www.rfc-editor.org/rfc/rfc4287."""

import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final, NamedTuple

from aiohttp import web

from couchreg.http.registry.frame.answers import fresh
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.xml import HEAD, element
from couchreg.http.registry.reading.packages import number
from couchreg.registry.reading.served import url_of

ATOM: Final = "application/atom+xml"
VERSIONS, MOST_VERSIONS = 50, 1000
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_NEVER: Final = "1970-01-01T00:00:00Z"
_CATEGORIES: Final = 20  # of an entry
_LONGEST: Final = 2_000  # characters of a text of an entry


class FeedEntry(NamedTuple):
    """One thing in a feed; `updated` is a moment, or anything else where none is known."""

    url: str
    title: str
    updated: str
    summary: str = ""
    author: str = ""
    categories: Sequence[str] = ()


async def versions(call: Call) -> web.StreamResponse:
    """`GET /-/versions.atom`: the versions that were published last, of all packages."""
    found = await call.registry.history.latest(number(call, "limit", VERSIONS, MOST_VERSIONS))
    own = url_of(call.base, "-", "versions.atom")
    entries = (
        FeedEntry(
            url_of(call.base, one.name, one.version),
            f"{one.name} {one.version}: {one.title}" if one.title else f"{one.name} {one.version}",
            one.published or "",
            author=one.publisher or "",
        )
        for one in found
    )
    return await feed(call, own, "New versions of data packages", entries)


def of_search(total: int, offset: int, limit: int) -> list[str]:
    """What a feed of a search says of the whole."""
    said = {"totalResults": total, "startIndex": offset, "itemsPerPage": limit}
    return [element(f"opensearch:{name}", str(value)) for name, value in said.items()]


async def feed(
    call: Call,
    own: str,
    title: str,
    entries: Iterable[FeedEntry],
    *,
    following: str | None = None,
    more: Iterable[str] = (),
) -> web.StreamResponse:
    """A feed at the address `own`."""
    shown = list(entries)
    moments = [one.updated for one in shown if _MOMENT.fullmatch(one.updated)]
    links = [element("link", rel="self", type=ATOM, href=own), element("link", href=f"{call.base}/")]
    if following is not None:
        links.append(element("link", rel="next", type=ATOM, href=following))
    described = url_of(call.base, "-", "opensearch.xml")
    links.append(element("link", rel="search", type="application/opensearchdescription+xml", href=described))
    body = element(
        "feed",
        [
            element("id", own),
            element("title", title[:_LONGEST]),
            element("updated", max(moments, default=_NEVER)),
            element("author", [element("name", "couchreg")]),
            *links,
            *more,
            *map(_entry, shown),
        ],
        **{
            "xmlns": "http://www.w3.org/2005/Atom",
            "xmlns:opensearch": "http://a9.com/-/spec/opensearch/1.1/",
        },
    )
    return await atom(call, HEAD + body + "\n", ATOM)


def _entry(one: FeedEntry) -> str:
    parts = [
        element("id", one.url),
        element("title", one.title[:_LONGEST]),
        element("updated", one.updated if _MOMENT.fullmatch(one.updated) else _NEVER),
        element("link", rel="alternate", href=one.url),
    ]
    if one.author:
        parts.append(element("author", [element("name", one.author[:_LONGEST])]))
    if one.summary:
        parts.append(element("summary", one.summary[:_LONGEST]))
    parts += [element("category", term=term[:_LONGEST]) for term in islice(one.categories, _CATEGORIES)]
    return element("entry", parts)


async def atom(call: Call, body: str, kind: str) -> web.StreamResponse:
    """A document of XML, or 304 where the client has it."""
    headers = {"Cache-Control": "no-cache", "Vary": "Accept-Encoding, Host"}
    return await fresh(call, body.encode(), kind, headers)
