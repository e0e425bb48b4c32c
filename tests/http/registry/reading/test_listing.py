"""Listings under /-/: packages by date, versions, dist-tags, deprecation, dependencies."""

import hashlib
from typing import Any

import pytest

from tests.packages import small
from tests.served import ADMIN, ANNA, Served


async def write(
    served: Served, method: str, path: str, value: Any = None, auth: str = ADMIN
) -> tuple[int, Any]:
    headers = {"Authorization": auth} if auth else {}
    async with served.client.request(method, served.url + path, json=value, headers=headers) as response:
        return response.status, await response.json()


@pytest.fixture
async def three(served: Served) -> Served:
    """`small` in 1.0.0, 1.1.0 and 2.0.0."""
    for version in ("1.0.0", "1.1.0", "2.0.0"):
        assert (await served.put(small(title="Small"), version))[0] == 201
    return served


async def test_packages_come_newest_first_and_in_pages_without_repetition(served: Served) -> None:
    for name, version in (("a", "1"), ("b", "1"), ("c", "1"), ("a", "2"), ("d", "1"), ("b", "0.5")):
        assert (await served.put(small(name), version))[0] == 201
    seen, path = [], "/-/packages?limit=2"
    while path:
        _, page = await served.get(path)
        seen.append([row["name"] for row in page["packages"]])
        path = (page["next"] or "").removeprefix(served.url)
    assert seen == [["b", "d"], ["a", "c"]]
    assert (await served.get("/-/packages?order=oldest"))[0] == 400
    assert (await served.get("/-/packages?start=nonsense"))[0] == 400


async def test_a_page_goes_on_where_it_was_when_something_is_published_meanwhile(served: Served) -> None:
    for name in ("a", "b", "c"):
        await served.put(small(name), "1")
    _, page = await served.get("/-/packages?limit=2")
    await served.put(small("a"), "2")
    _, rest = await served.get(page["next"].removeprefix(served.url))
    assert [row["name"] for row in page["packages"]] == ["c", "b"]
    assert rest["packages"] == []  # "a" is at the top now
    _, first = await served.get("/-/packages")
    assert [row["name"] for row in first["packages"]] == ["a", "c", "b"]


async def test_a_listing_is_sent_again_only_when_it_has_changed(three: Served) -> None:
    _, headers, _ = await three.fetch("/-/packages")
    assert (await three.fetch("/-/packages", If_None_Match=headers["ETag"]))[0] == 304
    await three.put(small("other"), "1")
    assert (await three.fetch("/-/packages", If_None_Match=headers["ETag"]))[0] == 200


async def test_versions_show_dates_publishers_sizes_and_hashes(three: Served) -> None:
    _, listed = await three.get("/-/versions/small")
    assert [row["version"] for row in listed["versions"]] == ["2.0.0", "1.1.0", "1.0.0"]
    row = listed["versions"][0]
    _, descriptor = await three.get("/small/2.0.0")
    files = descriptor["couchreg"]["files"]
    lines = sorted((file["path"], file["hash"].removeprefix("sha256:")) for file in files)
    manifest = "".join(f"{digest}  {path}\n" for path, digest in lines)
    assert row["hash"] == f"sha256:{hashlib.sha256(manifest.encode()).hexdigest()}"
    assert (row["files"], row["bytes"]) == (2, sum(file["bytes"] for file in files))
    assert (row["publisher"], row["tags"], row["deprecated"]) == ("admin", ["latest"], None)
    assert row["published"] == descriptor["couchreg"]["published"]
    assert (await three.get("/-/versions/nothing"))[0] == 404


async def test_a_dist_tag_leads_to_a_version(three: Served) -> None:
    assert await three.get("/-/dist-tags/small") == (200, {"latest": "2.0.0"})
    status, tags = await write(three, "PUT", "/-/dist-tags/small/stable", {"version": "1.0.0"})
    assert (status, tags) == (200, {"latest": "2.0.0", "stable": "1.0.0"})
    assert (await three.get("/small/stable"))[1]["version"] == "1.0.0"
    assert (await three.get("/small?range=stable"))[1]["version"] == "1.0.0"
    assert (await three.fetch("/small/stable/words"))[0] == 200
    assert (await write(three, "DELETE", "/-/dist-tags/small/stable"))[1] == {"latest": "2.0.0"}
    assert (await three.get("/small/stable"))[0] == 404
    assert (await write(three, "DELETE", "/-/dist-tags/small/stable"))[0] == 404


async def test_latest_is_computed_unless_it_is_set(three: Served) -> None:
    assert (await write(three, "PUT", "/-/dist-tags/small/latest", {"version": "1.1.0"}))[0] == 200
    assert (await three.get("/small"))[1]["version"] == "1.1.0"
    assert (await three.get("/small/latest"))[1]["version"] == "1.1.0"
    assert (await three.get("/-/packages"))[1]["packages"][0]["latest"] == "1.1.0"
    await three.put(small(), "3.0.0")
    assert (await three.get("/-/versions/small"))[1]["latest"] == "1.1.0"
    assert (await write(three, "DELETE", "/-/dist-tags/small/latest"))[1] == {"latest": "3.0.0"}
    assert (await three.get("/small"))[1]["version"] == "3.0.0"


@pytest.mark.parametrize(
    ("tag", "version", "status"),
    [
        ("stable", "9.9.9", 404),
        ("stable", ["1.0.0"], 400),
        ("1.0.0", "1.0.0", 400),
        ("v1", "1.0.0", 400),
        ("x", "1.0.0", 400),
        ("search", "1.0.0", 400),
        ("a%20b", "1.0.0", 400),
        ("t" * 101, "1.0.0", 400),
    ],
)
async def test_a_tag_cannot_be_mistaken_for_a_version(
    three: Served, tag: str, version: Any, status: int
) -> None:
    assert (await write(three, "PUT", f"/-/dist-tags/small/{tag}", {"version": version}))[0] == status
    assert await three.get("/-/dist-tags/small") == (200, {"latest": "2.0.0"})


async def test_only_owners_tag_and_deprecate(three: Served) -> None:
    for path, body in (
        ("dist-tags/small/stable", {"version": "1.0.0"}),
        ("deprecated/small", {"message": "no"}),
        ("deprecated/small/1.0.0", {"message": "no"}),
        ("yanked/small/1.0.0", {"message": "no"}),
    ):
        assert (await write(three, "PUT", f"/-/{path}", body, ANNA))[0] == 403
        assert (await write(three, "DELETE", f"/-/{path}", None, ANNA))[0] == 403
        assert (await write(three, "PUT", f"/-/{path}", body, ""))[0] == 401
    await three.put(small("annas"), "1.0.0", auth=ANNA)
    assert (await write(three, "PUT", "/-/dist-tags/annas/stable", {"version": "1.0.0"}, ANNA))[0] == 200


async def test_a_yanked_version_is_read_by_its_name_alone(three: Served) -> None:
    await write(three, "PUT", "/-/dist-tags/small/newest", {"version": "2.0.0"})
    said = {"message": "counted twice"}
    assert await write(three, "PUT", "/-/yanked/small/2.0.0", said) == (200, {"2.0.0": "counted twice"})
    assert await three.get("/-/yanked/small") == (200, {"2.0.0": "counted twice"})
    for address in ("/small", "/small/latest", "/small?range=*"):
        assert (await three.get(address))[1]["version"] == "1.1.0", address
    assert (await three.get("/small/newest"))[0] == (await three.get("/small?range=%5E2"))[0] == 404
    assert (await three.get("/-/dist-tags/small"))[1] == {"latest": "1.1.0"}
    assert (await write(three, "PUT", "/-/dist-tags/small/other", {"version": "2.0.0"}))[0] == 400
    assert (await three.get("/small/2.0.0"))[1]["couchreg"]["yanked"] == "counted twice"
    _, headers, _ = await three.fetch("/small/2.0.0")
    assert "immutable" not in headers["Cache-Control"]
    assert (await three.fetch("/small/2.0.0/words"))[0] == 200
    _, listed = await three.get("/-/versions/small")
    assert [(row["version"], row["yanked"]) for row in listed["versions"]] == [
        ("2.0.0", "counted twice"),
        ("1.1.0", None),
        ("1.0.0", None),
    ]
    assert b"/small/2.0.0" not in (await three.fetch("/-/versions.atom"))[2]
    page = (await three.fetch("/small/2.0.0", Accept="text/html"))[2].decode()
    assert "counted twice" in page
    assert "Use this version instead" in page
    assert await write(three, "DELETE", "/-/yanked/small/2.0.0") == (200, {})
    assert (await three.get("/small/newest"))[1]["version"] == "2.0.0"
    assert "yanked" not in (await three.get("/small"))[1]["couchreg"]


async def test_a_package_of_yanked_versions_keeps_its_page(three: Served) -> None:
    for version in ("1.0.0", "1.1.0", "2.0.0"):
        await write(three, "PUT", f"/-/yanked/small/{version}", {"message": f"not {version}"})
    assert (await three.get("/small"))[1]["couchreg"]["yanked"] == "not 2.0.0"
    assert (await three.get("/-/packages"))[1]["packages"][0]["yanked"] == "not 2.0.0"
    status, found = await three.get("/small?range=1.x")
    assert (status, "All versions of 'small' are yanked" in found["reason"]) == (404, True)
    await write(three, "DELETE", "/small/2.0.0", None)
    assert (await three.get("/-/yanked/small"))[1] == {"1.0.0": "not 1.0.0", "1.1.0": "not 1.1.0"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "small/9", {"message": "m"}, 404),
        ("PUT", "nothing/1", {"message": "m"}, 404),
        ("PUT", "small/1.0.0", {"message": " "}, 400),
        ("PUT", "small/1.0.0", {"message": "m" * 1001}, 400),
        ("PUT", "small/1.0.0", {}, 400),
        ("DELETE", "small/1.0.0", None, 404),
    ],
)
async def test_a_yank_that_makes_no_sense(
    three: Served, method: str, path: str, body: Any, status: int
) -> None:
    assert (await write(three, method, f"/-/yanked/{path}", body))[0] == status
    assert await three.get("/-/yanked/small") == (200, {})


async def test_what_is_deprecated_says_so_wherever_it_is_read(three: Served) -> None:
    status, found = await write(three, "PUT", "/-/deprecated/small/1.0.0", {"message": "wrong units"})
    assert (status, found) == (200, {"1.0.0": "wrong units"})
    assert (await three.get("/small/1.0.0"))[1]["couchreg"]["deprecated"] == "wrong units"
    assert "deprecated" not in (await three.get("/small/1.1.0"))[1]["couchreg"]
    _, listed = await three.get("/-/versions/small")
    assert [row["deprecated"] for row in listed["versions"]] == [None, None, "wrong units"]
    await write(three, "PUT", "/-/deprecated/small?range=%3C2", {"message": "old"})
    assert (await three.get("/-/deprecated/small"))[1] == {"1.0.0": "old", "1.1.0": "old"}
    await write(three, "PUT", "/-/deprecated/small", {"message": "use large"})
    assert (await three.get("/small"))[1]["couchreg"]["deprecated"] == "use large"
    assert (await three.get("/-/packages"))[1]["packages"][0]["deprecated"] == "use large"
    assert (await write(three, "DELETE", "/-/deprecated/small"))[1] == {"1.0.0": "old", "1.1.0": "old"}
    assert (await write(three, "DELETE", "/-/deprecated/small?range=*"))[1] == {}
    assert (await three.get("/small/1.0.0"))[1]["couchreg"].get("deprecated") is None


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "small", {"message": " "}, 400),
        ("PUT", "small", {}, 400),
        ("PUT", "small", "why", 400),
        ("PUT", "small", {"message": "x" * 1001}, 400),
        ("PUT", "small/9", {"message": "x"}, 404),
        ("PUT", "small?range=%5E9", {"message": "x"}, 404),
        ("PUT", "nothing", {"message": "x"}, 404),
        ("PUT", "small?range=what", {"message": "x"}, 400),
        ("PUT", "small", {"message": "x" * 70_000}, 413),
        ("DELETE", "small", None, 404),
        ("DELETE", "small/1.0.0", None, 404),
    ],
)
async def test_a_deprecation_that_makes_no_sense(
    three: Served, method: str, path: str, body: Any, status: int
) -> None:
    assert (await write(three, method, f"/-/deprecated/{path}", body))[0] == status
    assert await three.get("/-/deprecated/small") == (200, {})


async def test_dependencies_are_resolved_to_versions_and_theirs_too(three: Served) -> None:
    needs = {"small": "^1", "base": "*", "absent": "1", "odd": 7, "circle": "1"}
    await three.put(small("base", dataDependencies={"small": "2"}), "0.1.0")
    await three.put(small("circle", dataDependencies={"top": "*"}), "1.0.0")
    assert (await three.put(small("top", dataDependencies=needs), "1.0.0"))[0] == 201
    _, found = await three.get("/-/dependencies/top/latest")
    rows = [(row["name"], row["range"], row["version"], row["by"]) for row in found["dependencies"]]
    assert rows == [
        ("small", "^1", "1.1.0", "top@1.0.0"),
        ("base", "*", "0.1.0", "top@1.0.0"),
        ("absent", "1", None, "top@1.0.0"),
        ("circle", "1", "1.0.0", "top@1.0.0"),
        ("small", "2", "2.0.0", "base@0.1.0"),
        ("top", "*", "1.0.0", "circle@1.0.0"),
    ]
    assert found["complete"]
    assert found["dependencies"][0]["url"] == f"{three.url}/small/1.1.0"
    assert found["dependencies"][2]["url"] is None
