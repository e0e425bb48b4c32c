"""`couchreg publish` sends only what the registry lacks, goes on where it broke off, and need not wait."""

import asyncio
import json
import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from couchreg.cli.showing import stage_of
from couchreg.client import Credentials, Folder, Registry, stepwise
from couchreg.client.errors import AlreadyPublished, Invalid, Unreachable
from tests.cli.conftest import Couchreg
from tests.processes import Server

ROWS = "a,b\n" + "1,2\n" * 5_000
IMAGE = random.Random(5).randbytes(1_000_000)


def folder(root: Path, name: str, version: str = "1.0.0", rows: str = ROWS) -> Path:
    (root / name / "data").mkdir(parents=True, exist_ok=True)
    fields = [{"name": "a", "type": "integer"}, {"name": "b", "type": "integer"}]
    resources = [
        {"name": "t", "path": "data/t.csv", "schema": {"fields": fields}},
        {"name": "image", "path": "data/image.tif"},
    ]
    members = {"name": name, "version": version, "resources": resources}
    (root / name / "datapackage.json").write_text(json.dumps(members))
    (root / name / "data" / "t.csv").write_text(rows)
    (root / name / "data" / "image.tif").write_bytes(name.encode() + IMAGE)
    return root / name


class Relay:
    """Passes a server's connections on; of one it lets so many bytes through and breaks it then."""

    def __init__(self, target: str) -> None:
        host, port = target.removeprefix("http://").split(":")
        self._target = (host, int(port))
        self.cut_after: int | None = None
        self.passed = 0  # bytes from clients
        self.url = ""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._target)
        try:
            await asyncio.gather(self._pass(reader, back, count=True), self._pass(there, writer, count=False))
        except ConnectionError:
            pass
        finally:
            back.close()
            writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, count: bool) -> None:
        own = 0
        while data := await reader.read(65536):
            own += len(data)
            self.passed += len(data) if count else 0
            if count and self.cut_after is not None and own > self.cut_after:
                self.cut_after = None
                raise ConnectionResetError
            writer.write(data)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def relayed(server: Server) -> AsyncIterator[Relay]:
    relay = Relay(server.registry_url)
    listening = await asyncio.start_server(relay.handle, "127.0.0.1", 0)
    relay.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    yield relay
    listening.close()


async def test_a_file_whose_connection_breaks_goes_on(
    live: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts: list[int] = []
    body = stepwise.FileBody.__init__

    def noted(self: Any, file: Any, progress: Any, start: int) -> None:
        if file.path == "data/image.tif":
            starts.append(start)
        body(self, file, progress, start)

    arrived = stepwise.StepwiseUpload._arrived

    async def patient(self: Any, url: Any, file: Any) -> int:
        """The server has to notice first that the connection is gone."""
        while not (found := await arrived(self, url, file)):
            await asyncio.sleep(0.05)
        return found

    monkeypatch.setattr(stepwise.FileBody, "__init__", noted)
    monkeypatch.setattr(stepwise.StepwiseUpload, "_arrived", patient)
    package = Folder.read(folder(tmp_path, "broken"))
    async with relayed(live) as relay, Registry(relay.url, Credentials(*live.admin)) as registry:
        relay.cut_after = 700_000
        done: list[int] = []
        published = await registry.publish(package, done.append)
        assert published.new
        assert sum(done) == package.length
        assert starts[0] == 0
        assert starts[1] > 0  # it did not begin anew


async def test_a_new_version_sends_what_is_new(live: Server, tmp_path: Path) -> None:
    async with relayed(live) as relay, Registry(relay.url, Credentials(*live.admin)) as registry:
        assert (await registry.publish(Folder.read(folder(tmp_path, "grown")))).new
        whole = relay.passed
        assert whole > len(IMAGE)
        changed = folder(tmp_path, "grown", "1.0.1", ROWS + "3,4\n")
        assert (await registry.publish(Folder.read(changed))).new
        assert relay.passed - whole < len(ROWS) + 10_000
        assert not (await registry.publish(Folder.read(changed))).new


def test_a_publish_need_not_wait(couchreg: Couchreg, tmp_path: Path) -> None:
    package = str(folder(tmp_path, "hurried"))
    left = couchreg("publish", "--no-wait", package, "--json")
    assert left.status == 0, left.err
    where = left.json["checking"]  # none, where the check was quicker than the answer
    assert where is None or re.search("/-/publishing/[0-9a-f]{32}$", where)
    waited = couchreg("publish", "--wait", package, "--json")  # goes on with the same
    assert (waited.status, waited.json["checking"]) == (0, None), waited.err
    assert couchreg("cat", "hurried/t").out == ROWS


async def test_what_is_refused_says_why(live: Server, tmp_path: Path) -> None:
    async with Registry(live.registry_url, Credentials(*live.admin)) as registry:
        with pytest.raises(Invalid) as refused:
            await registry.publish(Folder.read(folder(tmp_path, "wrong", rows=ROWS + "x,y\n")))
        assert {problem["type"] for problem in refused.value.problems} == {"type-error"}
        for wait in (True, False):
            found = await registry.publish(Folder.read(folder(tmp_path, "firm")), wait=wait)
            assert found.new == wait or found.checking is not None
        with pytest.raises(AlreadyPublished):
            await registry.publish(Folder.read(folder(tmp_path, "firm", rows=ROWS + "3,4\n")))


def test_the_words_of_a_check() -> None:
    assert stage_of({"state": "sending"}, {}) == "sending"
    assert stage_of({"state": "checking"}, {"stage": "waiting"}) == "waiting"
    progress = {"stage": "checking", "resource": "t", "rows": 5, "rows_per_second": 2, "seconds_left": 9}
    assert stage_of({}, progress) == "checking t: 5 rows, 2 a second, 9 s left"


async def test_a_file_that_arrived_whole_is_not_sent_again(
    live: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registry has all of its bytes and did not come to verify them."""
    package = Folder.read(folder(tmp_path, "whole"))
    sent: list[int] = []
    put = stepwise.StepwiseUpload._put

    async def broken(self: Any, url: Any, file: Any, body: Any, start: int) -> None:
        await put(self, url, file, body, start)
        if file.path == "data/image.tif":
            sent.append(body.sent)
            if len(sent) == 1:
                raise Unreachable("the connection broke")

    async def arrived(self: Any, url: Any, file: Any) -> int:
        return int(file.length)

    monkeypatch.setattr(stepwise.StepwiseUpload, "_put", broken)
    monkeypatch.setattr(stepwise.StepwiseUpload, "_arrived", arrived)
    async with Registry(live.registry_url, Credentials(*live.admin)) as registry:
        assert (await registry.publish(package)).new
    assert sent == [len(IMAGE) + len("whole"), 0]
