"""Packages whose descriptors are large are shown as others are, and never read as a whole."""

import json
from typing import Any

import pytest

from couchreg.model.json import Raw
from couchreg.registry.reading.outline import LONG
from tests.served import Serve, Served

ROWS = [[number, "x"] for number in range(10_000)]
CONTEXT = {f"term{number}": f"http://example.org/{number}" for number in range(5_000)}
PACKAGE: dict[str, Any] = {
    "name": "large",
    "@context": CONTEXT,
    "title": "Large",
    "dataDependencies": {"large": "^1"},
    "resources": [
        {"name": "rows", "data": ROWS, "format": "csv"},
        {"name": "text", "data": "é" * LONG, "format": "txt"},
        {"name": "sparse", "data": [{f"c{n}": n} for n in range(3_000)], "format": "csv"},
        {"name": "small", "data": [["id"], [1]], "format": "csv"},
        {"name": "huge", "data": [[n, n] for n in range(150_000)], "format": "csv"},
    ],
}


@pytest.fixture
async def large(serve: Serve) -> Served:
    served = await serve(validation="off")
    assert (await put(served, "large", PACKAGE))[0] == 201
    return served


async def put(served: Served, name: str, package: dict[str, Any]) -> tuple[int, Any]:
    body = json.dumps(package).encode()
    return await served.send(f"/{name}/1.0.0", body, {"Content-Type": "application/json"})


async def test_the_descriptor_is_served_whole(large: Served) -> None:
    status, headers, body = await large.fetch("/large/1.0.0")
    found = json.loads(body)
    assert status == 200
    assert (found["@context"], found["title"]) == (CONTEXT, "Large")
    assert [item["data"] for item in found["resources"]] == [item["data"] for item in PACKAGE["resources"]]
    assert (found["couchreg"]["publisher"], len(found["couchreg"]["files"])) == ("admin", 1)
    assert 'rel="canonical"' in headers["Link"]
    assert (await large.fetch("/large/1.0.0", If_None_Match=headers["ETag"]))[0] == 304
    elsewhere = await large.fetch("/large/1.0.0", Host="other.example")
    assert elsewhere[1]["ETag"] != headers["ETag"]
    async with large.client.head(f"{large.url}/large/1.0.0") as answer:
        assert (answer.status, answer.headers["ETag"]) == (200, headers["ETag"])


async def test_what_is_long_stays_text_in_memory(large: Served) -> None:
    version = await large.registry.catalog.version("large", "1.0.0")
    assert version.is_large
    assert isinstance(version.document["@context"], Raw)
    assert isinstance(version.resources["huge"].members["data"], Raw)
    assert version.resources["small"].members["data"] == [["id"], [1]]


async def test_inline_rows_become_a_table_while_that_is_one(large: Served) -> None:
    assert (await large.fetch("/large/1.0.0/rows"))[2].startswith(b"0,x\n1,x\n")
    assert (await large.fetch("/large/1.0.0/small"))[2] == b"id\n1\n"
    assert (await large.fetch("/large/1.0.0/text"))[2].decode() == "é" * LONG
    for name in ("sparse", "huge"):
        _, headers, body = await large.fetch(f"/large/1.0.0/{name}", Accept_Encoding="identity")
        assert headers["Content-Type"] == "application/json"
        assert int(headers["Content-Length"]) == len(body)
        resource = next(item for item in PACKAGE["resources"] if item["name"] == name)
        assert json.loads(body) == resource["data"]
        assert (await large.fetch(f"/large/1.0.0/{name}", If_None_Match=headers["ETag"]))[0] == 304


async def test_resources_views_and_dependencies(large: Served) -> None:
    status, found = await large.get("/large/1.0.0/small?meta=true")
    assert (status, found["name"]) == (200, "small")
    for profile in ("schema.org", "dcat-ap", "croissant"):
        status, headers, body = await large.fetch(f"/large/1.0.0?profile={profile}")
        assert (status, headers["Content-Type"].partition(";")[0]) == (200, "application/ld+json")
        assert len(json.loads(body)) > 5
    status, found = await large.get("/-/dependencies/large/1.0.0")
    assert found["dependencies"][0]["version"] == "1.0.0"
    assert (await large.get("/-/versions/large"))[1]["versions"][0]["version"] == "1.0.0"


@pytest.mark.parametrize(
    "members",
    [
        {"resources": [{"name": f"r{n}", "data": []} for n in range(20_001)]},
        {"resources": [{"name": "r", "data": [], **{f"m{n}": n for n in range(1_000)}}]},
        {"resources": [{"name": "r", "data": []}], **{f"m{n}": n for n in range(1_000)}},
    ],
)
async def test_a_descriptor_has_bounds_in_numbers(served: Served, members: dict[str, Any]) -> None:
    status, found = await put(served, "many", {"name": "many", **members})
    assert status == 400
    assert "at most" in found["reason"]
