"""Reading what is published: descriptors, listings, reports, search; never the files themselves."""

import hashlib
from collections.abc import Callable, Mapping
from importlib.metadata import version as installed_version
from typing import Any

from aiohttp import web

from couchreg.errors import BadRequest, NotFound
from couchreg.http.registry.frame.answers import OPEN, answer, cacheable, not_modified, streamed, text
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.codings import LEAST, tag_in
from couchreg.http.registry.frame.describing import JSON
from couchreg.http.registry.frame.finished import may_be_kept
from couchreg.http.registry.frame.freshness import cache_control
from couchreg.http.registry.frame.rendered import Rendering
from couchreg.http.registry.reading.files import file, is_pinned, point, version_of
from couchreg.model import json
from couchreg.package.paths import DESCRIPTOR
from couchreg.package.standing import DEPRECATED, YANKED
from couchreg.registry.reading.catalog import Version
from couchreg.registry.reading.served import served_descriptor, served_pieces, url_of

Links = Callable[[str, str], Mapping[str, str]]
HITS, MOST_HITS = 20, 200
MOST_WORDS = 50
LONGEST_TYPE = 1000  # characters
RELEASE = installed_version("couchreg")


async def welcome(call: Call) -> web.StreamResponse:
    base = call.base
    links = {
        "packages": f"{base}/-/packages",
        "search": f'{base}/search?keys=["word"]',
        "package": f"{base}/NAME",
        "version": f"{base}/NAME/VERSION",
        "publishing": f"{base}/-/publishing",
        "couchdb": f"{base}/_couch/",
    }
    return answer({"couchreg": "Welcome", "version": RELEASE, "links": links})


async def published(call: Call) -> web.StreamResponse:
    """A version's descriptor as it was published."""
    return await file(call, await version_of(call), DESCRIPTOR)


async def descriptor(call: Call, links: Links) -> web.StreamResponse:
    """A version's descriptor with addresses for paths; `links` gives headers for a name and a version.

    Its tag follows from the revision, so that nobody reads the document to find that nothing has changed; its
    text is kept for the next who asks. A long one goes out as it is read.
    """
    await may_be_kept(call)
    name, catalog = call.part("name"), call.registry.catalog
    exact, rev = await point(call)
    said = (await catalog.standing(name)).said(exact)
    key = (name, exact, rev, call.base, *map(said.get, (DEPRECATED, YANKED)))
    kept = call.services.rendered.get(key)
    tag = kept.tag if kept else _tag(key)
    headers = dict(kept.headers if kept else links(name, exact))
    headers["Cache-Control"] = cache_control(call, pinned=is_pinned(call, exact) and not said)
    coding = call.services.codings.wanted(call.request, JSON, len(kept.body) if kept else LEAST)
    for one in (tag_in(tag, coding), tag):
        if not_modified(call.request, one):
            return web.Response(status=304, headers={**headers, **OPEN, "ETag": f'"{one}"'})
    if kept is None:
        version = await catalog.version(name, exact, room=call.room)
        if version.is_large:
            pieces = served_pieces(version, call.base, said)
            return await streamed(call, pieces, {**headers, "ETag": f'"{tag}"', "Content-Type": JSON})
        body = json.encode(served_descriptor(version, call.base, said)) + b"\n"
        kept = Rendering(tag, body, links(name, exact))
        if version.rev == rev:  # else it has been deleted and published again in this moment
            call.services.rendered.keep(key, kept)
    return await text(call, kept.tag, kept.body, JSON, headers)


def _tag(key: tuple[str | None, ...]) -> str:
    """What a text depends on; another release may make another text of it."""
    return hashlib.sha256(json.encode([RELEASE, *key])).hexdigest()[:32]


async def report(call: Call) -> web.StreamResponse:
    return cacheable(call, (await reported(call))[1])


async def reported(call: Call) -> tuple[Version, dict[str, Any]]:
    """The version that is asked for, and its report. Raises NotFound."""
    catalog = call.registry.catalog
    version = await catalog.named(call.part("name"), call.part("version"), room=call.room)
    found = version.own.get("report")
    if not isinstance(found, dict):
        raise NotFound(f"{version.name} {version.version} was published without its data being checked.")
    return version, found


async def search(call: Call) -> web.StreamResponse:
    types = _types(call.request.query.getall("type", []))
    words = [] if types and "keys" not in call.request.query else _words(call.request.query.get("keys"))
    limit = number(call, "limit", HITS, MOST_HITS)
    found = await call.services.search.search(words, limit, number(call, "skip", 0, 1_000_000), types)
    base = call.base
    hits = [{**hit, "url": url_of(base, str(hit["name"]), str(hit["version"]))} for hit in found.hits]
    return answer({"total": found.total, "hits": hits})


async def dependents(call: Call) -> web.StreamResponse:
    """`GET /-/dependents/:name`: the packages whose latest version depends on this one."""
    name, limit = call.part("name"), number(call, "limit", HITS, MOST_HITS)
    found = await call.services.search.dependents(name, limit, number(call, "skip", 0, 1_000_000))
    base, shown = call.base, ("name", "version", "title")
    rows = [
        {**{key: hit.get(key) for key in shown}, "url": url_of(base, str(hit["name"]), str(hit["version"]))}
        for hit in found.hits
    ]
    return answer({"name": name, "total": found.total, "dependents": rows})


def _types(types: list[str]) -> list[str]:
    """JSON-LD types, each an IRI or its last word. Raises BadRequest."""
    if len(types) > MOST_WORDS or not all(0 < len(name) <= LONGEST_TYPE for name in types):
        raise BadRequest(f"Give up to {MOST_WORDS} types: /search?type=Dataset&type=http://example.org/Kind")
    return types


def _words(keys: str | None) -> list[str]:
    """The words of `keys`, a JSON list as in the registry's API. Raises BadRequest."""
    explained = 'Give the words as a JSON list: /search?keys=["gross","product"] (with curl: add -g).'
    try:
        words = json.decode((keys or "").encode())
    except (BadRequest, UnicodeEncodeError):
        raise BadRequest(explained) from None
    if not isinstance(words, list) or not 0 < len(words) <= MOST_WORDS:
        raise BadRequest(explained)
    if not all(isinstance(word, str) and word.strip() for word in words):
        raise BadRequest(explained)
    return words


def number(call: Call, name: str, default: int, most: int) -> int:
    """A number of the query string. Raises BadRequest when it is none or out of bounds."""
    return call.number(name, default, most)
