"""The design document `registry`: what its views list, its filter passes, and its validation refuses.

With `COUCHREG_TEST_COUCHDB`, the address of a CouchDB with an administrator's name and password in it, the
same is asked of that one, unchanged, row by row.
"""

import base64
import json
import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
import pytest
from yarl import URL

from couchreg.designdocs import folders
from tests.http.couch.conftest import Couch

FOLDER = Path(__file__).parents[4] / "design_docs" / "registry" / "registry"
COUCHDB = os.environ.get("COUCHREG_TEST_COUCHDB", "")
Asked = Callable[..., Awaitable[tuple[int, Any]]]


def version(name: str, number: str, publisher: str, moment: str, **members: Any) -> dict[str, Any]:
    about = {"publisher": publisher, "published": moment, "hashes": {}}
    return {"_id": f"{name}@{number}", "name": name, "version": number, "couchreg": about, **members}


DOCS: list[dict[str, Any]] = [
    {"_id": "gdp", "name": "gdp", "owners": ["anna", "bob"], "dist-tags": {"latest": "2026"}},
    {"_id": "co2", "name": "co2", "owners": ["bob"]},
    {"_id": "odd", "name": "odd", "owners": "nobody"},
    version("gdp", "2025", "anna", "2025-03-01T10:00:00Z", keywords=["GDP", "gdp", "Économie"], title="GDP"),
    version("gdp", "2026", "bob", "2026-03-02T10:00:00Z", keywords="none", dataDependencies={"co2": ">=1"}),
    version("co2", "1.0.0", "bob", "2026-11-28T23:59:59Z", keywords=["air", 5, ""], **{"@type": "Dataset"}),
    version("co2", "1.1.0", "bob", "no moment", dataDependencies=["x"], **{"@type": ["Dataset", 1, "Thing"]}),
    {"_id": "co2@9", "name": "co2", "keywords": ["bare"]},
]

ROWS: dict[str, list[tuple[str, Any, Any]]] = {
    "packages": [
        ("co2", "co2", {"owners": ["bob"], "dist-tags": {}}),
        ("gdp", "gdp", {"owners": ["anna", "bob"], "dist-tags": {"latest": "2026"}}),
    ],
    "versions": [
        ("co2@1.0.0", ["co2", "1.0.0"], {"title": None, "published": "2026-11-28T23:59:59Z"}),
        ("co2@1.1.0", ["co2", "1.1.0"], {"title": None, "published": "no moment"}),
        ("gdp@2025", ["gdp", "2025"], {"title": "GDP", "published": "2025-03-01T10:00:00Z"}),
        ("gdp@2026", ["gdp", "2026"], {"title": None, "published": "2026-03-02T10:00:00Z"}),
    ],
    "by_keyword": [
        ("co2@1.0.0", "air", None),
        ("co2@9", "bare", None),
        ("gdp@2025", "économie", None),
        ("gdp@2025", "gdp", None),
    ],
    "by_owner": [("gdp", "anna", None), ("co2", "bob", None), ("gdp", "bob", None)],
    "by_publisher": [
        ("gdp@2025", ["anna", "2025-03-01T10:00:00Z"], None),
        ("gdp@2026", ["bob", "2026-03-02T10:00:00Z"], None),
        ("co2@1.0.0", ["bob", "2026-11-28T23:59:59Z"], None),
        ("co2@1.1.0", ["bob", "no moment"], None),
    ],
    "by_date": [
        ("gdp@2025", [2025, 3, 1, "2025-03-01T10:00:00Z"], None),
        ("gdp@2026", [2026, 3, 2, "2026-03-02T10:00:00Z"], None),
        ("co2@1.0.0", [2026, 11, 28, "2026-11-28T23:59:59Z"], None),
    ],
    "by_dependency": [("gdp@2026", "co2", ">=1")],
    "by_type": [("co2@1.0.0", "Dataset", None), ("co2@1.1.0", "Dataset", None), ("co2@1.1.0", "Thing", None)],
}


async def couchreg_asked(couch: Couch) -> AsyncIterator[Asked]:
    async def ask(method: str, path: str, body: Any = None) -> tuple[int, Any]:
        reply = await couch(method, path, body)
        return reply.status, reply.json

    yield ask


async def couchdb_asked() -> AsyncIterator[Asked]:
    """In a database of its own, which goes afterwards."""
    parts = urlsplit(COUCHDB)
    server = f"{parts.scheme}://{parts.hostname}:{parts.port or 5984}/couchreg-test-{uuid.uuid4().hex}"
    secret = base64.b64encode(f"{parts.username}:{parts.password}".encode()).decode()
    async with aiohttp.ClientSession(headers={"Authorization": f"Basic {secret}"}) as session:

        async def ask(method: str, path: str, body: Any = None) -> tuple[int, Any]:
            async with session.request(method, URL(server + path, encoded=True), json=body) as reply:
                return reply.status, await reply.json(content_type=None)

        assert (await ask("PUT", ""))[0] in (201, 202)
        try:
            yield ask
        finally:
            await ask("DELETE", "")


@pytest.fixture(params=["couchreg", "couchdb"] if COUCHDB else ["couchreg"])
async def ask(request: pytest.FixtureRequest, couch: Couch) -> AsyncIterator[Asked]:
    """A request to a database with the design document and the documents, as its administrator."""
    async for asked in couchreg_asked(couch) if request.param == "couchreg" else couchdb_asked():
        design = folders.read(FOLDER)
        assert (await asked("PUT", "/_design/registry", design.body()))[0] in (201, 202)
        assert (await asked("POST", "/_bulk_docs", {"docs": DOCS}))[0] in (201, 202)
        yield asked


async def test_the_rows_of_every_view(ask: Asked) -> None:
    assert set(ROWS) == set(folders.read(FOLDER).members["views"])
    for view, rows in ROWS.items():
        status, found = await ask("GET", f"/_design/registry/_view/{view}?reduce=false")
        listed = [(row["id"], row["key"], row["value"]) for row in found["rows"]]
        assert (status, listed) == (200, rows), view
    _, by_year = await ask("GET", "/_design/registry/_view/by_date?group_level=1")
    assert by_year["rows"] == [{"key": [2025], "value": 1}, {"key": [2026], "value": 2}]


@pytest.mark.parametrize(
    ("pattern", "ids"),
    [
        ("gdp", {"gdp", "gdp@2025", "gdp@2026"}),
        ("g*,odd", {"gdp", "gdp@2025", "gdp@2026", "odd"}),
        ("*d*d", {"odd"}),
        ("*", {doc["_id"] for doc in DOCS}),
        ("c*2*", {"co2", "co2@1.0.0", "co2@1.1.0", "co2@9"}),
        ("gd", set()),
    ],
)
async def test_the_filter_passes_packages(ask: Asked, pattern: str, ids: set[str]) -> None:
    _, found = await ask("GET", f"/_changes?filter=registry/package&package={quote(pattern)}")
    assert {row["id"] for row in found["results"]} == ids


ANNA = {"name": "anna", "roles": ["owner:gdp"]}
GDP = DOCS[0]
CASES: list[tuple[dict[str, Any], dict[str, Any] | None, dict[str, Any], str | None]] = [
    (version("gdp", "3", "anna", ""), None, ANNA, None),
    (version("gdp", "3", "anna", ""), None, {"name": None, "roles": []}, "unauthorized"),
    (version("gdp", "3", "eve", ""), None, {"name": "eve", "roles": []}, "forbidden"),
    (version("co2", "3", "anna", ""), None, ANNA, "forbidden"),
    (version("co2", "3", "x", ""), None, {"name": "x", "roles": ["_admin"]}, None),
    (version("gdp", "2025", "anna", ""), DOCS[3], ANNA, "forbidden"),
    ({"_id": "gdp@2025", "_deleted": True}, DOCS[3], ANNA, None),
    ({"_id": "co2@1.0.0", "_deleted": True}, DOCS[5], ANNA, "forbidden"),
    ({**version("gdp", "3", "anna", ""), "version": "4"}, None, ANNA, "forbidden"),
    ({**version("gdp", "3", "anna", ""), "name": "co2"}, None, ANNA, "forbidden"),
    ({**GDP, "owners": ["anna", "eve"]}, GDP, ANNA, None),
    ({**GDP, "owners": ["bob"]}, GDP, {"name": "bob", "roles": []}, None),
    ({**GDP, "owners": []}, GDP, ANNA, "forbidden"),
    ({**GDP, "owners": ["eve"]}, GDP, {"name": "eve", "roles": []}, "forbidden"),
    ({"_id": "gdp", "_deleted": True}, GDP, ANNA, "forbidden"),
    ({"_id": "new", "name": "new", "owners": ["eve"]}, None, {"name": "eve", "roles": []}, None),
    ({"_id": "new", "name": "new", "owners": ["anna"]}, None, {"name": "eve", "roles": []}, "forbidden"),
    ({"_id": "new", "name": "other", "owners": ["eve"]}, None, {"name": "eve", "roles": []}, "forbidden"),
    ({"_id": "No Name", "owners": ["eve"]}, None, {"name": "eve", "roles": []}, "forbidden"),
    ({"_id": "gdp@", "name": "gdp", "version": ""}, None, ANNA, "forbidden"),
    ({"_id": "a@b@c", "name": "a", "version": "b@c"}, None, {"name": "e", "roles": ["owner:a"]}, "forbidden"),
]


async def test_an_owner_writes_what_they_own_and_nothing_else(ask: Asked) -> None:
    """The function is called by a show, with users that neither server has to know."""
    source = folders.read(FOLDER).members["validate_doc_update"]
    show = f"""function (doc, req) {{
      var validate = {source[source.index("function") :]};
      var asked = JSON.parse(req.body);
      try {{
        validate(asked[0], asked[1], asked[2], {{}});
      }} catch (error) {{
        return {{json: Object.keys(error)}};
      }}
      return {{json: []}};
    }}"""
    assert (await ask("PUT", "/_design/called", {"shows": {"f": show}}))[0] in (201, 202)
    for new, old, user, word in CASES:
        status, found = await ask("POST", "/_design/called/_show/f", [new, old, user])
        assert (status, found) == (200, [word] if word else []), json.dumps([new, old, user])


async def test_what_is_no_package_is_refused_on_its_way_in(couch: Couch) -> None:
    await couch.rev("_design/registry", folders.read(FOLDER).body())
    anna = {"Authorization": "anna"}
    assert (await couch("PUT", "/new", {"name": "new", "owners": ["anna"]}, headers=anna)).status == 201
    refused = await couch("PUT", "/new@1", {"name": "new", "version": "1"}, headers=anna)
    assert (refused.status, refused.json["reason"]) == (403, "You do not own new.")
