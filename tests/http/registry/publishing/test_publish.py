"""Publishing over HTTP: what is accepted is there whole, what is refused leaves nothing."""

import asyncio
import base64
import errno
import json
import logging
import os
import tempfile
from collections.abc import Sequence

import pytest

from couchreg.docstore.base import BEGINNING, Edit, Updated
from couchreg.errors import Conflict
from tests.packages import Package, related, small
from tests.served import ANNA, Serve, Served

CO2 = "0.1.0"  # the version its descriptor has


@pytest.mark.parametrize("name", ["gdp", "gold-prices", "language-codes"])
async def test_a_real_package_comes_back_file_by_file(served: Served, name: str) -> None:
    package = Package.shipped(name)
    status, answer = await served.put(
        package, "2026" if name == "language-codes" else package.members["version"]
    )
    assert (status, answer["ok"], answer["name"]) == (201, True, name)
    _, descriptor = await served.get(f"/{name}")
    for file in descriptor["couchreg"]["files"]:
        _, _, data = await served.fetch(file["url"].removeprefix(served.url))
        assert data == package.files.pop(file["path"])
    assert not package.files


@pytest.mark.directory_only
async def test_the_document_holds_the_descriptor_and_the_files_lie_flat(served: Served) -> None:
    package = small(title="Words")
    _, answer = await served.put(package, "1.0.0")
    revision = await served.database.revision("small@1.0.0")
    document = json.loads(b"{" + revision.members + b"}")
    assert answer["rev"] == revision.rev
    assert list(document) == ["name", "resources", "title", "version", "couchreg"]
    assert document["couchreg"]["publisher"] == "admin"
    resource = document["resources"][0]
    assert resource["bytes"] == len(package.files["data/words.csv"])
    assert resource["hash"] == document["couchreg"]["hashes"]["data/words.csv"]
    assert (served.datastore / "small/1.0.0/data/words.csv").read_bytes() == package.files["data/words.csv"]
    owner = await served.database.revision("small")
    assert json.loads(b"{" + owner.members + b"}")["owners"] == ["admin"]


async def test_the_broken_package_is_refused_with_a_report_and_leaves_nothing(served: Served) -> None:
    status, answer = await served.put(Package.shipped("co2-ppm"), CO2)
    assert (status, answer["error"], answer["errors"]) == (422, "invalid_package", 827)
    assert {"resource": "co2-mm-mlo", "type": "extra-cell", "count": 820} in answer["counts"]
    cells = [item for item in answer["problems"] if item["type"] == "extra-cell"]
    assert [item["row"] for item in cells] == [2, 3, 4, 5, 6]
    assert cells[-1]["more"] == 815
    assert "820 extra-cell in “co2-mm-mlo”" in answer["reason"]
    assert served.blobs() == []
    assert (await served.get("/co2-ppm"))[0] == 404
    assert (await served.database.update_seq()).number == 0


async def test_with_warn_the_broken_package_is_published_with_its_report(serve: Serve) -> None:
    served = await serve(validation="warn")
    status, answer = await served.put(Package.shipped("co2-ppm"), CO2)
    assert (status, answer["report"]["errors"]) == (201, 827)
    _, report = await served.get(f"/-/report/co2-ppm/{CO2}")
    assert (report["valid"], report["errors"]) == (False, 827)
    _, descriptor = await served.get("/co2-ppm")
    url = f"{served.url}/-/report/co2-ppm/{CO2}"
    assert descriptor["couchreg"]["report"] == {"valid": False, "errors": 827, "url": url}


async def test_without_validation_there_is_no_report(serve: Serve) -> None:
    served = await serve(validation="off")
    assert (await served.put(Package.shipped("co2-ppm"), CO2))[0] == 201
    status, answer = await served.get(f"/-/report/co2-ppm/{CO2}")
    assert status == 404
    assert "without its data being checked" in answer["reason"]


async def test_the_same_content_again_changes_nothing_and_other_content_is_a_conflict(served: Served) -> None:
    _, first = await served.put(small(), "1")
    seq, blobs = await served.database.update_seq(), served.blobs()
    again, answer = await served.put(small(), "1")
    assert (again, answer["rev"]) == (200, first["rev"])
    assert (await served.put(small(text="id,word\n1,uno\n"), "1"))[0] == 409
    assert (await served.put(small(title="Other"), "1"))[0] == 409
    assert (await served.database.update_seq(), served.blobs()) == (seq, blobs)


@pytest.mark.directory_only
async def test_of_two_publishers_of_one_version_exactly_one_wins(served: Served) -> None:
    for version in range(5):
        rivals = [small(text=f"id,word\n1,{word}\n") for word in ("one", "uno", "eins")]
        answers = await asyncio.gather(*(served.put(rival, str(version)) for rival in rivals))
        assert sorted(status for status, _ in answers) == [201, 409, 409]
        winner = next(rival for rival, (status, _) in zip(rivals, answers, strict=True) if status == 201)
        _, _, data = await served.fetch(f"/small/{version}/words")
        assert data == winner.files["data/words.csv"]
        flat = served.datastore / f"small/{version}/data/words.csv"
        assert flat.read_bytes() == data


async def test_publishing_needs_a_login_and_other_peoples_packages_an_owner(served: Served) -> None:
    body, headers = related(small())
    async with served.client.put(f"{served.url}/small/1", data=body, headers=headers) as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"].startswith("Basic ")
        assert (await response.json())["error"] == "unauthorized"
    assert (await served.put(small(), "1"))[0] == 201
    status, answer = await served.put(small(), "2", auth=ANNA)
    assert (status, answer["error"]) == (403, "forbidden")
    assert (await served.put(small("annas"), "1", auth=ANNA))[0] == 201
    assert (await served.put(small("annas"), "2"))[0] == 201  # an admin may


async def test_a_json_document_with_inline_data(served: Served) -> None:
    rows = [{"id": 1, "word": "one"}, {"id": 2, "word": "two"}]
    package = {"name": "inline", "resources": [{"name": "words", "data": rows}]}
    status, answer = await served.put_json("/inline/1.0.0", package)
    assert status == 201, answer
    assert await served.get("/inline/1.0.0/words") == (200, rows)
    assert (await served.get("/inline/1.0.0"))[1]["resources"][0]["data"] == rows
    assert (await served.get("/inline/1.0.0/datapackage.json"))[1] == package


async def test_a_json_document_with_base64_attachments(served: Served) -> None:
    package = small()
    data = base64.b64encode(package.files["data/words.csv"]).decode()
    attachments = {"data/words.csv": {"content_type": "text/csv", "data": data}}
    assert (await served.put_json("/small/1", {**package.members, "_attachments": attachments}))[0] == 201
    _, headers, body = await served.fetch("/small/1/words")
    assert (headers["Content-Type"], body) == ("text/csv", package.files["data/words.csv"])
    attachments["data/words.csv"]["data"] = "no base64!"
    status, answer = await served.put_json("/small/2", {**package.members, "_attachments": attachments})
    assert (status, answer["error"]) == (400, "bad_request")


async def test_the_descriptor_may_come_as_its_file_alone(served: Served) -> None:
    package = small()
    package.files["datapackage.json"] = json.dumps(package.members, indent=3).encode()
    body, headers = related(Package({}, package.files))
    status, _ = await served.send("/small/1", body, headers)
    assert status == 201
    assert (await served.fetch("/small/1/datapackage.json"))[2] == package.files["datapackage.json"]
    assert (await served.get("/small/1?clone=true"))[1] == package.members


async def test_a_document_and_a_datapackage_json_that_differ_are_refused(served: Served) -> None:
    package = small()
    package.files["datapackage.json"] = b'{"name": "small", "resources": []}'
    status, answer = await served.put(package, "1")
    assert (status, "differ" in answer["reason"]) == (400, True)
    assert served.blobs() == []


async def test_parts_belong_to_files_by_name_else_by_order(served: Served) -> None:
    listed = {"a.csv": {"follows": True}, "b.csv": {"follows": True}, "c.csv": {"follows": True}}
    resources = [{"name": name[0], "path": name} for name in listed]
    document = json.dumps({"name": "parts", "resources": resources, "_attachments": listed})
    parts = [
        document,
        'Content-Disposition: attachment; filename="c.csv"\r\n\r\nid\r\n3\r\n',
        "Content-ID: <b.csv>\r\n\r\nid\r\n2\r\n",
        "\r\nid\r\n1\r\n",
    ]
    parts[0] = f"Content-Type: application/json\r\n\r\n{document}"
    body = "".join(f"--x\r\n{part}\r\n" for part in parts) + "--x--\r\n"
    status, answer = await served.send(
        "/parts/1", body.encode(), {"Content-Type": "multipart/related; boundary=x"}
    )
    assert status == 201, answer
    for name, number in (("a", b"1"), ("b", b"2"), ("c", b"3")):
        assert (await served.fetch(f"/parts/1/{name}"))[2] == b"id\r\n%b\r\n" % number


LISTED = '"_attachments": {"data/words.csv": {'


@pytest.mark.parametrize(
    ("old", "new", "status", "words"),
    [
        ('"length": 20', '"length": 21', 400, "announces 21"),
        ("--b0undary--", "", 400, "cut off"),
        (
            LISTED,
            '"_attachments": {"data/other.csv": {"follows": true}, "data/words.csv": {',
            400,
            "1 more files",
        ),
        (LISTED, '"_attachments": {}, "x": {"y": {', 400, "does not announce"),
        (LISTED, '"_attachments": {"../words.csv": {', 400, "leaves the package"),
        ('"content_type": "text/csv"', '"content_type": 5', 400, "content type"),
        ('"content_type": "text/csv"', '"content_type": "a/b\\nX: y"', 400, "content type"),
        ('"name": "small"', '"name": "smell"', 422, "contradiction"),
        ('{"name": "small"', '{"name": ', 400, "JSON"),
        ('"word", "type": "string"', '"word", "type": "strong"', 422, "field-error"),
    ],
)
async def test_bodies_that_do_not_fit_are_refused(
    served: Served, old: str, new: str, status: int, words: str
) -> None:
    body, headers = related(small())
    assert old.encode() in body
    found, answer = await served.send("/small/1", body.replace(old.encode(), new.encode()), headers)
    assert found == status, answer
    assert words in answer["reason"]
    assert served.blobs() == []


@pytest.mark.directory_only
async def test_what_a_crash_left_at_a_files_place_is_replaced(served: Served) -> None:
    flat = served.datastore / "small/1/data/words.csv"
    flat.parent.mkdir(parents=True)
    flat.write_bytes(b"half a publish")
    package = small()
    assert (await served.put(package, "1"))[0] == 201
    assert flat.read_bytes() == package.files["data/words.csv"]
    assert (await served.fetch("/small/1/words"))[2] == package.files["data/words.csv"]


async def test_a_write_that_fails_takes_its_blobs_back(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def update(edits: Sequence[Edit], **_: object) -> Updated:
        return Updated([Conflict() for _ in edits], BEGINNING)

    monkeypatch.setattr(served.database, "update", update)
    assert (await served.put(small(), "1"))[0] == 409
    assert served.blobs() == []


async def test_a_client_that_goes_away_leaves_nothing(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    body, headers = related(small())
    reader, writer = await asyncio.open_connection("127.0.0.1", int(served.url.rpartition(":")[2]))
    basic = base64.b64encode(b"admin:secret").decode()
    head = (
        f"PUT /small/1 HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {basic}\r\nContent-Length: {len(body)}\r\n"
    )
    writer.write(f"{head}Content-Type: {headers['Content-Type']}\r\n\r\n".encode() + body[:-30])
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    reader.feed_eof()
    assert (await served.put(small("other"), "1"))[0] == 201  # time for the first to be noticed
    assert not [path for path in served.blobs() if "small" in path]
    assert (await served.get("/small"))[0] == 404
    assert not caplog.records


async def test_a_full_disk_is_told_and_not_traced(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    package = Package.shipped("gdp")
    version = package.members["version"]

    def full(*_: object, **__: object) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/secret/place")

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    with caplog.at_level(logging.ERROR):
        status, answer = await served.put(package, version)
    assert (status, answer) == (500, {"error": "insufficient_storage", "reason": "The disk is full."})
    [line] = [record for record in caplog.records if f"PUT /gdp/{version}" in record.getMessage()]
    assert line.exc_info is None
    monkeypatch.undo()
    assert (await served.put(package, version))[0] == 201
