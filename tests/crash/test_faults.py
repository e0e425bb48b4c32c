"""One fault at a time below a server: what fails is told, the rest goes on, and a restart needs no hand."""

import asyncio
import errno
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.crash.faults import Calls, Faults, missing
from tests.crash.writers import LOGIN
from tests.processes import Server, running

pytestmark = [pytest.mark.long, pytest.mark.skipif(missing() is not None, reason=str(missing()))]

SOON = 60  # seconds within which everything has to be well again
Answer = tuple[int, Any]


class World:
    """A running server, what may go wrong below it, and somebody who asks as the administrator."""

    def __init__(self, server: Server, faults: Faults, http: aiohttp.ClientSession) -> None:
        self.server, self.faults = server, faults
        self._http = http

    async def ask(self, method: str, path: str, body: Any = None) -> Answer:
        """At the couch door; at the registry's where the path begins with `//`."""
        base = self.server.registry_url if path.startswith("//") else self.server.couch_url
        data = None if body is None else json.dumps(body)
        headers = {"Content-Type": "application/json"}
        async with self._http.request(
            method, base + "/" + path.lstrip("/"), data=data, headers=headers
        ) as response:
            return response.status, await response.json(content_type=None)

    async def status(self, method: str, path: str, body: Any = None) -> int:
        return (await self.ask(method, path, body))[0]

    async def until(self, wanted: int, method: str, path: str, body: Any = None) -> None:
        """Ask again until the answer has this status."""
        async with asyncio.timeout(SOON):
            while await self.status(method, path, body) != wanted:
                await asyncio.sleep(0.05)

    def files_of(self, name: str) -> list[Path]:
        return sorted((self.server.data_dir / "databases").glob(f"{name}@*.db"))


@asynccontextmanager
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A server over `tmp_path/data`; call it again, after it has ended, for a restart."""
    with Faults(tmp_path / "faults", tmp_path / "data") as faults:
        flags = ("--validation", "off")
        with running(tmp_path / "data", *flags, env=faults.environment()) as server:
            timeout = aiohttp.ClientTimeout(total=SOON)
            async with aiohttp.ClientSession(headers=LOGIN, timeout=timeout) as http:
                yield World(server, faults, http)


CREATION = [
    *[(Calls.SYNC, errno.EIO, "/databases", skip) for skip in (0, 1, 2, 3, 11, 13)],
    *[(Calls.WRITE, errno.ENOSPC, "/databases", skip) for skip in (0, 1, 4)],
    (Calls.RENAME, errno.EIO, "/databases", 0),
    (Calls.OPEN, errno.EMFILE, "/databases", 0),
    (Calls.SYNC, errno.EIO, "server.sqlite", 0),
    (Calls.WRITE, errno.ENOSPC, "server.sqlite", 0),
]


async def test_a_creation_that_failed_is_made_again_once(tmp_path: Path) -> None:
    names = [f"x{number}" for number in range(len(CREATION))]
    async with world(tmp_path) as one:
        for name, (calls, error, match, skip) in zip(names, CREATION, strict=True):
            one.faults.rule(0, calls, error, match=match, skip=skip)
            await one.status("PUT", f"/{name}")
            one.faults.clear()
            assert await one.status("PUT", f"/{name}") in (201, 412)
            assert await one.status("PUT", f"/{name}/kept", {}) == 201
            assert len(one.files_of(name)) == 1
        one.server.kill()
    async with world(tmp_path) as one:
        assert await one.status("GET", "/_dbs_info") == 200
        assert [await one.status("GET", f"/{name}/kept") for name in names] == [200] * len(names)
        assert [len(one.files_of(name)) for name in names] == [1] * len(names)


async def test_a_deletion_is_done_or_not_whatever_the_disk_does(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        for name in ("undone", "done"):
            assert await one.status("PUT", f"/{name}") == 201
            assert await one.status("PUT", f"/{name}/first", {}) == 201
        with one.faults.failing(Calls.SYNC, errno.EIO, match="server.sqlite"):
            assert await one.status("DELETE", "/undone") >= 500
        await one.until(200, "GET", "/undone")
        assert await one.status("PUT", "/undone/second", {}) == 201
        with one.faults.failing(Calls.UNLINK, errno.EIO, match="/databases"):
            assert await one.status("DELETE", "/done") == 200
        assert await one.status("GET", "/done") == 404
        assert await one.status("PUT", "/done") == 201
        one.server.kill()
    async with world(tmp_path) as one:
        assert await one.status("GET", "/undone/first") == 200
        assert await one.status("GET", "/undone/second") == 200
        assert (await one.ask("GET", "/done"))[1]["doc_count"] == 0
        assert len(one.files_of("done")) == 1


async def test_a_deletion_that_is_slow_does_not_meet_its_successor(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        assert await one.status("PUT", "/x") == 201
        assert await one.status("PUT", "/x/old", {}) == 201
        one.faults.rule(0, Calls.SYNC | Calls.UNLINK | Calls.RENAME, delay=300)
        deleted, made = await asyncio.gather(one.status("DELETE", "/x"), one.status("PUT", "/x"))
        assert (deleted, made) in ((200, 201), (200, 412))
        one.faults.clear()
        assert await one.status("PUT", "/x") in (201, 412)
        assert await one.status("PUT", "/x/new", {}) == 201
        one.server.kill()
    async with world(tmp_path) as one:
        assert [await one.status("GET", f"/x/{doc}") for doc in ("old", "new")] == [404, 200]
        assert len(one.files_of("x")) == 1


async def test_two_who_make_a_database_can_both_use_it(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        one.faults.rule(0, Calls.SYNC, delay=200)

        async def make_and_use(number: int) -> tuple[int, int]:
            made = await one.status("PUT", "/x")
            return made, await one.status("PUT", f"/x/{number}", {})

        answers = await asyncio.gather(*map(make_and_use, range(4)))
        assert sorted(answers) == [(201, 201), (412, 201), (412, 201), (412, 201)]


async def test_a_damaged_database_fails_alone_and_is_looked_at_again(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        assert [await one.status("PUT", f"/{name}") for name in ("bad", "good")] == [201, 201]
        assert await one.status("PUT", "//gdp/1", {"resources": [{"name": "a", "data": [1]}]}) == 201
    [file] = one.files_of("bad")
    whole = file.read_bytes()
    file.write_bytes(b"damaged " * 2000)
    async with world(tmp_path) as one:
        for _ in range(600):
            status, answer = await one.ask("GET", "/bad")
            assert (status, answer["error"]) == (500, "file_corrupt")
        assert file.name in answer["reason"]
        assert await one.status("PUT", "/good/a", {}) == 201
        rows = {row["key"]: row for row in (await one.ask("GET", "/_dbs_info"))[1]}
        assert rows["bad"]["error"] == "file_corrupt"
        assert "info" in rows["good"]
        assert await one.status("DELETE", "//gdp/1") == 200
        file.write_bytes(whole)
        assert await one.status("PUT", "/bad/a", {}) == 201


async def test_trouble_that_passes_is_over_without_a_restart(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        assert [await one.status("PUT", f"/{name}") for name in ("x", "y")] == [201, 201]
    async with world(tmp_path) as one:
        for name, calls in (("x", Calls.OPEN), ("y", Calls.WRITE | Calls.TRUNCATE)):
            with one.faults.failing(calls, errno.EIO, match=f"/{name}@"):
                assert await one.status("GET", f"/{name}") == 500
            assert await one.status("GET", f"/{name}") == 200
        with one.faults.failing(Calls.WRITE | Calls.SYNC, errno.EIO, match="/x@"):
            assert await one.status("PUT", "/x/a", {}) >= 500
        assert await one.status("PUT", "/x/a", {}) == 201


async def test_writes_behind_one_that_has_no_connection_have_their_turn(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        assert await one.status("PUT", "/x") == 201
        with one.faults.failing(Calls.OPEN, errno.EMFILE, match="/x@"):
            writes = [one.status("PUT", f"/x/{number}", {}) for number in range(20)]
            assert await asyncio.gather(*writes) == [500] * 20
        assert await one.status("PUT", "/x/0", {}) == 201


async def test_a_search_over_an_index_that_cannot_be_opened_is_told_so(tmp_path: Path) -> None:
    path = "//search?keys=%5B%22gdp%22%5D"
    async with world(tmp_path) as one:
        await one.until(200, "GET", path)
    with Faults(tmp_path / "faults", tmp_path / "data") as faults:
        faults.rule(0, Calls.OPEN, errno.EMFILE, match="/search/")
        with running(tmp_path / "data", "--validation", "off", env=faults.environment()) as server:
            async with aiohttp.ClientSession(headers=LOGIN) as http:
                one = World(server, faults, http)
                assert await one.status("GET", path) == 503
                faults.clear()
                await one.until(200, "GET", path)


async def test_a_publish_waits_for_the_disk_a_few_times(tmp_path: Path) -> None:
    """And for several things at once: what is printed are fsyncs, and how many of them one after another."""
    async with world(tmp_path) as one:
        assert await one.status("PUT", "//gdp/1", {"resources": [{"name": "a", "data": [1]}]}) == 201
        one.faults.rule(0, Calls.SYNC, delay=400)
        began = asyncio.get_running_loop().time()
        assert await one.status("PUT", "//gdp/2", {"resources": [{"name": "a", "data": [2]}]}) == 201
        rounds = (asyncio.get_running_loop().time() - began) / 0.4
        print(f"{rounds:.1f} rounds, {one.faults.hits()} fsyncs")
        assert one.faults.hits() <= 16


async def test_several_publishes_share_what_they_wait_for(tmp_path: Path) -> None:
    """What ten at once ask of the disk is less than what ten do one after another."""
    resources = [{"name": "a", "data": [1]}]
    async with world(tmp_path) as one:
        assert await one.status("PUT", "//gdp/1", {"resources": resources}) == 201
        one.faults.rule(0, Calls.SYNC, delay=200)
        assert await one.status("PUT", "//alone/1", {"resources": resources}) == 201
        alone = one.faults.hits()
        paths = [f"//gdp{number}/1" for number in range(10)]
        made = await asyncio.gather(*(one.status("PUT", path, {"resources": resources}) for path in paths))
        print(f"{alone} fsyncs alone, {one.faults.hits() - alone} for ten")
        assert made == [201] * 10
        assert one.faults.hits() - alone <= 8 * alone


async def test_making_a_database_waits_for_the_disk_a_few_times(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        one.faults.rule(0, Calls.SYNC, delay=100)
        assert await one.status("PUT", "/x") == 201
        print(f"{one.faults.hits()} fsyncs")
        assert one.faults.hits() <= 20


STARTS = [
    *[(Calls.SYNC, errno.EIO, "", skip) for skip in (0, 8)],
    (Calls.WRITE, errno.ENOSPC, "", 2),
    (Calls.OPEN, errno.EMFILE, "/databases", 0),
    (Calls.RENAME | Calls.UNLINK | Calls.MKDIR, errno.EIO, "", 0),
]


async def test_a_start_on_a_failing_disk_ends_and_the_next_needs_no_hand(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for calls, error, match, skip in STARTS:
        with Faults(tmp_path / "faults", data) as faults:
            faults.rule(0, calls, error, match=match, skip=skip)
            # It stops with a sentence, or runs: then it may as well be killed.
            with suppress(AssertionError), running(data, env=faults.environment()) as server:
                server.kill()
        assert "Traceback" not in (tmp_path / "data.log").read_text()
        async with world(tmp_path) as one:
            assert await one.status("PUT", "/x") in (201, 412)
            assert await one.status("PUT", f"/x/{skip}{int(calls)}", {}) == 201
    async with world(tmp_path) as one:
        assert (await one.ask("GET", "/x"))[1]["doc_count"] == len(STARTS)


async def test_a_slow_disk_holds_nobody_else_up(tmp_path: Path) -> None:
    """While each fsync takes long, answers that need no disk come before those that do."""
    async with world(tmp_path) as one:
        assert await one.status("PUT", "/x") == 201
        one.faults.rule(0, Calls.SYNC, delay=700)
        for method, path, body in (
            ("PUT", "/_node/_local/_config/a/b", "c"),
            ("PUT", "/y", None),
            ("DELETE", "/x", None),
        ):
            slow = asyncio.create_task(one.status(method, path, body))
            before = one.faults.hits()
            while one.faults.hits() == before:  # the disk has been asked
                await asyncio.sleep(0)
            for _ in range(5):
                assert await one.status("GET", "/_up") == 200
            assert not slow.done()
            assert await slow in (200, 201)
