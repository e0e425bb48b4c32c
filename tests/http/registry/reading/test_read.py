"""Reading over HTTP: descriptors, files, ranges, conditions, listings, and what answers otherwise."""

import asyncio
import json
from typing import Any

import frictionless
import pandas
import pytest

from couchreg.docstore.base import Edit
from couchreg.model.user import SYSTEM
from tests.packages import Package, small
from tests.served import Serve, Served

WORDS = b"id,word\n1,one\n2,two\n"


@pytest.fixture
async def words(served: Served) -> Served:
    """A registry with `small` in version 1.0.0."""
    assert (await served.put(small(), "1.0.0"))[0] == 201
    return served


async def test_frictionless_and_pandas_read_a_version_as_it_is(served: Served) -> None:
    package = Package.shipped("gdp")
    version = package.members["version"]
    await served.put(package, version)
    url = f"{served.url}/gdp/{version}"
    found = await asyncio.to_thread(lambda: frictionless.Package(url))
    assert found.resource_names == ["top-economies", "gdp"]
    rows = await asyncio.to_thread(lambda: found.get_resource("top-economies").read_rows())
    assert len(rows) == 230
    report = await asyncio.to_thread(lambda: found.validate())
    assert report.valid, report.flatten()
    table = await asyncio.to_thread(pandas.read_csv, f"{url}/gdp")
    assert len(table) == 13979
    beside = await asyncio.to_thread(
        lambda: frictionless.Package(f"{url}/datapackage.json").resources[0].read_rows()
    )
    assert len(beside) == 230


async def test_the_descriptor_gives_each_resource_a_url_and_says_what_it_is(words: Served) -> None:
    status, descriptor = await words.get("/small/1.0.0")
    resource = descriptor["resources"][0]
    assert status == 200
    assert list(descriptor) == ["name", "resources", "version", "couchreg"]
    assert resource["path"] == f"{words.url}/small/1.0.0/words"
    assert (resource["format"], resource["mediatype"], resource["bytes"]) == ("csv", "text/csv", len(WORDS))
    paths = [file["path"] for file in descriptor["couchreg"]["files"]]
    assert paths == ["datapackage.json", "data/words.csv"]
    assert await words.get("/small") == await words.get("/small/latest") == (200, descriptor)


async def test_latest_follows_semver_and_ranges_choose(served: Served) -> None:
    for version in ("1.9.0", "1.10.0", "2.0.0-beta", "1.2.0"):
        assert (await served.put(small(), version))[0] == 201
    assert (await served.get("/small"))[1]["version"] == "1.10.0"
    assert (await served.get("/small?range=~1.2"))[1]["version"] == "1.2.0"
    _, listed = await served.get("/-/versions/small")
    assert (listed["latest"], [row["version"] for row in listed["versions"]]) == (
        "1.10.0",
        ["2.0.0-beta", "1.10.0", "1.9.0", "1.2.0"],
    )
    assert listed["versions"][0]["publisher"] == "admin"


async def test_a_file_answers_at_its_resource_and_at_its_path(words: Served) -> None:
    for path in ("/small/1.0.0/words", "/small/latest/words", "/small/1.0.0/data/words.csv"):
        status, headers, data = await words.fetch(path)
        assert (status, data, headers["Content-Type"]) == (200, WORDS, "text/csv")
        assert headers["Content-Length"] == str(len(WORDS))
        assert headers["Accept-Ranges"] == "bytes"
    async with words.client.head(f"{words.url}/small/1.0.0/words") as response:
        assert (response.status, response.headers["Content-Length"]) == (200, str(len(WORDS)))
        assert await response.read() == b""


async def test_meta_is_the_resources_descriptor_alone(words: Served) -> None:
    _, descriptor = await words.get("/small/1.0.0")
    assert await words.get("/small/1.0.0/words?meta=true") == (200, descriptor["resources"][0])
    assert await words.get("/small/1.0.0/data/words.csv?meta=true") == (200, descriptor["resources"][0])
    status, answer = await words.get("/small/1.0.0/datapackage.json?meta=true")
    assert (status, answer["reason"]) == (
        404,
        "'datapackage.json' is not all the data of one resource: ask for it without “meta”.",
    )


@pytest.mark.parametrize(
    ("asked", "status", "data", "content_range"),
    [
        ("bytes=0-7", 206, WORDS[:8], "bytes 0-7/20"),
        ("bytes=8-", 206, WORDS[8:], "bytes 8-19/20"),
        ("bytes=-6", 206, WORDS[-6:], "bytes 14-19/20"),
        ("bytes=-600", 206, WORDS, "bytes 0-19/20"),
        ("bytes=15-900", 206, WORDS[15:], "bytes 15-19/20"),
        ("bytes=20-", 416, None, "bytes */20"),
        ("bytes=0-1,5-6", 200, WORDS, None),
        ("lines=1-2", 200, WORDS, None),
        ("bytes=5-2", 200, WORDS, None),
    ],
)
async def test_ranges(
    words: Served, asked: str, status: int, data: bytes | None, content_range: str | None
) -> None:
    found, headers, body = await words.fetch("/small/1.0.0/words", Range=asked)
    assert (found, headers.get("Content-Range")) == (status, content_range)
    if data is not None:
        assert body == data


async def test_conditions(words: Served) -> None:
    path = "/small/1.0.0/words"
    _, headers, _ = await words.fetch(path)
    tag, modified = headers["ETag"], headers["Last-Modified"]
    assert not tag.startswith("W/")
    assert (await words.fetch(path, If_None_Match=tag))[0] == 304
    assert (await words.fetch(path, If_None_Match='"other"'))[0] == 200
    assert (await words.fetch(path, If_Modified_Since=modified))[0] == 304
    assert (await words.fetch(path, If_Match='"other"'))[0] == 412
    assert (await words.fetch(path, Range="bytes=0-1", If_Range=tag))[0] == 206
    assert (await words.fetch(path, Range="bytes=0-1", If_Range='"other"'))[0] == 200
    _, headers, _ = await words.fetch("/small/1.0.0")
    status, _, body = await words.fetch("/small/1.0.0", If_None_Match=headers["ETag"])
    assert (status, body) == (304, b"")


async def test_published_pages_do_not_run_in_the_registrys_origin(served: Served) -> None:
    package = small()
    package.files |= {"page.html": b"<script>alert(1)</script>", "pixel.svg": b"<svg/>"}
    await served.put(package, "1")
    for path in ("page.html", "pixel.svg", "words"):
        _, headers, _ = await served.fetch(f"/small/1/{path}")
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in headers["Content-Security-Policy"]
    body, sent = small(), {"page.html": b"<script>"}
    body.files |= sent
    resources = [{"name": "page", "path": "page.html", "mediatype": "text/html"}]
    page = {"name": "pages", "resources": resources, "_attachments": {"page.html": {"data": "PHM+"}}}
    assert (await served.put_json("/pages/1", page))[0] == 201
    _, headers, _ = await served.fetch("/pages/1/page")
    assert headers["Content-Type"] == "text/html"
    assert headers["Content-Disposition"].startswith("attachment")


async def test_a_resource_in_several_files_streams_as_one(served: Served) -> None:
    files = {"a.csv": b"id\n1\n", "b.csv": b"2\n3\n"}
    package = Package({"name": "multi", "resources": [{"name": "all", "path": list(files)}]}, files)
    status, answer = await served.put(package, "1")
    assert status == 201, answer
    _, descriptor = await served.get("/multi/1")
    assert descriptor["resources"][0]["path"] == [
        f"{served.url}/multi/1/a.csv",
        f"{served.url}/multi/1/b.csv",
    ]
    assert (await served.fetch("/multi/1/all"))[2] == b"id\n1\n2\n3\n"
    status, _, data = await served.fetch("/multi/1/all", Range="bytes=3-6")
    assert (status, data) == (206, b"1\n2\n")


async def test_names_with_blanks_slashes_and_other_alphabets(serve: Serve) -> None:
    served = await serve(validation="off")  # frictionless would refuse the resource's name
    files = {"data/naïve file.csv": b"id\n1\n"}
    resources = [{"name": "Über/alles 100%", "path": "data/naïve file.csv"}]
    assert (await served.put(Package({"name": "odd", "resources": resources}, files), "1+b_2"))[0] == 201
    _, descriptor = await served.get("/odd/1+b_2")
    addresses = [
        descriptor["resources"][0]["path"],
        *(file["url"] for file in descriptor["couchreg"]["files"]),
    ]
    for url in addresses:
        status, _, data = await served.fetch(url.removeprefix(served.url))
        assert status == 200
        assert data in (
            b"id\n1\n",
            json.dumps(
                {"name": "odd", "resources": resources}, ensure_ascii=False, separators=(",", ":")
            ).encode(),
        )


async def test_a_version_that_came_by_replication_is_served(served: Served) -> None:
    body: dict[str, Any] = {"resources": [{"name": "rows", "data": [[1], [2]]}]}
    edit = Edit("far@1", "1-" + "a" * 32, False, body, (), ("a" * 32,))
    await served.database.update([edit], new_edits=False, user=SYSTEM)
    _, descriptor = await served.get("/far")
    assert (descriptor["name"], descriptor["version"]) == ("far", "1")
    assert await served.get("/far/1/rows") == (200, [[1], [2]])
    assert await served.get("/far/1/datapackage.json") == (200, body)


async def test_packages_are_listed_in_pages(served: Served) -> None:
    for name in ("alpha", "alpha-two", "beta"):
        await served.put(small(name), "1")
    await served.put(small("alpha"), "2")
    _, page = await served.get("/-/packages?limit=2&order=name")
    assert [(row["name"], row["latest"], row["versions"]) for row in page["packages"]] == [
        ("alpha", "2", ["1", "2"]),
        ("alpha-two", "1", ["1"]),
    ]
    _, rest = await served.get(page["next"].removeprefix(served.url))
    assert ([row["name"] for row in rest["packages"]], rest["next"]) == (["beta"], None)


async def test_search_takes_a_json_list_of_words(served: Served) -> None:
    status, found = await served.get('/search?keys=["gross","product"]&limit=5&skip=2')
    assert (status, found["total"], found["hits"][0]["url"]) == (200, 1, f"{served.url}/gdp/2026")
    assert served.index.asked == [(["gross", "product"], 5, 2, [])]
    for keys in ("", "gross", "[]", "[1]", '{"a":1}', '[""]'):
        status, answer = await served.get(f"/search?keys={keys}")
        assert (status, answer["error"]) == (400, "bad_request")
    assert (await served.get('/search?keys=["a"]&limit=1e9'))[0] == 400
    served.index.asked.clear()
    assert (await served.get("/search?type=Dataset&type=http://example.org/Kind"))[0] == 200
    assert (await served.get('/search?keys=["a"]&type=Dataset'))[0] == 200
    assert [(words, types) for words, _, _, types in served.index.asked] == [
        ([], ["Dataset", "http://example.org/Kind"]),
        (["a"], ["Dataset"]),
    ]
    for wrong in ("type=", "type=" + "x" * 1001, "type=a&keys=", "&".join(["type=a"] * 51)):
        assert (await served.get(f"/search?{wrong}"))[0] == 400


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/nothing", "/-/packages"),
        ("/small/9", "the latest is '1.0.0'"),
        ("/small/^1", "the latest is '1.0.0'"),
        ("/small/%ff", "the latest is '1.0.0'"),
        ("/small/1.0.0/nothing", "its resources: words"),
        ("/small/1.0.0/../../secret", ""),
        ("/-/nothing", ""),
        ("/-/report/nothing/1", ""),
        ("/small@1.0.0", ""),
        ("/Small", ""),
    ],
)
async def test_what_is_not_there_says_where_to_look(words: Served, path: str, hint: str) -> None:
    status, answer = await words.get(path)
    assert (status, answer["error"]) == (404, "not_found")
    assert hint in answer["reason"] != ""


async def test_wrong_methods_are_told_the_right_ones(words: Served) -> None:
    async with words.client.post(f"{words.url}/small/1.0.0") as response:
        assert response.status == 405
        assert "PUT" in response.headers["Allow"]
        assert (await response.json())["error"] == "method_not_allowed"


async def test_addresses_come_from_the_host_or_the_setting_and_from_nothing_else(serve: Serve) -> None:
    served = await serve()
    await served.put(small(), "1")
    sent = {"Host": "data.example:81", "X_Forwarded_Host": "evil.example", "X_Forwarded_Proto": "https"}
    _, _, text = await served.fetch("/small/1", **sent)
    assert json.loads(text)["resources"][0]["path"] == "http://data.example:81/small/1/words"
    for host in ("a b", "evil.example/path", 'x"y', "user@host"):
        assert (await served.fetch("/small/1", Host=host))[0] == 400


async def test_the_public_url_stands_before_every_address(serve: Serve) -> None:
    served = await serve(public_url="https://data.example/registry/")
    _, answer = await served.put(small(), "1")
    assert answer["url"] == "https://data.example/registry/small/1"
