"""Packages with all that belongs to them: what is published, recorded, and served."""

import asyncio
import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from frictionless import Package as Frictionless

from couchreg.client.folder import Folder
from tests.packages import Package, related, small, zipped
from tests.served import ADMIN, Served

CASE = Path(__file__).parents[2] / "data" / "cases" / "files-left-out-silently"
NAMED = [
    "datapackage.json",
    "CITATION.cff",
    "README.rst",
    "dialects/t.json",
    "img/cover.png",
    "raw/source.pdf",
    "readme.md",
    "schemas/t.json",
    "t.csv",
    "terms/licence.txt",
    "terms/t.txt",
]
ZIP = {"Content-Type": "application/zip"}


def whole() -> Package:
    files = {
        path.relative_to(CASE).as_posix(): path.read_bytes()
        for path in sorted(CASE.rglob("*"))
        if path.is_file() and path.name != "datapackage.json"
    }
    return Package(json.loads((CASE / "datapackage.json").read_text()), files)


async def published(served: Served, path: str, package: Package) -> dict[str, Any]:
    assert (await served.put(package, path.rpartition("/")[2]))[0] == 201
    status, descriptor = await served.get(path)
    assert status == 200
    return dict(descriptor)


async def test_an_archive_gives_what_the_descriptor_names_and_says_what_is_left_out(served: Served) -> None:
    status, answer = await served.send("/refs/1", zipped(whole()), ZIP)
    assert (status, answer["left_out"]) == (201, ["docs/codebook.pdf"])
    _, descriptor = await served.get("/refs/1")
    assert [file["path"] for file in descriptor["couchreg"]["files"]] == NAMED


def form_of(package: Package) -> tuple[bytes, dict[str, str]]:
    files = {"datapackage.json": json.dumps(package.members).encode(), **package.files}
    named = '--x\r\nContent-Disposition: form-data; name="{}"; filename="f"\r\n\r\n'
    parts = [named.format(path).encode() + data + b"\r\n" for path, data in files.items()]
    return b"".join(parts) + b"--x--\r\n", {"Content-Type": "multipart/form-data; boundary=x"}


@pytest.mark.parametrize("first", ["archive", "form"])
async def test_archive_folder_and_form_give_the_same_version(
    served: Served, tmp_path: Path, first: str
) -> None:
    """All that lies in the folder is sent in each way, with what the descriptor does not name."""
    package = whole()
    package.files |= {"Makefile": b"all:\n", "docs/a.md": b"# A\n"}
    for path, data in {"datapackage.json": json.dumps(package.members).encode(), **package.files}.items():
        file = tmp_path / "here" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    folder = Folder.read(tmp_path / "here", "1")
    left = sorted(folder.left_out)
    assert left == ["Makefile", "docs/a.md", "docs/codebook.pdf"]
    ways = {"archive": (zipped(package), ZIP), "form": form_of(package)}
    for way, status in ((first, 201), *((way, 200) for way in ways if way != first)):
        found, answer = await served.send("/refs/1", *ways[way])
        assert (found, sorted(answer["left_out"])) == (status, left)
    read = {file.path: file.source.read_bytes() for file in folder.files if file.path != "datapackage.json"}
    body, headers = related(Package(folder.members, read))  # as `couchreg publish` sends it
    assert (await served.send("/refs/1", body, headers))[0] == 200
    _, descriptor = await served.get("/refs/1")
    assert [file["path"] for file in descriptor["couchreg"]["files"]] == NAMED


async def test_names_in_archives_that_do_not_say_that_they_are_utf_8(served: Served) -> None:
    resource = {"name": "t", "path": "é/ü.csv"}
    archive = bytearray(
        zipped(Package({"name": "accents", "resources": [resource]}, {"é/ü.csv": b"id\n1\n"}))
    )
    for mark, flags in ((b"PK\x03\x04", 7), (b"PK\x01\x02", 9)):
        at = archive.find(mark)
        while at >= 0:
            archive[at + flags] &= ~0x08
            at = archive.find(mark, at + 4)
    assert (await served.send("/accents/1", bytes(archive), ZIP))[0] == 201
    assert (await served.fetch("/accents/1/t"))[2] == b"id\n1\n"


async def test_what_a_descriptor_names_has_an_absolute_address(served: Served) -> None:
    found = await published(served, "/refs/1", whole())
    [resource] = found["resources"]
    addresses = [
        found["image"],
        found["licenses"][0]["path"],
        found["sources"][0]["path"],
        resource["licenses"][0]["path"],
        resource["schema"],
        resource["dialect"],
    ]
    for address in addresses:
        assert address.startswith(f"{served.url}/refs/1/")
        async with served.client.get(address) as response:
            assert response.status == 200


async def test_what_is_elsewhere_or_absent_stays_as_it_is(served: Served) -> None:
    members = {
        "image": "gone.png",
        "sources": [{"title": "x", "path": "https://example.org/x"}, {"title": "y"}],
    }
    found = await published(served, "/small/1", small(**members))
    assert (found["image"], found["sources"]) == (members["image"], members["sources"])


@pytest.mark.parametrize("path", ["p.json", "./rules/p.json"])
async def test_a_package_with_a_profile_of_its_own_can_be_opened(served: Served, path: str) -> None:
    package = small(profile=path, title="Words")
    package.files[path.removeprefix("./")] = b'{"type": "object", "required": ["title"]}'
    found = await published(served, "/small/1", package)
    assert found["profile"] == f"{served.url}/small/1/{path.removeprefix('./')}"
    opened = await asyncio.to_thread(Frictionless, f"{served.url}/small/1")
    rows = await asyncio.to_thread(opened.get_resource("words").read_rows)  # type: ignore[attr-defined]
    assert [row["word"] for row in rows] == ["one", "two"]
    del package.members["title"]
    status, answer = await served.put(package, "2")
    assert (status, answer["problems"][0]["field"]) == (422, "profile")


async def test_a_profile_that_was_not_sent_is_missed_whatever_is_checked(served: Served) -> None:
    status, answer = await served.put(small(profile="p.json"), "1")
    assert (status, [item["type"] for item in answer["problems"]]) == (422, ["missing-file"])


@pytest.mark.parametrize("validation", ["strict", "warn"])
async def test_addresses_as_rules_are_published(serve: Any, validation: str) -> None:
    served = await serve(validation=validation)
    package = small(profile="https://example.org/p.json")
    package.members["resources"][0]["schema"] = "https://example.org/s.json"
    assert (await served.put(package, "1"))[0] == 201
    _, report = await served.get("/-/report/small/1")
    assert (report["valid"], report["skipped"]) == (True, ["words"])
    assert [item["member"] for item in report["unchecked"]] == ["profile", "schema"]


async def test_an_encoding_that_was_found_out_is_served(served: Served) -> None:
    package = small()
    package.files["data/words.csv"] = "id;word\n1;Größe\n".encode("windows-1252")
    found = await published(served, "/small/1", package)
    [resource] = found["resources"]
    assert (resource["encoding"], resource["dialect"]) == ("windows-1252", {"delimiter": ";"})
    _, _, data = await served.fetch("/small/1/words")
    rows = list(csv.reader(io.StringIO(data.decode(resource["encoding"])), delimiter=";"))
    assert rows == [["id", "word"], ["1", "Größe"]]
    assert (await served.put(package, "1"))[0] == 200  # the same package is known as the same
    package.files["data/words.csv"] = "id;word\n2;Größe\n".encode("windows-1252")
    assert (await served.put(package, "1"))[0] == 409


async def test_what_was_deleted_may_return_although_something_was_recorded(served: Served) -> None:
    package = small()
    package.files["data/words.csv"] = "id;word\n1;Größe\n".encode("windows-1252")
    assert (await served.put(package, "1"))[0] == 201
    assert (await served.ask("DELETE", "/small/1", auth=ADMIN))[0] == 200
    assert (await served.put(package, "1"))[0] == 201


async def test_members_with_an_underscore_are_kept(served: Served) -> None:
    package = small(_comment={"by": "us"}, _x=1)
    found = await published(served, "/small/1", package)
    assert (found["_comment"], found["_x"]) == ({"by": "us"}, 1)
    assert "members" not in found["couchreg"]
    assert (await served.put(package, "1"))[0] == 200
    package.members["_x"] = 2
    assert (await served.put(package, "1"))[0] == 409
    status, answer = await served.put(small(_rev="1-x"), "2")
    assert status == 422
    assert "CouchDB's own" in answer["problems"][0]["message"]


async def test_url_is_the_old_name_of_path(served: Served) -> None:
    package = small()
    package.members["resources"][0]["url"] = package.members["resources"][0].pop("path")
    package.members["resources"].append({"name": "far", "url": "https://example.org/far.csv"})
    found = await published(served, "/small/1", package)
    assert [resource["path"] for resource in found["resources"]] == [
        f"{served.url}/small/1/words",
        "https://example.org/far.csv",
    ]
    assert all("url" not in resource for resource in found["resources"])
    assert (await served.fetch("/small/1/words"))[2] == package.files["data/words.csv"]
    async with served.client.get(f"{served.url}/small/1/far", allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (302, "https://example.org/far.csv")


async def test_paths_with_dots_are_one_with_those_without(served: Served) -> None:
    package = small()
    package.members["resources"][0]["path"] = "./data/words.csv"
    await published(served, "/small/1", package)
    assert (await served.fetch("/small/1/data/words.csv"))[0] == 200
    package.files = {"./data/./words.csv": package.files["data/words.csv"]}
    assert (await served.put(package, "1"))[0] == 200


@pytest.mark.parametrize("data", [[{"id": 1}], "id\n1\n", {"a": [1]}, [], ""])
async def test_meta_of_inline_data_answers_all_but_the_data(served: Served, data: Any) -> None:
    resource = {"name": "rows", "format": "csv", "title": "Rows", "data": data}
    status, answer = await served.put_json("/inline/1", {"name": "inline", "resources": [resource]})
    assert status == 201, answer
    status, meta = await served.get("/inline/1/rows?meta=true")
    assert (status, meta) == (200, {"name": "rows", "format": "csv", "title": "Rows"})


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("aux.csv", "Windows keeps for a device"),
        ("data/CON.csv", "Windows keeps for a device"),
        ("nul", "Windows keeps for a device"),
        ("com1.tar.gz", "Windows keeps for a device"),
        ("lpt9/x.csv", "Windows keeps for a device"),
        ("a:b.csv", "drive"),
        ("q?.csv", "every system"),
    ],
)
async def test_names_that_no_other_system_can_hold(served: Served, path: str, words: str) -> None:
    package = small()
    package.members["resources"][0]["path"] = path
    status, answer = await served.put_json("/small/1", package.members)
    assert status == 422
    assert words in answer["problems"][0]["message"]
    package = small()
    package.files[path] = b"x"
    status, answer = await served.put(package, "1")
    assert (status, words in answer["reason"]) == (400, True)


@pytest.mark.parametrize(
    "paths",
    [("Data.csv", "data.csv"), ("Größe.csv", "gro\u0308ße.csv"), ("a/X.csv", "A/x.csv"), ("ﬁ.csv", "fi.csv")],
)
async def test_names_that_differ_by_case_or_accent_only(served: Served, paths: tuple[str, str]) -> None:
    files = dict.fromkeys(paths, b"id\n1\n")
    resources = [{"name": f"r{number}", "path": path} for number, path in enumerate(paths)]
    status, answer = await served.put(Package({"name": "twins", "resources": resources}, files), "1")
    assert (status, [item["type"] for item in answer["problems"]]) == (422, ["unsafe-path"])
    assert "one file on systems that ignore case" in answer["problems"][0]["message"]


@pytest.mark.parametrize("paths", [("A", "a/u.csv"), ("Größe", "gro\u0308ße/u.csv")])
async def test_a_file_and_a_folder_that_differ_by_case_only(served: Served, paths: tuple[str, str]) -> None:
    files = dict.fromkeys(paths, b"id\n1\n")
    resources = [{"name": f"r{number}", "path": path} for number, path in enumerate(paths)]
    status, answer = await served.put(Package({"name": "twins", "resources": resources}, files), "1")
    assert (status, [item["type"] for item in answer["problems"]]) == (422, ["unsafe-path"])
    assert "have one name on systems that ignore case" in answer["problems"][0]["message"]


async def test_meta_of_the_file_of_a_resource(served: Served) -> None:
    package = small()
    package.members["resources"].append({"name": "inline", "data": [{"id": 1}]})
    assert (await served.put(package, "1"))[0] == 201
    by_name, by_path = [await served.get(f"/small/1/{at}?meta=true") for at in ("words", "data/words.csv")]
    assert (by_path, by_name[0]) == (by_name, 200)
    assert (await served.get("/small/1/nothing.csv?meta=true"))[0] == 404


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b'{"name": "small",\n "resources": [}', "line 2, column 16"),
        (b'{"name": "small"', "line 1, column 17: it ends before it is complete"),
        (b'{"name": "caf\xe9"}', "byte 0xe9 in line 1, column 14; save it as UTF-8"),
        (b"\xff\xfe{\x00}\x00", "byte 0xff in line 1, column 1"),
        (b"", "is empty"),
    ],
)
async def test_json_that_is_broken_has_a_line_and_a_column(served: Served, text: bytes, words: str) -> None:
    status, answer = await served.send("/small/1", text, {"Content-Type": "application/json"})
    assert status == 400
    assert words in answer["reason"]
    package = small()
    package.files["datapackage.json"] = text
    body, headers = related(Package({}, package.files))
    status, answer = await served.send("/small/1", body, headers)
    assert (status, words in answer["reason"]) == (400, True)


async def test_json_with_a_mark_before_it_is_taken(served: Served) -> None:
    package = small()
    package.files["datapackage.json"] = b"\xef\xbb\xbf" + json.dumps(package.members).encode()
    body, headers = related(Package({}, package.files))
    assert (await served.send("/small/1", body, headers))[0] == 201
