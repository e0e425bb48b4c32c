"""The checks before a package is accepted: what they find, what they never do, what limits them."""

import asyncio
import gzip
import hashlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from frictionless import system

from couchreg.errors import BadRequest, InvalidPackage, Unavailable
from couchreg.model import json
from couchreg.package.descriptor import PLACEHOLDER, examine
from couchreg.registry.checking import checks
from couchreg.registry.checking.checker import WORKER, Checker, CheckLimits
from couchreg.registry.checking.checks import NoNet, without_network
from couchreg.sandbox.ending import Cause, Stopped
from couchreg.sandbox.forks import ForkServer
from couchreg.sandbox.pool import Pool
from tests.packages import Package, small
from tests.served import Serve, Served


@pytest.fixture
async def listener() -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that nobody must call, and what it was asked."""
    heard: list[bytes] = []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1000))
        writer.close()

    server = await asyncio.start_server(hear, "127.0.0.1", 0)
    yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", heard
    server.close()
    await server.wait_closed()


def resource(**members: Any) -> dict[str, Any]:
    return {"name": "small", "resources": [{"name": "words", "path": "data/words.csv", **members}]}


def problems(members: Any) -> list[Any]:
    with pytest.raises(InvalidPackage) as caught:
        examine(members, "small", "1")
    return [(item["type"], item["resource"], item["message"]) for item in caught.value.problems]


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../secret",
        "data/../../secret",
        "C:/data.csv",
        "c:data.csv",
        "data\\words.csv",
        "\\\\host\\x",
        "data/\x00.csv",
        "data/\nx",
        "",
        "data//x.csv",
        ".git/config",
        "data/.hidden",
        "_design/x",
        "gopher://example.org/x.csv",
        "file:///etc/passwd",
        "s3://bucket/x",
        "http:///x.csv",
        "http://me:secret@example.org/x",
        "http://example.org/a b",
        "https://[::1/x",
        "a" * 600,
        "data/" + "a" * 201,
        "x\u202e.csv",
    ],
)
def test_unsafe_paths_are_refused(path: str) -> None:
    for value in (path, ["data/words.csv", path]):
        assert problems(resource(path=value))[0][:2] == ("unsafe-path", "words")


@pytest.mark.parametrize(
    ("members", "kind"),
    [
        ({"schema": "s3://example.org/schema.json"}, "remote-reference"),
        ({"schema": "../schema.json"}, "remote-reference"),
        ({"dialect": "file:///etc/dialect.json"}, "remote-reference"),
        ({"profile": "/etc/profile.json"}, "remote-reference"),
        ({"scheme": "s3"}, "remote-reference"),
        ({"extrapaths": ["http://example.org/x.csv"]}, "unsafe-path"),
        ({"basepath": "/etc"}, "unsafe-path"),
        ({"innerpath": "../x"}, "unsafe-path"),
        ({"data": []}, "resource-error"),
        ({"name": "datapackage.json"}, "resource-error"),
        ({"name": 1}, "resource-error"),
        ({"path": 1}, "resource-error"),
        ({"path": []}, "resource-error"),
    ],
)
def test_descriptors_that_reach_out_or_make_no_sense(members: dict[str, Any], kind: str) -> None:
    assert kind in {found[0] for found in problems(resource(**members))}


def test_every_fault_is_reported_at_once() -> None:
    members = {"name": "other", "version": "2", "_rev": "1-x", "couchreg": {}, "resources": []}
    kinds = [found[0] for found in problems(members)]
    assert kinds == ["contradiction", "contradiction", "reserved-member", "reserved-member", "package-error"]
    twice = {"resources": [{"name": "a", "data": []}, {"name": "a", "data": []}]}
    assert [found[0] for found in problems(twice)] == ["resource-error"]


def test_deep_nesting_is_refused() -> None:
    data: Any = []
    for _ in range(100_000):
        data = [data]
    with pytest.raises(BadRequest, match="nested"):
        examine({"resources": [{"name": "deep", "data": data}]}, "small", "1")


@pytest.mark.parametrize(
    ("members", "kind"),
    [
        ({"path": "data/absent.csv"}, "missing-file"),
        ({"bytes": 5}, "byte-count"),
        ({"hash": "d41d8cd98f00b204e9800998ecf8427e"}, "hash-count"),
        ({"hash": "sha256:" + "0" * 64}, "hash-count"),
        ({"hash": "sha512:" + "0" * 128}, "hash-count"),
        ({"hash": "crc:1"}, "hash-count"),
        ({"schema": {"fields": [{"name": "id", "type": "date"}, {"name": "word"}]}}, "type-error"),
        ({"schema": {"fields": [{"name": "id"}, {"name": "wort"}]}}, "incorrect-label"),
        ({"encoding": 5}, "resource-error"),
    ],
)
async def test_files_that_are_not_what_the_descriptor_says(
    served: Served, members: dict[str, Any], kind: str
) -> None:
    package = small()
    package.members["resources"][0] |= members
    status, answer = await served.put(package, "1")
    assert (status, answer["error"]) == (422, "invalid_package")
    assert answer["problems"][0]["type"] == kind
    assert answer["problems"][0]["resource"] in ("words", None)
    assert served.blobs() == []


@pytest.mark.parametrize("algorithm", ["", "md5:", "sha1:", "sha256:", "sha512:"])
async def test_right_hashes_are_accepted_and_kept(served: Served, algorithm: str) -> None:
    package = small()
    digest = hashlib.new(algorithm.rstrip(":") or "md5", package.files["data/words.csv"]).hexdigest()
    package.members["resources"][0] |= {"hash": algorithm + digest, "bytes": 20}
    status, answer = await served.put(package, "1")
    assert status == 201, answer
    assert (await served.get("/small/1"))[1]["resources"][0]["hash"] == algorithm + digest


async def test_a_row_error_names_row_and_field(served: Served) -> None:
    status, answer = await served.put(small(text="id,word\n1,one\nx,two\n"), "1")
    assert status == 422
    found = answer["problems"][0]
    assert (found["resource"], found["row"], found["field"], found["type"]) == (
        "words",
        3,
        "id",
        "type-error",
    )
    assert "x" in found["message"]


async def test_files_in_each_others_way_are_refused(served: Served) -> None:
    package = small()
    package.files |= {"data": b"file and folder", "words": b"the resource's own address"}
    status, answer = await served.put(package, "1")
    assert status == 422
    assert {item["type"] for item in answer["problems"]} == {"unsafe-path", "resource-error"}


async def test_no_request_leaves_the_server(serve: Serve, listener: tuple[str, list[bytes]]) -> None:
    served = await serve()
    host, heard = listener
    url = f"http://{host}/x"
    attempts: list[dict[str, Any]] = [
        {"path": f"{url}.csv"},
        {"schema": f"{url}.json"},
        {"dialect": f"{url}.json"},
        {"profile": f"{url}.json"},
        {"extrapaths": [f"{url}.csv"]},
        {"scheme": "http"},
        {"format": "gsheets"},
        {"type": "package"},
        {"schema": {"profile": f"{url}.json", "fields": [{"name": "id"}]}},
        {"schema": {"$ref": f"{url}.json", "fields": [{"name": "id"}, {"name": "word"}]}},
        {"dialect": {"sql": {"table": "x", "basepath": url}}},
    ]
    for version, attempt in enumerate(attempts):
        package = small()
        package.members["resources"][0] |= attempt
        await served.put(package, str(version))
        await served.get(f"/small/{version}")
    for members in ({"profile": f"{url}.json"}, {"$schema": f"{url}.json"}, {"dialect": f"{url}.json"}):
        await served.put(small("other", **members), "1")
    nested = small("nested")
    nested.files["inner.json"] = json.encode({"resources": [{"name": "x", "path": f"{url}.csv"}]})
    nested.members["resources"].append({"name": "inner", "path": "inner.json", "type": "package"})
    await served.put(nested, "1")
    assert heard == []


async def test_a_check_that_takes_too_long_is_stopped_and_says_so(serve: Serve) -> None:
    served = await serve(checks=CheckLimits(workers=1, cpu_seconds=1))
    endless = small(text="id,word\n1," + "a" * 40 + "!\n")
    endless.members["resources"][0]["schema"]["fields"][1]["constraints"] = {"pattern": "(?:a|aa)+"}
    status, answer = await served.put(endless, "1")
    assert status == 422, answer
    assert (answer["problems"][0]["type"], answer["complete"]) == ("check-stopped", False)
    message = answer["problems"][0]["message"]
    assert message.startswith(
        "The check used the 1 s of CPU time that it may use and was stopped, so it is not"
    )
    assert "No error was found until then." in message
    assert answer["reason"] == message  # it does not say that the package has errors
    assert served.blobs() == []
    assert (await served.put(small(), "1"))[0] == 201  # the worker is none the worse


async def test_a_check_without_memory_is_stopped_and_says_so(serve: Serve) -> None:
    served = await serve(checks=CheckLimits(workers=1, memory=1 << 20))  # not a byte more than it has
    many = small(text="id,word\n" + "".join(f"{number},{number:0500}\n" for number in range(20_000)))
    many.members["resources"][0]["schema"]["primaryKey"] = "word"
    status, answer = await served.put(many, "1")
    assert status == 422, answer
    assert "1 MiB of memory that it may use" in answer["problems"][0]["message"]
    assert served.blobs() == []


async def test_a_check_that_finds_the_disk_full_is_no_verdict(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same package is published when there is room again."""

    async def stopped(*_: object, **__: object) -> bytes:
        raise Stopped(Cause.DISK, "package checks")

    wrong = small(text="id,word\nx,one\n")  # so that more than a quick look is needed
    monkeypatch.setattr(Pool, "ask", stopped)
    assert await served.put(wrong, "1") == (
        500,
        {"error": "insufficient_storage", "reason": "The disk is full."},
    )
    assert served.blobs() == []
    monkeypatch.undo()
    assert (await served.put(wrong, "1"))[0] == 422


async def test_json_and_compressed_tables_are_checked(served: Served) -> None:
    files = {"a.json": b'[{"id": 1}, {"id": "x"}]', "b.csv.gz": gzip.compress(b"id\n1\ny\n")}
    schema = {"fields": [{"name": "id", "type": "integer"}]}
    resources = [{"name": path[0], "path": path, "schema": schema, "type": "table"} for path in files]
    status, answer = await served.put(Package({"name": "tables", "resources": resources}, files), "1")
    assert status == 422, answer
    assert [(item["resource"], item["row"]) for item in answer["problems"]] == [("a", 3), ("b", 3)]


async def test_the_server_answers_while_a_package_is_checked(serve: Serve) -> None:
    served = await serve(checks=CheckLimits(workers=1))
    assert (await served.put(small("other"), "1"))[0] == 201
    worker = served.registry.forks.process
    assert worker is not None
    os.kill(worker, signal.SIGSTOP)  # a check that takes as long as we like
    rows = "".join(f"{number},{number:090}\n" for number in range(2_000))  # too much for the quick look
    publishing = asyncio.create_task(served.put(small(text=f"id,word\n{rows}"), "1"))
    while not served.registry.checker.busy:
        assert (await served.get("/"))[0] == 200
    assert (await served.get("/small"))[0] == 404
    assert not publishing.done()
    os.kill(worker, signal.SIGCONT)
    assert (await publishing)[0] == 201


async def test_what_waits_is_bounded(tmp_path: Path) -> None:
    forks = ForkServer((WORKER,))
    checker = Checker(forks, CheckLimits(workers=1, waiting=1))
    (tmp_path / "scratch").mkdir()
    (tmp_path / "descriptor").write_bytes(json.encode({"resources": [{"name": "x", "data": [["a"], [1]]}]}))
    checks = [checker.check(tmp_path, tmp_path / "scratch", tmp_path / "descriptor") for _ in range(4)]
    found = await asyncio.gather(*checks, return_exceptions=True)
    await checker.close()
    await forks.close()
    assert [isinstance(item, Unavailable) for item in found] == [False, False, True, True]
    assert all(item["valid"] for item in found if isinstance(item, dict))


async def test_a_worker_that_dies_is_replaced(serve: Serve) -> None:
    served = await serve(checks=CheckLimits(workers=1))
    assert (await served.put(small(), "1"))[0] == 201
    worker = served.registry.forks.process
    assert worker is not None
    os.killpg(worker, signal.SIGKILL)
    while served.registry.forks.process is not None:
        await asyncio.sleep(0.01)
    assert (await served.put(small(), "2"))[0] == 201


async def test_formats_that_are_not_read_are_published_all_the_same(served: Served) -> None:
    files = {
        "map.pdf": b"%PDF",
        "page.html": b"<table>",
        "data.sav": b"$FL2",
        "a.db": b"SQLite",
        "x.geojson": b"{}",
    }
    resources = [{"name": path.split(".")[1], "path": path} for path in files]
    package = Package({"name": "formats", "description": PLACEHOLDER, "resources": resources}, files)
    status, answer = await served.put(package, "1")
    assert status == 201, answer
    assert answer["skipped"] == ["pdf", "html", "sav", "db", "geojson"]
    assert [item["member"] for item in answer["unchecked"]] == ["description", "path"]
    report = (await served.get("/-/report/formats/1"))[1]
    assert (report["skipped"], report["unchecked"]) == (answer["skipped"], answer["unchecked"])


def test_the_network_is_there_again_after_a_failure() -> None:
    before, meanwhile = system.http_session, []

    def fail() -> None:
        meanwhile.append(system.http_session)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), without_network():
        fail()
    assert isinstance(meanwhile[0], NoNet)
    assert system.http_session is before


def test_plugins_are_looked_for_once() -> None:
    """Among all modules that could be imported, which takes longer than a small table."""
    checks.warm()
    known = system.plugins
    checks.warm()
    assert system.plugins is known
