"""What answers at the address of a resource, wherever its data is."""

import gzip
import hashlib
import json
from typing import Any

import pytest

from couchreg.docstore.attachments.upload import BodyDetails
from couchreg.docstore.base import Edit
from couchreg.model.user import SYSTEM
from couchreg.registry.reading import tables
from tests.packages import Package, small
from tests.served import Served

FIELDS = [{"name": "id", "type": "integer"}, {"name": "word", "type": "string"}]
URL = "https://example.org/data/words.csv?raw=1"


async def inline(served: Served, **members: Any) -> tuple[str, bytes]:
    package = {"name": "inline", "resources": [{"name": "words", **members}]}
    status, answer = await served.put_json("/inline/1", package)
    assert status == 201, answer
    status, headers, body = await served.fetch("/inline/1/words")
    assert status == 200
    assert (await served.fetch("/inline/1/words", If_None_Match=headers["ETag"]))[0] == 304
    return headers["Content-Type"], body


@pytest.mark.parametrize(
    ("members", "kind", "body"),
    [
        (
            {"data": [["id", "word"], [1, "a,b"], [2, None]], "format": "csv"},
            "text/csv; charset=utf-8",
            b'id,word\n1,"a,b"\n2,\n',
        ),
        (
            {
                "data": [{"word": "é", "id": 1}, {"id": 2}],
                "mediatype": "text/csv",
                "schema": {"fields": FIELDS},
            },
            "text/csv; charset=utf-8",
            "id,word\n1,é\n2,\n".encode(),
        ),
        (
            {"data": [["id", "word"], [1, True]], "format": "tsv"},
            "text/tab-separated-values; charset=utf-8",
            b"id\tword\n1\ttrue\n",
        ),
        ({"data": [["id"], [1]]}, "application/json", b'[["id"],[1]]\n'),
        ({"data": {"any": "thing"}, "format": "json"}, "application/json", b'{"any":"thing"}\n'),
    ],
)
async def test_inline_data_answers_as_its_format_says(
    served: Served, members: dict[str, Any], kind: str, body: bytes
) -> None:
    assert await inline(served, **members) == (kind, body)


async def test_a_resource_elsewhere_is_kept_and_redirected_to_and_never_fetched(served: Served) -> None:
    package = small()
    elsewhere = {"name": "far", "path": URL, "schema": {"fields": FIELDS}, "bytes": 5, "hash": "sha256:1"}
    package.members["resources"].append(elsewhere)
    status, answer = await served.put(package, "1")
    assert status == 201, answer
    assert (await served.get("/-/report/small/1"))[1]["skipped"] == ["far"]
    async with served.client.get(f"{served.url}/small/1/far", allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (302, URL)
    _, descriptor = await served.get("/small/1")
    assert descriptor["resources"][1] == elsewhere
    assert (await served.get("/small/1/far?meta=true"))[1] == elsewhere
    assert descriptor["resources"][0]["path"] == f"{served.url}/small/1/words"


async def test_parts_elsewhere_are_named_and_may_not_be_mixed_with_files(served: Served) -> None:
    package = small()
    package.members["resources"].append({"name": "far", "path": [URL, URL + "2"]})
    assert (await served.put(package, "1"))[0] == 201
    status, answer = await served.get("/small/1/far")
    assert (status, URL + "2" in answer["reason"]) == (404, True)
    package.members["resources"][1]["path"] = [URL, "data/words.csv"]
    status, answer = await served.put(package, "2")
    assert (status, answer["problems"][0]["type"]) == (422, "unsafe-path")


async def test_a_key_into_a_table_elsewhere_is_not_checked_and_the_report_says_so(served: Served) -> None:
    package = small()
    package.members["resources"][0]["schema"]["foreignKeys"] = [
        {"fields": ["id"], "reference": {"resource": "far", "fields": ["id"]}}
    ]
    package.members["resources"].append({"name": "far", "path": URL, "schema": {"fields": FIELDS}})
    status, answer = await served.put(package, "1")
    assert status == 201, answer
    _, report = await served.get("/-/report/small/1")
    assert [(row["resource"], row["member"]) for row in report["unchecked"]] == [("words", "foreignKeys")]


async def test_a_resource_in_parts_streams_as_one_and_each_part_has_its_address(served: Served) -> None:
    files = {"a.csv": b"id\n1\n", "b.csv": b"2\n", "c.csv": b"3\n"}
    resource = {"name": "ids", "path": list(files), "schema": {"fields": FIELDS[:1]}}
    status, answer = await served.put(Package({"name": "parts", "resources": [resource]}, files), "1")
    assert status == 201, answer
    _, headers, body = await served.fetch("/parts/1/ids")
    assert (body, headers["Content-Length"]) == (b"id\n1\n2\n3\n", "9")
    assert (await served.fetch("/parts/1/ids", Range="bytes=3-6"))[2] == b"1\n2\n"
    _, descriptor = await served.get("/parts/1")
    [served_resource] = descriptor["resources"]
    assert (served_resource["bytes"], served_resource["hash"]) == (
        9,
        "sha256:" + hashlib.sha256(body).hexdigest(),
    )
    addresses = [url.removeprefix(served.url) for url in served_resource["path"]]
    assert [(await served.fetch(address))[2] for address in addresses] == list(files.values())


async def test_a_range_chooses_the_version_of_files_too(served: Served) -> None:
    for version in ("1.0.0", "1.1.0", "2.0.0"):
        await served.put(small(text=f"id,word\n1,{version}\n"), version)
    assert (await served.fetch("/small/latest/words?range=^1"))[2] == b"id,word\n1,1.1.0\n"
    assert (await served.get("/small/latest?range=~1.0"))[1]["version"] == "1.0.0"
    assert (await served.get("/small/1.0.0?range=^1"))[0] == 400
    assert (await served.get("/small?range=^9"))[0] == 404
    assert (await served.get("/small?range=some"))[0] == 400


async def test_clone_gives_the_descriptor_byte_for_byte(served: Served) -> None:
    package = small()
    text = json.dumps(package.members, indent=3).encode() + b"\n"
    package.files["datapackage.json"] = text
    assert (await served.put(package, "1"))[0] == 201
    for path in ("/small?clone=true", "/small/1?clone=true", "/small/1/datapackage.json"):
        status, headers, body = await served.fetch(path)
        assert (status, headers["Content-Type"], body) == (200, "application/json", text)


async def test_a_version_that_came_compressed_by_replication_is_served_plain(served: Served) -> None:
    plain = b"id,word\n" + b"1,one\n" * 1000
    body = {"resources": [{"name": "words", "path": "words.csv"}]}
    packed = gzip.compress(plain)

    async def chunks() -> Any:
        yield packed

    async with served.registry.attachments.upload("registry") as upload:
        attachment = await upload.receive(
            "far@1",
            "words.csv",
            "text/csv",
            chunks(),
            BodyDetails("gzip", identity_length=len(plain)),
            revpos=1,
        )
        edit = Edit("far@1", "1-" + "a" * 32, False, body, (attachment,), ("a" * 32,))
        await served.database.update([edit], new_edits=False, user=SYSTEM)
    assert (await served.fetch("/far/1/words"))[2] == plain
    status, headers, data = await served.fetch("/far/1/words", Range="bytes=100-5999")
    assert (status, headers["Content-Length"], data) == (206, "5900", plain[100:6000])
    resource = (await served.get("/far/1"))[1]["resources"][0]
    assert (resource["bytes"], "hash" in resource) == (len(plain), False)


async def test_sizes_and_hashes_are_filled_in_for_what_came_without(served: Served) -> None:
    async def chunks() -> Any:
        yield b"id\n1\n"

    body = {"resources": [{"name": "ids", "path": "ids.csv"}]}
    async with served.registry.attachments.upload("registry") as upload:
        attachment = await upload.receive("far@1", "ids.csv", "text/csv", chunks(), revpos=1)
        edit = Edit("far@1", "1-" + "a" * 32, False, body, (attachment,), ("a" * 32,))
        await served.database.update([edit], new_edits=False, user=SYSTEM)
    resource = (await served.get("/far/1"))[1]["resources"][0]
    digest = hashlib.sha256(b"id\n1\n").hexdigest()
    assert (resource["bytes"], resource["hash"]) == (5, f"sha256:{digest}")


async def test_no_text_is_made_of_data_for_head(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    make = tables._csv
    monkeypatch.setattr(tables, "_csv", lambda *given: made.append(1) or make(*given))
    package = small()
    rows = [{"id": number, "word": "one"} for number in range(100)]
    package.members["resources"] = [{"name": "rows", "data": rows, "format": "csv"}]
    assert (await served.put(package, "1"))[0] == 201
    async with served.client.head(f"{served.url}/small/1/rows") as response:
        head = response.headers
    assert (response.status, made) == (200, [])
    async with served.client.get(f"{served.url}/small/1/rows") as response:
        assert len((await response.text()).splitlines()) == 101
        assert {name: response.headers[name] for name in ("Content-Type", "Vary")} == {
            name: head[name] for name in ("Content-Type", "Vary")
        }
        assert response.headers["ETag"].startswith(head["ETag"].rstrip('"'))
    assert made == [1]
