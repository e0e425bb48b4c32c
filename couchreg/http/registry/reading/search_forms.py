"""The search in the forms of others: npm's registry, OpenSearch, Atom.

Source: https://github.com/npm/registry/blob/main/docs/REGISTRY-API.md, the section on `/-/v1/search`;
https://github.com/dewitt/opensearch/blob/master/opensearch-1-1-draft-6.md; https://www.rfc-editor.org/rfc/rfc4287.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import web

from couchreg.errors import BadRequest
from couchreg.followers.search.explaining import Found, Result
from couchreg.followers.search.query import parse
from couchreg.http.registry.frame.answers import answer
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.xml import HEAD, element
from couchreg.http.registry.reading.feeds import FeedEntry, atom, feed, of_search
from couchreg.http.registry.reading.packages import number
from couchreg.http.registry.reading.search import FARTHEST, address, next_page, query_of
from couchreg.registry.reading.served import url_of

OBJECTS, MOST_OBJECTS = 20, 250  # as npm's registry has them
WEIGHTS: Final = ("quality", "popularity", "maintenance")
DESCRIPTION: Final = "application/opensearchdescription+xml"
_WEIGHT: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{0,30})?|\.[0-9]{1,30}")
# Words of npm's that are about what only packages of code have.
_CODE: Final = re.compile(r"(?:^|(?<=\s))(?:not|is|boost-exact|scope):\S*")
_PERSON: Final = re.compile(r"(?:^|(?<=\s))(-?)(?:author|maintainer):")


async def npm(call: Call) -> web.StreamResponse:
    """`GET /-/v1/search`: packages as npm's registry answers, so that its clients find them. How well kept a
    package is, is not weighed here."""
    given = call.request.query
    for name in WEIGHTS:
        if not _WEIGHT.fullmatch(given.get(name, "0")):
            raise BadRequest(f"“{name}” is a number.")
    words = _PERSON.sub(r"\1publisher:", _CODE.sub("", given.get("text", "")))
    limit = number(call, "size", OBJECTS, MOST_OBJECTS)
    asked = replace(parse(words), limit=limit, offset=number(call, "from", 0, FARTHEST))
    found = await call.look(asked)
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    objects = [_object(call.base, hit) for hit in found.hits]
    return answer({"objects": objects, "total": found.total, "time": now}, headers={"Vary": "Host"})


def _object(base: str, hit: Result) -> dict[str, Any]:
    people = [{"username": name} for name in hit.publishers]
    package: dict[str, Any] = {
        "name": hit.name,
        "version": hit.version,
        "description": hit.description or hit.title,
        "keywords": list(hit.keywords),
        "date": hit.date,
        "links": {"npm": address(base, hit)},
        "maintainers": people,
    }
    if people:
        package["publisher"] = people[0]
    final = hit.score / (1 + hit.score) if hit.score > 0 else 0.0
    detail = dict.fromkeys(WEIGHTS, 1)
    return {"package": package, "score": {"final": final, "detail": detail}, "searchScore": hit.score}


async def described(call: Call) -> web.StreamResponse:
    """`GET /-/opensearch.xml`: how a browser, or another program, asks the search."""
    page = "q={searchTerms}&limit={count?}&skip={startIndex?}"
    forms = {"application/atom+xml": "search.atom", "application/json": "search"}
    urls = [
        element("Url", type=kind, indexOffset="0", template=f"{url_of(call.base, '-', name)}?{page}")
        for kind, name in forms.items()
    ]
    own = element("Url", type=DESCRIPTION, rel="self", template=url_of(call.base, "-", "opensearch.xml"))
    body = element(
        "OpenSearchDescription",
        [
            element("ShortName", "couchreg"),
            element("Description", "Finds data packages by words."),
            *urls,
            own,
            element("InputEncoding", "UTF-8"),
            element("OutputEncoding", "UTF-8"),
            element("Query", role="example", searchTerms="population"),
        ],
        xmlns="http://a9.com/-/spec/opensearch/1.1/",
    )
    return await atom(call, HEAD + body + "\n", DESCRIPTION)


async def followed(call: Call) -> web.StreamResponse:
    """`GET /-/search.atom`: what is found, the newest first unless asked otherwise, to be subscribed to."""
    query = await query_of(call)
    if "sort" not in call.request.query and not query.like:
        query = replace(query, sort="date")
    found = await call.look(replace(query, facets=()))
    own = url_of(call.base, "-", "search.atom") + "?" + call.request.rel_url.raw_query_string
    following = next_page(call, query, found, "search.atom")
    title = f"Data packages: {call.request.query['q']}" if call.request.query.get("q") else "Data packages"
    more = of_search(found.total, query.offset, query.limit)
    return await feed(call, own, title, _entries(call.base, found), following=following, more=more)


def _entries(base: str, found: Found) -> Iterator[FeedEntry]:
    for hit in found.hits:
        name = hit.name if hit.resource is None else f"{hit.name}/{hit.resource}"
        yield FeedEntry(
            address(base, hit),
            f"{name} {hit.version}: {hit.title}" if hit.title else f"{name} {hit.version}",
            hit.date,
            hit.description,
            next(iter(hit.publishers), ""),
            tuple(hit.keywords),
        )
