"""Reading what is published: descriptors, listings, reports, search; never the files themselves."""

from importlib.metadata import version as installed_version
from typing import Any

from aiohttp import web

from couchreg.errors import BadRequest, NotFound
from couchreg.http.registry.answers import answer, cacheable
from couchreg.http.registry.call import Call
from couchreg.model import json
from couchreg.model.versions import LATEST
from couchreg.registry.catalog import Version
from couchreg.registry.paths import DESCRIPTOR
from couchreg.registry.served import served_descriptor, url_of

PAGE, MOST = 50, 1000  # packages of a listing: unless asked otherwise, and at most
HITS, MOST_HITS = 20, 200
MOST_WORDS = 50


async def welcome(call: Call) -> web.StreamResponse:
    base = call.base
    links = {
        "packages": f"{base}/-/packages",
        "search": f'{base}/search?keys=["word"]',
        "package": f"{base}/NAME",
        "version": f"{base}/NAME/VERSION",
        "couchdb": f"{base}/_couch/",
    }
    return answer({"couchreg": "Welcome", "version": installed_version("couchreg"), "links": links})


async def latest(call: Call) -> web.StreamResponse:
    """The latest version, or with `?range=^1.2` the highest in a range."""
    wanted = call.request.query.get("range", LATEST)
    return await _descriptor(call, await call.registry.catalog.resolve(call.part("name"), wanted))


async def descriptor(call: Call) -> web.StreamResponse:
    return await _descriptor(call, call.part("version"))


async def _descriptor(call: Call, wanted: str) -> web.StreamResponse:
    version = await call.registry.catalog.version(call.part("name"), wanted)
    if call.request.query.get("clone") == "true":
        return cacheable(call, await as_published(call, version))
    return cacheable(call, served_descriptor(version, call.base))


async def as_published(call: Call, version: Version) -> dict[str, Any]:
    """The members as the publisher sent them; of a version that came without the file, as stored."""
    file = version.files.get(DESCRIPTOR)
    if file is None:
        return version.descriptor
    text = b"".join([chunk async for chunk in call.registry.attachments.open(file)])
    members: dict[str, Any] = json.decode(text)
    return members


async def listing(call: Call) -> web.StreamResponse:
    query = call.request.query
    limit = number(call, "limit", PAGE, MOST)
    found, after = await call.registry.catalog.packages(query.get("start", ""), limit)
    base = call.base
    rows = [
        {
            "name": item.name,
            "latest": item.latest,
            "versions": list(item.versions),
            "url": url_of(base, item.name),
        }
        for item in found
    ]
    more = f"{url_of(base, '-', 'packages')}?limit={limit}&start={after}" if after else None
    return cacheable(call, {"packages": rows, "next": more})


async def versions(call: Call) -> web.StreamResponse:
    name = call.part("name")
    found = await call.registry.catalog.published(name)
    if not found:
        raise NotFound(f"There is no package {name!r} here.")
    rows = [_version_row(call, version) for version in found]
    exact = await call.registry.catalog.resolve(name)
    return cacheable(call, {"name": name, "latest": exact, "versions": rows})


def _version_row(call: Call, version: Version) -> dict[str, Any]:
    own = version.own
    return {
        "version": version.version,
        "published": own.get("published"),
        "publisher": own.get("publisher"),
        "bytes": sum(file.length for file in version.files.values()),
        "url": url_of(call.base, version.name, version.version),
    }


async def report(call: Call) -> web.StreamResponse:
    version = await call.registry.catalog.version(call.part("name"), call.part("version"))
    found = version.own.get("report")
    if not isinstance(found, dict):
        raise NotFound(f"{version.name} {version.version} was published without its data being checked.")
    return cacheable(call, found)


async def search(call: Call) -> web.StreamResponse:
    words = _words(call.request.query.get("keys"))
    limit = number(call, "limit", HITS, MOST_HITS)
    found = await call.services.search.search(words, limit, number(call, "skip", 0, 1_000_000))
    base = call.base
    hits = [{**hit, "url": url_of(base, str(hit["name"]), str(hit["version"]))} for hit in found.hits]
    return answer({"total": found.total, "hits": hits})


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
    text = call.request.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= most):
        raise BadRequest(f"“{name}” is a number from 0 to {most}.")
    return int(text)
