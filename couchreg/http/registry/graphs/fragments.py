"""`/-/fragments`: the triples of a pattern, in pages, each of which says how others are asked for.

Source: https://linkeddatafragments.org/specification/triple-pattern-fragments/.
"""

import hashlib
from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from couchreg.errors import BadRequest, NotAcceptable
from couchreg.http.registry.frame.answers import OPEN, not_modified
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.freshness import cache_control
from couchreg.http.registry.graphs.sparql import accepted, asking_of, sent
from couchreg.http.registry.reading.packages import number

MOST_PAGES: Final = 1_000
LONGEST: Final = 4_000  # characters of a term
SIZE: Final = 100  # triples of a page
KINDS: Final = (
    "text/turtle",
    "application/trig",
    "application/n-quads",
    "application/n-triples",
    "application/ld+json",
)
_TERMS: Final = ("subject", "predicate", "object")


async def fragment(call: Call) -> web.StreamResponse:
    """`GET /-/fragments?subject=&predicate=&object=&page=`."""
    asking = asking_of(call)
    pattern = [call.request.query.get(name, "") for name in _TERMS]
    if any(len(term) > LONGEST for term in pattern):
        raise BadRequest(f"A term has {LONGEST} characters at most.")
    page = max(1, number(call, "page", 1, MOST_PAGES))
    kind = _kind(accepted(call, call.request.query.get("format"), KINDS[0]))
    tag = hashlib.sha256("\0".join([asking.state, *pattern, str(page), kind]).encode("utf-8", "replace"))
    headers = {
        "Cache-Control": cache_control(call, pinned=False),
        "Vary": "Accept",
        "ETag": f'"{tag.hexdigest()[:32]}"',
    }
    if asking.state and not_modified(call.request, tag.hexdigest()[:32]):
        return web.Response(status=304, headers={**headers, **OPEN})
    job = {
        "pattern": pattern,
        "skip": (page - 1) * SIZE,
        "kind": kind,
        "address": _address(asking.base, pattern, page),
        "first": _address(asking.base, pattern, 1),
        "before": _address(asking.base, pattern, page - 1) if page > 1 else None,
        "following": _address(asking.base, pattern, page + 1) if page < MOST_PAGES else None,
        "template": f"{asking.base}/-/fragments{{?subject,predicate,object}}",
    }
    async with asking.fragment(job, call.askers) as answered:
        return await sent(call, answered, headers)


def _kind(accept: list[str]) -> str:
    for wanted in accept:
        for kind in KINDS:
            if wanted in (kind, "*/*", kind.partition("/")[0] + "/*"):
                return kind
    raise NotAcceptable(f"Fragments come as {', '.join(KINDS)}.")


def _address(base: str, pattern: list[str], page: int) -> str:
    stated = {name: term for name, term in zip(_TERMS, pattern, strict=True) if term}
    numbered = stated | ({"page": str(page)} if page > 1 else {})
    query = urlencode(numbered, errors="replace")
    return f"{base}/-/fragments" + (f"?{query}" if query else "")
