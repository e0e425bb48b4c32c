"""The page of a search: hits, why they were found, and facets to narrow it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from aiohttp import web
from yarl import URL

from couchreg.followers.search.explaining import Found, Result
from couchreg.followers.search.items import PACKAGES, RESOURCES
from couchreg.followers.search.query import Query
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.pages.waiting import FILLING, deadline_of, made
from couchreg.http.registry.pages.wanted import or_page, show
from couchreg.http.registry.reading import search as searched
from couchreg.registry.reading.served import url_of
from couchreg.web.showing import plain

_FACETS: Final = ("keywords", "license", "format", "publisher")
_COUNTED: Final = 10  # values of a facet
_SINGLE: Final = ("q", "like", "in", "sort", "facet", "deprecated", "temporal", "bbox", "limit")
_ORDERS: Final = {"score": "Best match", "date": "Newest", "name": "By name", "downloads": "Downloads"}
_NAMES: Final = {"license": "Licence"}  # of facets, where people write them otherwise
_DESCRIPTION: Final = 300  # characters
_PLACES: Final = 10  # in which something was found, of each hit
_TEXTS: Final = 3  # in which something was found, of each place
_SHOWN: Final = ("name", "title", "description", "texts")  # places whose texts are shown in any case


async def _page(call: Call) -> web.StreamResponse:
    query = await searched.query_of(call)
    query = replace(query, facets=query.facets or _FACETS)
    deadline, found = deadline_of(call), Found(0, [], {name: [] for name in query.facets})
    async with deadline.time(deadline.for_answers):
        found = await made(call, ("SEARCH", repr(query)), lambda: call.look(query))
    return await show(
        call,
        "search.html",
        script=FILLING if deadline.is_over else "",
        rest=deadline.rest,
        title="Search",
        asked=call.request.query.get("q", ""),
        total=found.total,
        first=query.offset + 1,
        suggestion=_suggestion(call, found),
        kind=query.kind,
        kinds=[
            {"words": kind.capitalize(), "here": kind == query.kind, "url": _changed(call, {"in": kind})}
            for kind in (PACKAGES, RESOURCES)
        ],
        orders=_orders(call, query),
        filters=_filters(call),
        hits=[_hit(call.base, hit) for hit in found.hits],
        facets=_facets(call, query, found),
        following=searched.next_page(call, query, found) or "",
    )


search = or_page(_page, searched.search)


def _orders(call: Call, query: Query) -> list[dict[str, Any]]:
    """In which orders the same can be had; what is near to a meaning has its own."""
    if query.like:
        return []
    given = query.sort
    if given == "score" and not query.has_words:
        given = "name"  # of all that match alike
    return [
        {"words": words, "here": sort == given, "url": _changed(call, {"sort": sort})}
        for sort, words in _ORDERS.items()
        if sort != "score" or query.has_words
    ]


def _changed(call: Call, given: Mapping[str, str]) -> str:
    """The address of the same search with other parameters, from its first hit."""
    return _address(call, [pair for pair in _asked(call) if pair[0] not in given] + [*given.items()])


def _asked(call: Call) -> list[tuple[str, str]]:
    """What the search reads of its address: of all else there may be thousands, in each of many links."""
    given = call.request.query
    single = [(name, given[name]) for name in _SINGLE if name in given]
    return single + [(name, value) for name, value in given.items() if name in searched.FILTERS and value]


def _address(call: Call, pairs: Sequence[tuple[str, str]]) -> str:
    query = URL("/").with_query(pairs).raw_query_string
    return url_of(call.base, "-", "search") + (f"?{query}" if query else "")


def _suggestion(call: Call, found: Found) -> dict[str, str] | None:
    if found.suggestion is None:
        return None
    return {"words": found.suggestion, "url": _changed(call, {"q": found.suggestion})}


def _filters(call: Call) -> list[dict[str, str]]:
    pairs = _asked(call)
    return [
        {"name": _label(name), "value": value, "url": _address(call, pairs[:place] + pairs[place + 1 :])}
        for place, (name, value) in enumerate(pairs)
        if name in searched.FILTERS
    ]


def _label(name: str) -> str:
    return _NAMES.get(name, name.capitalize())


def _facets(call: Call, query: Query, found: Found) -> list[dict[str, Any]]:
    """Those by whose values there is something to narrow."""
    pairs = _asked(call)
    listed = [
        {
            "name": _label(name),
            "counted": [
                {"value": value, "count": count, "url": _address(call, [*pairs, (name, value)])}
                for value, count in found.facets[name][:_COUNTED]
                if (name, value) not in pairs
            ],
        }
        for name in query.facets
    ]
    return [one for one in listed if one["counted"]]


def _hit(base: str, hit: Result) -> dict[str, Any]:
    url = url_of(base, hit.name, hit.version)
    if hit.resource is not None:
        url = url_of(base, "-", "table", hit.name, hit.version, hit.resource)
    marked: dict[str, list[list[tuple[str, bool]]]] = {}
    for one in hit.highlights:
        marked.setdefault(str(one["path"]), []).append(list(_parts(one)))
    texts = marked.get("description") or marked.get("texts")
    return {
        "name": hit.name,
        "name_parts": marked.get("name", [[(hit.name, False)]])[0],
        "version": hit.version,
        "resource": hit.resource,
        "url": url,
        "title_parts": marked["title"][0] if "title" in marked else [(hit.title, False)] if hit.title else [],
        "description": plain(hit.description, _DESCRIPTION),
        "parts": texts[0] if texts else [],
        "why": _why(hit, marked),
        "deprecated": hit.deprecated,
    }


def _parts(highlight: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """A text cut at what was found in it."""
    text, at = highlight["text"], 0
    for start, end in highlight["marks"]:
        if start >= at:
            yield text[at:start], False
            yield text[start:end], True
            at = end
    yield text[at:], False


def _why(hit: Result, marked: Mapping[str, list[list[tuple[str, bool]]]]) -> list[dict[str, Any]]:
    """Where else than in what is shown of it something was found, and the first texts of that."""
    places = dict.fromkeys(str(one["path"]) for one in hit.matched if one.get("path"))
    others = [one for one in places if one not in _SHOWN][:_PLACES]
    return [{"place": one, "texts": marked.get(one, [])[:_TEXTS]} for one in others]
