"""`GET /-/search`: packages and resources by words, phrases and properties.

Source of the linked-data form: https://schema.org/ItemList, as the first registry of its kind answered.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, Protocol

from aiohttp import web

from couchreg.errors import BadRequest
from couchreg.followers.search.coverage import box_of, period_of
from couchreg.followers.search.explaining import Found, Result
from couchreg.followers.search.items import FACETS, PACKAGES, RESOURCES
from couchreg.followers.search.query import Query, parse, with_filters
from couchreg.http.registry.frame.answers import answer
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.describing import LINKED
from couchreg.http.registry.reading.negotiation import Vocabulary, wanted_view
from couchreg.registry.reading.served import url_of

HITS, MOST_HITS, FARTHEST = 20, 200, 10_000
MOST_FILTERS: Final = 20
LONGEST_FILTER: Final = 500  # characters
LONGEST_LIKE: Final = 1_000
FILTERS: Final = (*FACETS, "where", "about")
SORTS: Final = ("score", "name", "date", "downloads")


class SearchCall(Protocol):
    """What a search needs of its request, at whatever door."""

    @property
    def request(self) -> web.Request: ...

    @property
    def base(self) -> str: ...

    def number(self, name: str, default: int, most: int) -> int: ...

    async def look(self, query: Query) -> Found: ...

    async def most_downloaded(self) -> Iterable[tuple[str, int]]: ...


async def search(call: Call) -> web.StreamResponse:
    """What is found, with facets and why; as an ItemList for those who want linked data."""
    return await answered(call, {})


async def answered(call: SearchCall, more: Mapping[str, Any]) -> web.StreamResponse:
    """The same, with `more` to say behind the hits."""
    query = await query_of(call)
    accept = call.request.headers.get("Accept")
    view = wanted_view(None, accept, (Vocabulary.SCHEMA_ORG,))
    found = await call.look(query)
    following = next_page(call, query, found)
    links = {"Link": f'<{following}>; rel="next"'} if following else {}
    if view is not None:
        listed = answer(item_list(call.base, query, found), headers={"Vary": "Accept, Host", **links})
        listed.content_type = LINKED
        return listed
    base = call.base
    value: dict[str, Any] = {"total": found.total, "hits": [hit_of(base, hit) for hit in found.hits]}
    if query.facets:
        value["facets"] = {
            name: [{"value": text, "count": count} for text, count in pairs]
            for name, pairs in found.facets.items()
        }
    if found.suggestion is not None:
        value["suggestion"] = found.suggestion
    return answer({**value, "next": following, **more}, headers={"Vary": "Accept, Host", **links})


async def query_of(call: SearchCall) -> Query:
    """The question of a request. Raises BadRequest."""
    given = call.request.query
    like = _like(given)
    asked = with_filters(parse(given.get("q", "")), _filters(call))
    facets = tuple(dict.fromkeys(name for name in given.get("facet", "").split(",") if name))
    _check("facet", facets, FACETS)
    kind, sort = given.get("in", PACKAGES), given.get("sort", "score")
    _check("in", (kind,), (PACKAGES, RESOURCES))
    _check("sort", (sort,), SORTS)
    period, box = given.get("temporal"), given.get("bbox")
    found = replace(
        asked,
        kind=kind,
        sort=sort,
        facets=facets,
        period=None if period is None else period_of(period),
        box=None if box is None else box_of(box),
        limit=call.number("limit", HITS, MOST_HITS),
        offset=call.number("skip", 0, FARTHEST),
        like=like,
        downloads=tuple(await call.most_downloaded()) if sort == "downloads" else (),
    )
    if period is not None and found.period is None:
        raise BadRequest("“temporal” is a time or two: temporal=2010/2020, or 2010-05-01/..")
    if box is not None and found.box is None:
        raise BadRequest("“bbox” is west,south,east,north in degrees: bbox=-5,42,8,51")
    return found


def _like(given: Mapping[str, str]) -> str:
    """A text that is looked for by its meaning; empty where there is none."""
    like = given.get("like", "").strip()
    if "like" in given and not like:
        raise BadRequest("“like” is a text: like=cost of living")
    if len(like) > LONGEST_LIKE:
        raise BadRequest(f"“like” may have at most {LONGEST_LIKE} characters.")
    if like and given.get("sort", "score") != "score":
        raise BadRequest("What is found by “like” has an order, the nearest first: leave out “sort”.")
    return like


def _check(name: str, values: tuple[str, ...], allowed: tuple[str, ...]) -> None:
    if not set(values) <= set(allowed):
        raise BadRequest(f"“{name}” may be: {', '.join(allowed)}.")


def _filters(call: SearchCall) -> list[tuple[str, str]]:
    found = [(name, value) for name, value in call.request.query.items() if name in FILTERS and value]
    if len(found) > MOST_FILTERS or any(len(value) > LONGEST_FILTER for _, value in found):
        raise BadRequest(
            f"A search may have {MOST_FILTERS} filters, of {LONGEST_FILTER} characters each at most."
        )
    return found


def next_page(call: SearchCall, query: Query, found: Found, form: str = "search") -> str | None:
    """The address of the next page, None for the last one that may be had."""
    following = query.offset + query.limit
    if not query.limit or following >= min(found.total, FARTHEST + 1):
        return None
    url = call.request.rel_url.update_query({"skip": str(following)})
    return url_of(call.base, "-", form) + "?" + url.raw_query_string


def address(base: str, hit: Result) -> str:
    """Where a hit is: the version, or the resource."""
    return url_of(base, hit.name, hit.version, *([] if hit.resource is None else [hit.resource]))


def hit_of(base: str, hit: Result) -> dict[str, Any]:
    value: dict[str, Any] = {"name": hit.name, "version": hit.version}
    if hit.resource is not None:
        value["resource"] = hit.resource
    value |= {"title": hit.title, "description": hit.description, "score": hit.score, "date": hit.date}
    if hit.deprecated is not None:
        value["deprecated"] = hit.deprecated
    value |= {"matched": hit.matched, "highlights": hit.highlights}
    return {**value, "type": list(hit.types), "url": address(base, hit)}


def item_list(base: str, query: Query, found: Found) -> dict[str, Any]:
    """The hits as schema.org's ItemList."""
    is_ordered = query.has_words or query.sort != "score"
    return {
        "@context": "https://schema.org/",
        "@type": "ItemList",
        "itemListOrder": f"https://schema.org/ItemListOrder{'Descending' if is_ordered else 'Ascending'}",
        "numberOfItems": found.total,
        "itemListElement": list(_elements(base, found)),
    }


def _elements(base: str, found: Found) -> Iterator[dict[str, Any]]:
    for hit in found.hits:
        own = "Dataset" if hit.resource is None else "DataDownload"
        types = [kind.replace("http://schema.org/", "") for kind in hit.types if ":" in kind]
        element = {
            "@id": address(base, hit),
            "@type": list(dict.fromkeys([own, *types])),
            "name": hit.resource or hit.name,
            "version": hit.version,
        }
        yield element | ({"description": hit.description} if hit.description else {})
