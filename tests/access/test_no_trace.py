"""Every route of both doors, asked by those who may not see a package: nothing tells that it is there.

Asked for its name, a route answers what it answers for a name that no package has: status, headers and body.
Asked for anything else, it answers without a word of it.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import pytest

from couchreg.http.couch.table import TABLE
from couchreg.http.registry.routes import ROUTES
from tests.access.conftest import ABSENT, ADMIN, BOB, HIDDEN, SHARED, Door, filled, needles, opened
from tests.conftest import ServerFactory

VOLATILE = {"Date", "X-Couch-Request-ID", "X-Request-ID", "X-CouchDB-Body-Time", "ETag", "Content-Length"}
HTML = {"Accept": "text/html"}
# Whoever wants a name has to be told that it is taken; nothing else is said.
TAKES_NAMES = {
    "PUT /{name}/{version}",
    "POST /-/package/{name}/access",
    "POST /datastore/authorize",
    "POST /-/publishing",
}
# What is of accounts, groups and uploads; the rights of whoever publishes are looked at elsewhere.
NAMES_NONE = {
    *(f"{method} /-/user/{{user}}" for method in ("GET", "PUT", "DELETE")),
    *(f"{method} /-/groups/{{group}}" for method in ("GET", "PUT", "DELETE")),
    *(f"{method} /-/groups/{{group}}/members/{{user}}" for method in ("PUT", "DELETE")),
    *(f"{method} /-/publishing/{{id}}" for method in ("GET", "POST", "DELETE")),
    *(f"{method} /-/publishing/{{id}}/{{path}}" for method in ("PUT", "POST")),
    *(f"{method} /-/publish/{{id}}" for method in ("GET", "POST")),
    *(f"{method} /-/uploads/{{id}}/{{number}}" for method in ("PUT", "OPTIONS")),
    *(f"POST /-/{page}" for page in ("login", "logout", "register", "account", "admin", "publish")),
    "PUT /adduser/{user}",
    "POST /-/tokens",
    "DELETE /-/tokens/{id}",
    "POST /-/oidc/token",
    "POST /datastore/finalize",
    "GET /-/static/{path}",
}
VIEWS = {
    "_id": "_design/all",
    "views": {
        "ids": {"map": "function (doc) { emit(doc._id, doc.title); }", "reduce": "_count"},
        "titles": {"map": "function (doc) { emit(doc.title, doc); }"},
    },
    "filters": {"every": "function (doc, req) { return true; }"},
    "shows": {"doc": "function (doc, req) { return JSON.stringify(doc); }"},
    "lists": {
        "rows": "function (head, req) { var row; while (row = getRow()) { send(JSON.stringify(row)); } }"
    },
}


@pytest.fixture
async def full(server: ServerFactory) -> AsyncIterator[Door]:
    app = await server(validation="off", analytics="on")
    async for door in opened(app):
        assert (await door.ask("PUT", "/registry/_design/all", ADMIN, couch=True, json=VIEWS))[0] == 201
        index = {"index": {"fields": ["title"]}, "ddoc": "by-title", "type": "json"}
        assert (await door.ask("POST", "/registry/_index", ADMIN, couch=True, json=index))[0] == 200
        await filled(door)
        await door.ask("GET", "/-/sparql?query=ASK%20%7B%7D", ADMIN)
        for name in ("open", *HIDDEN, SHARED):
            await _made(door, name)
        await door.settled()
        yield door


async def _made(door: Door, name: str) -> None:
    """Its tables are there, and somebody who may has had everything that is remembered of it."""
    async with asyncio.timeout(120):
        while True:
            _, found = await door.ask("GET", f"/-/parquet/{name}/1.0.0")
            if all(table["state"] != "pending" for table in found["tables"]):
                break
            await asyncio.sleep(0.1)
    for path in (f"/{name}", f"/{name}/1.0.0", f"/-/versions/{name}", f"/{name}/1.0.0/resw{name}w"):
        assert (await door.raw("GET", path, ADMIN))[0] == 200
    await door.ask("GET", f"/registry/_design/all/_view/titles?key=%22Title%20w{name}w%22", couch=True)


def registry_requests(name: str) -> Iterator[tuple[str, str, str]]:
    """The row of the table, method and path, for each route with a place for a package."""
    word = f"w{name}w"
    fill: Mapping[str, list[str]] = {
        "name": [name],
        "version": ["1.0.0", "latest"],
        "old": ["1.0.0"],
        "new": ["1.0.0"],
        "path": [f"res{word}", f"data/file{word}.csv", "datapackage.json", f"res{word}.parquet"],
        "tag": ["latest"],
        "cube": [f"{name}:res{word}"],
        "ref": [f"field{word}"],
        "who": ["bob"],
        "id": ["x"],
        "user": ["bob"],
        "group": ["x"],
        "number": ["0"],
    }
    for route in ROUTES:
        if "{name}" in route.path or "{cube}" in route.path:
            for path in _filled(route.path, fill):
                yield f"{route.method} {route.path}", route.method, path
        if route.path.startswith("/-/viewer/"):
            yield route.path, "GET", f"{route.path}?dataset={name}&config=default&split=res{word}"
    for text in (f"SELECT * FROM {name}.res{word}", f'SELECT * FROM "{name}@1.0.0"."res{word}"'):
        yield "sql", "GET", f"/-/sql?q={quote(text)}&rest=1"  # a page that waits for its answer
        yield "sql", "GET", f"/-/sql.json?sql={quote(text)}"
    yield "meta", "GET", f"/{name}/1.0.0/res{word}?meta=true"
    yield "clone", "GET", f"/{name}?clone=true"
    yield "linked", "GET", f"/{name}?profile=dcat-ap"


def bodies(name: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """The row of the table, path, and what is sent, where that names a package."""
    word = f"w{name}w"
    for verb in ("add", "rm"):
        yield f"POST /owner/{verb}", f"/owner/{verb}", {"json": {"username": "bob", "dpkgName": name}}
    yield "POST /-/sql", "/-/sql", {"json": {"q": f"SELECT * FROM {name}.res{word}"}}
    yield "POST /-/sparql", "/-/sparql", {"data": {"query": f"ASK {{ ?a ?b 'Title {word}' }}"}}
    file = {"length": 1, "md5": "0" * 32, "type": "text/plain", "sha256": "0" * 64, "bytes": 1}
    files = {"datapackage.json": file}
    metadata = {"name": name, "version": "1.0.0"}
    authorized = {"json": {"metadata": metadata, "filedata": files}}
    yield "POST /datastore/authorize", "/datastore/authorize", authorized
    yield "POST /-/publishing", "/-/publishing", {"json": {**metadata, "files": files}}


def _filled(template: str, fill: Mapping[str, list[str]]) -> list[str]:
    found = [template]
    for part in re.findall(r"\{(\w+)\}", template):
        found = [one.replace(f"{{{part}}}", value) for one in found for value in fill[part]]
    return found


def general_requests() -> Iterator[tuple[str, str, Any, bool]]:
    """Method, path, JSON and whether at the couch door, of what speaks of all packages."""
    for route in ROUTES:
        if "{" not in route.path and route.method == "GET":
            yield "GET", route.path, None, False
    for name in (*HIDDEN, SHARED):
        word = f"w{name}w"
        for form in ("search?keys=[%22{}%22]", "-/search?q={}", "-/v1/search?text={}", "-/search.atom?q={}"):
            for text in (word, f"title{word}", f"key{word}", word[:4] + "*"):
                yield "GET", "/" + form.format(text), None, False
    yield "GET", "/-/search?facet=keyword,license,publisher,format,type&q=", None, False
    yield "GET", "/-/search?in=resources&q=", None, False
    yield "GET", "/-/search?q=&sort=downloads", None, False
    yield "GET", "/-/packages?order=name", None, False
    yield "GET", "/-/packages?limit=1", None, False
    yield "GET", "/-/dependents/open", None, False
    yield "GET", "/?profile=dcat-ap", None, False
    yield "GET", "/api/3/cubes?pagesize=1", None, False
    triples = quote("SELECT * WHERE { ?a ?b ?c }")
    yield "GET", f"/-/sparql?query={triples}", None, False
    yield "GET", "/-/fragments?predicate=", None, False
    yield "GET", "/-/sql?q=" + quote("SELECT * FROM information_schema.tables"), None, False
    every = {"include_docs": True, "attachments": True}
    for path in ("_all_docs", "_changes", "_design/all/_view/ids", "_design/all/_view/titles"):
        yield "GET", f"/registry/{path}?include_docs=true", None, True
        yield "GET", f"/registry/{path}?descending=true&limit=3", None, True
        if path != "_changes":
            yield "POST", f"/registry/{path}", {"keys": [*ids(HIDDEN[0]), *ids(SHARED)]}, True
            yield "POST", f"/registry/{path}", every, True
    yield "GET", "/registry/_design/all/_view/ids?group=true", None, True
    yield "GET", "/registry/_design/all/_view/titles?stale=ok&include_docs=true", None, True
    yield "GET", "/registry/_design/all/_view/titles?update=false", None, True
    yield "GET", "/registry/_design/all/_list/rows/titles", None, True
    yield "GET", "/registry/_design/all/_info", None, True
    yield "GET", "/registry/_changes?style=all_docs&attachments=true&include_docs=true", None, True
    yield "GET", "/registry/_changes?filter=all/every&include_docs=true", None, True
    yield "GET", "/registry/_changes?filter=_view&view=all/ids", None, True
    yield "GET", "/registry/_changes?feed=continuous&timeout=200", None, True
    yield "POST", "/registry/_changes?filter=_selector", {"selector": {}}, True
    yield "POST", "/registry/_changes?filter=_doc_ids", {"doc_ids": ids(HIDDEN[0])}, True
    for selector in ({}, {"title": {"$gt": None}}, {"_id": {"$gt": None}}):
        yield "POST", "/registry/_find", {"selector": selector, "limit": 100}, True
    yield "POST", "/registry/_all_docs/queries", {"queries": [{}, {"startkey": "zz"}]}, True
    yield "GET", "/_couch/registry/_all_docs", None, False
    yield "GET", "/_couch/registry/_changes?include_docs=true", None, False
    yield "GET", "/registry", None, True
    yield "GET", "/_dbs_info", None, True
    yield "POST", "/_dbs_info", {"keys": ["registry"]}, True
    for row in TABLE:
        if "{" not in row.template and any(one.method == "GET" for one in row.operations):
            yield "GET", row.template + "?timeout=100", None, True


def rest_of(path: str) -> str:
    """Of a page, with what it would otherwise not wait for."""
    return path + ("&" if "?" in path else "?") + "rest=1"


def ids(name: str) -> list[str]:
    return [name, f"{name}@1.0.0"]


def couch_requests(name: str) -> Iterator[tuple[str, str, Any]]:
    """Method, path and JSON of all routes with a place for a document."""
    fill: Mapping[str, list[str]] = {
        "db": ["registry"],
        "docid": ids(name),
        "id": ids(name),
        "attachment": [f"data/filew{name}w.csv", "datapackage.json"],
        "path": ["doc/" + doc_id for doc_id in ids(name)],
    }
    for row in TABLE:
        template = row.template.replace("{attachment*}", "{attachment}").replace("{id*}", "{id}")
        template = template.replace("{ddoc}", "all").replace("{path?}", "{path}").replace("{path*}", "{path}")
        if set(re.findall(r"\{(\w+)\}", template)) & {"docid", "id", "path"}:
            for path in _filled(
                template,
                {
                    **fill,
                    "node": ["x"],
                    "job": ["x"],
                    "section": ["x"],
                    "key": ["x"],
                    "local": ["x"],
                    "view": ["ids"],
                    "partition": ["x"],
                },
            ):
                for method in {one.method for one in row.operations} & {"GET", "DELETE", "COPY"}:
                    yield method, path, None
    revs = "1-" + "0" * 32
    for doc_id in ids(name):
        yield "GET", f"/registry/{doc_id}?revs_info=true&conflicts=true", None
        yield "GET", f"/registry/{doc_id}?open_revs=all", None
        yield "GET", f"/registry/{doc_id}?open_revs=[%22{revs}%22]", None
        yield "PUT", f"/registry/{doc_id}", {"a": 1}
        yield "GET", f"/registry/_all_docs?key=%22{doc_id}%22&include_docs=true", None
        yield "GET", f"/registry/_design/all/_view/ids?key=%22{doc_id}%22&reduce=false", None
    yield "GET", f"/registry/_all_docs?startkey=%22{name}%22&endkey=%22{name}%40zzz%22", None
    yield "POST", "/registry/_all_docs", {"keys": ids(name)}
    yield "POST", "/registry/_bulk_get", {"docs": [{"id": one} for one in ids(name)]}
    yield "POST", "/registry/_bulk_get", {"docs": [{"id": one, "rev": revs} for one in ids(name)]}
    yield "POST", "/registry/_revs_diff", {one: [revs] for one in ids(name)}
    yield "POST", "/registry/_missing_revs", {one: [revs] for one in ids(name)}
    yield "POST", "/registry/_find", {"selector": {"_id": f"{name}@1.0.0"}}
    yield "POST", "/registry/_find", {"selector": {"title": f"Title w{name}w"}}
    yield "POST", "/registry/_explain", {"selector": {"_id": f"{name}@1.0.0"}}
    yield "POST", "/registry/_changes?filter=_doc_ids", {"doc_ids": ids(name)}


def plain(answer: tuple[int, dict[str, str], str], name: str) -> tuple[int, dict[str, str], str]:
    """An answer without the name that was asked for, and what differs between any two answers."""
    status, headers, text = answer
    boundary = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")  # of multipart, another each time
    kept = {key: boundary.sub("", value.replace(name, "…")) for key, value in headers.items()}
    kept = {key: value for key, value in kept.items() if key not in VOLATILE}
    text = re.sub(r'"execution_time_ms":[0-9.]+|"bookmark": ?"[^"]*"', "", text.replace(name, "…"))
    text = boundary.sub("", text)
    return status, kept, text


def test_every_route_of_the_registry_door_is_asked() -> None:
    asked = {row for row, _, _ in registry_requests(ABSENT)} | {row for row, _, _ in bodies(ABSENT)}
    asked |= {f"GET {path.partition('?')[0]}" for _, path, _, couch in general_requests() if not couch}
    rows = {f"{route.method} {route.path}" for route in ROUTES if route.path not in asked}
    assert rows - asked == NAMES_NONE


async def test_nothing_tells_of_a_package_that_one_may_not_read(full: Door) -> None:
    """One server for all of it: to have it filled takes longer than to ask it."""
    found: list[str] = []
    for who in (None, BOB):
        unseen = HIDDEN if who else (*HIDDEN, SHARED)
        found += await traces_in_general(full, who, unseen)
        for name in unseen:
            found += await answers_by_name(full, who, name)
    assert not found, "\n".join(found)
    await who_may_read_it_finds_it(full)


async def traces_in_general(door: Door, who: str | None, unseen: Sequence[str]) -> list[str]:
    told = []
    pages = [("GET", rest_of(path), HTML, False) for _, path, _, couch in general_requests() if not couch]
    for method, path, value, couch in [*general_requests(), *pages]:
        sent = {"headers": HTML} if value is HTML else {"json": value}
        status, headers, text = await door.raw(method, path, who, couch=couch, **sent)
        whole = f"{headers} {text}".casefold()
        for name in unseen:
            asked = name in f"{path} {value}"  # what was asked for may be said again
            words = ["title w"] if asked else needles(name)
            if any(word in whole for word in words):
                told.append(f"{status} {method} {path}: {name}: {text[:300]}")
    return told


async def answers_by_name(door: Door, who: str | None, name: str) -> list[str]:
    """Those that differ from what is answered for a name of the same length that nobody has."""
    assert len(name) == len(ABSENT)
    told = []
    pairs = zip(registry_requests(name), registry_requests(ABSENT), strict=True)
    for (row, method, path), (_, _, other) in pairs:
        sent = {} if method in ("GET", "DELETE") else {"json": {"version": "1.0.0", "message": "x"}}
        found = plain(await door.raw(method, path, who, **sent), name)
        expected = plain(await door.raw(method, other, who, **sent), ABSENT)
        if found != expected and row not in TAKES_NAMES:
            told.append(f"{row} {path}: {found} instead of {expected}")
    for (row, path, body), (_, _, other_body) in zip(bodies(name), bodies(ABSENT), strict=True):
        found = plain(await door.raw("POST", path, who, **body), name)
        expected = plain(await door.raw("POST", path, who, **other_body), ABSENT)
        if found != expected and (row not in TAKES_NAMES or who is None):
            told.append(f"{row}: {found} instead of {expected}")
    pages = zip(registry_requests(name), registry_requests(ABSENT), strict=True)
    for (_, method, path), (_, _, other) in pages:
        if method == "GET":
            found = plain(await door.raw(method, path, who, headers=HTML), name)
            expected = plain(await door.raw(method, other, who, headers=HTML), ABSENT)
            if found != expected:
                told.append(f"page {path}: {found} instead of {expected}")
    couch_pairs = zip(couch_requests(name), couch_requests(ABSENT), strict=True)
    for (method, path, value), (_, other, absent) in couch_pairs:
        found = plain(await door.raw(method, path, who, couch=True, json=value), name)
        expected = plain(await door.raw(method, other, who, couch=True, json=absent), ABSENT)
        if found != expected and "_shards" not in path:  # which go by a hash of the id, whatever it is
            told.append(f"{method} {path}: {found} instead of {expected}")
    return told


async def who_may_read_it_finds_it(full: Door) -> None:
    """So that there is something to miss."""
    for path in (f"/{SHARED}", f"/{SHARED}/1.0.0/resw{SHARED}w", f"/-/downloads/{SHARED}"):
        assert (await full.raw("GET", path, BOB))[0] == 200
    sql = quote(f'SELECT * FROM {SHARED}."resw{SHARED}w"')
    assert f"cellw{SHARED}w" in (await full.raw("GET", f"/-/sql?q={sql}", BOB))[2]
    assert SHARED in (await full.raw("GET", "/-/packages", BOB))[2]
    for path in ("_all_docs", "_changes"):
        text = (await full.raw("GET", f"/registry/{path}", BOB, couch=True))[2]
        assert f"{SHARED}@1.0.0" in text
    assert f"{HIDDEN[0]}@1.0.0" in (await full.raw("GET", "/registry/_all_docs", ADMIN, couch=True))[2]
    found = await full.ask("GET", "/registry/_design/all/_view/ids?reduce=false", ADMIN, couch=True)
    assert f"{HIDDEN[0]}@1.0.0" in {row["id"] for row in found[1]["rows"]}
    cached = (await full.raw("GET", f"/{SHARED}/1.0.0", BOB))[1]
    assert cached["Cache-Control"] == "private, no-cache"
    assert {"Authorization", "Cookie"} <= set(cached["Vary"].split(", "))
