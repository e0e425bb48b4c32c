"""One process at a time has a claim, whatever order requests come in and whoever dies."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from couchreg.blobstore import claims as module
from couchreg.blobstore.base import BlobStore, Spooled
from couchreg.blobstore.claims import Claims
from couchreg.blobstore.directory.store import DirectoryBlobStore
from couchreg.blobstore.s3.calls import TryAgain
from couchreg.blobstore.s3.store import S3BlobStore
from couchreg.blobstore.spool import Spool
from couchreg.errors import Unavailable
from tests.s3_servers import S3Server, new_bucket


class Slow:
    """A store whose requests take different times, some of which fail when they are done."""

    def __init__(self, inner: BlobStore, failing: float = 0.0) -> None:
        self._inner = inner
        self._random = random.Random(7)
        self.failing = failing

    async def _wait(self) -> None:
        await asyncio.sleep(self._random.random() * 0.004)

    async def put(self, key: str, spooled: Spooled, *, content_type: str = "") -> bool:
        await self._wait()
        done = await self._inner.put(key, spooled)
        await self._wait()
        if self._random.random() < self.failing:
            raise Unavailable("the answer was lost")
        return done

    async def delete(self, key: str, *, durably: bool = False) -> None:
        await self._wait()
        await self._inner.delete(key)

    async def open(self, key: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        await self._wait()
        async for chunk in self._inner.open(key, start, length):
            yield chunk

    async def keys(self, prefix: str = "") -> AsyncIterator[object]:
        await self._wait()
        for blob in [blob async for blob in self._inner.keys(prefix)]:
            yield blob


class Processes:
    """Several of them over one store, which may die."""

    def __init__(self, blobs: BlobStore, spool: Spool) -> None:
        self.blobs = blobs
        self._spool = spool
        self.dead: set[str] = set()
        self._made: list[Claims] = []

    async def is_at_work(self, process: str) -> bool:
        return process not in self.dead

    def claims(self, process: str, blobs: object = None) -> Claims:
        made = Claims(blobs or self.blobs, self._spool.hold, process, self.is_at_work)  # type: ignore[arg-type]
        self._made.append(made)
        return made

    async def close(self) -> None:
        for one in self._made:
            await one.close()

    async def left(self) -> list[str]:
        return [blob.key async for blob in self.blobs.keys("")]

    async def taken(self) -> list[str]:
        """Processes that have a claim, by the highest number of each name."""
        highest: dict[str, int] = {}
        for key in await self.left():
            folder, _, number = key.rpartition("/")
            highest[folder] = max(highest.get(folder, 0), int(number))
        found = [await self._process(f"{folder}/{number}") for folder, number in highest.items()]
        return [process for process in found if process]

    async def _process(self, key: str) -> str:
        text = b"".join([chunk async for chunk in self.blobs.open(key)])
        return str(msgspec.json.decode(text)["process"])

    async def free(self) -> None:
        """Nobody has a claim in the end, and who comes next leaves one small object of each name."""
        last = self.claims("last")
        async with asyncio.timeout(60):
            while await self.taken() or len(await self.left()) > len(await self.names()):
                async with last.hold("bees"):
                    pass
                await asyncio.sleep(0.01)

    async def names(self) -> set[str]:
        return {key.rpartition("/")[0] for key in await self.left()}


@pytest.fixture
async def processes(tmp_path: Path) -> AsyncIterator[Processes]:
    blobs, spool = DirectoryBlobStore(tmp_path / "datastore"), Spool(tmp_path / "spool")
    found = Processes(blobs, spool)
    yield found
    await found.close()
    await spool.close()
    await blobs.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST", 0.0)


async def test_one_at_a_time_has_a_name(processes: Processes) -> None:
    """In any order of requests; with answers that are lost, and with claims of the dead in the way."""
    async with asyncio.timeout(60):
        async with processes.claims("gone").hold("bees"):
            processes.dead.add("gone")
            inside: list[str] = []

            async def work(process: str) -> int:
                claims, done = processes.claims(process, Slow(processes.blobs, 0.1)), 0
                for _ in range(8):
                    try:
                        async with claims.hold("bees"):
                            inside.append(process)
                            assert inside == [process]
                            await asyncio.sleep(0.001)
                            inside.remove(process)
                        done += 1
                    except Unavailable:
                        continue
                return done

            done = await asyncio.gather(*[work(name) for name in "abc"])
        assert sum(done) >= 12
    await processes.free()


@pytest.fixture
async def buckets(moto_server: S3Server) -> AsyncIterator[list[S3BlobStore]]:
    """One bucket, as each of three processes has it: every other DELETE is done and answered with 500."""
    options = await new_bucket(moto_server)
    stores = [await S3BlobStore.connect(options) for _ in range(3)]
    for number, store in enumerate(stores):
        spoilt_deletes(store, random.Random(number))
    yield stores
    for store in stores:
        await store.close()


def spoilt_deletes(store: S3BlobStore, chances: random.Random) -> None:
    attempt = store.calls._attempt

    async def spoilt(operation: str, body: bytes | None, arguments: Mapping[str, Any]) -> Any:
        answer = await attempt(operation, body, arguments)
        if operation == "delete_object" and chances.random() < 0.5:
            raise TryAgain("500 InternalError")
        return answer

    setattr(store.calls, "_attempt", spoilt)  # noqa: B010 — mypy lets no method be assigned


async def test_a_delete_that_is_repeated_takes_nobodys_claim_away(
    processes: Processes, buckets: list[S3BlobStore]
) -> None:
    inside: list[str] = []

    async def work(process: str, bucket: S3BlobStore) -> None:
        claims = processes.claims(process, bucket)
        for _ in range(6):
            async with claims.hold("bees"):
                inside.append(process)
                assert inside == [process]
                await asyncio.sleep(0.2)  # a second attempt comes meanwhile
                inside.remove(process)

    async with asyncio.timeout(120):
        await asyncio.gather(*map(work, "abc", buckets))


async def test_a_claim_that_is_put_late_is_in_nobodys_way(processes: Processes, impatient: None) -> None:
    """Its first attempt was not answered, and is done when all is over: the process still lives."""
    late: list[tuple[str, Spooled]] = []

    class Late(Slow):
        async def put(self, key: str, spooled: Spooled, *, content_type: str = "") -> bool:
            if not late:
                late.append((key, spooled))
                raise Unavailable("no answer")
            return await super().put(key, spooled)

    first = processes.claims("a", Late(processes.blobs))
    with pytest.raises(Unavailable, match="no answer"):
        async with first.hold("bees"):
            pass
    async with asyncio.timeout(60):
        while not await processes.left():
            await asyncio.sleep(0.01)
    await processes.blobs.put(*late[0])
    async with processes.claims("b").hold("bees"):
        assert await processes.taken() == ["b"]
        await processes.blobs.put(*late[0])
        assert await processes.taken() == ["b"]
    await processes.blobs.put(*late[0])
    async with processes.claims("c").hold("bees"):
        assert await processes.taken() == ["c"]


async def test_names_are_independent(processes: Processes) -> None:
    first, second = processes.claims("a"), processes.claims("b")
    async with first.hold("bees"), second.hold("wasps"), first.hold("ants"):
        assert sorted(await processes.taken()) == ["a", "a", "b"]
    await processes.free()
    assert len(await processes.left()) == 3


async def test_who_lives_keeps_it_and_who_is_dead_is_followed(processes: Processes, impatient: None) -> None:
    first, second, third = map(processes.claims, "abc")
    held = first.hold("bees")
    await held.__aenter__()
    with pytest.raises(Unavailable, match="Another server is changing 'bees'"):
        async with second.hold("bees"):
            pass
    processes.dead.add("a")
    async with second.hold("bees"):
        with pytest.raises(Unavailable):
            async with third.hold("bees"):
                pass
    async with third.hold("bees"):
        await held.__aexit__(None, None, None)  # it goes on, and has nothing there any more
        assert await processes.taken() == ["c"]
        with pytest.raises(Unavailable):
            async with second.hold("bees"):
                pass
    assert await processes.taken() == []


async def test_one_that_was_left_by_the_same_process_is_in_nobodys_way(
    processes: Processes, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer to a put was lost, and so is the store for a while: nothing can be given back."""
    lost = Slow(processes.blobs, 1.0)
    claims = processes.claims("a", lost)
    with pytest.raises(Unavailable):
        async with claims.hold("bees"):
            pass
    assert await processes.taken() == ["a"]
    lost.failing = 0.0
    monkeypatch.setattr(module, "LONGEST", 30.0)
    async with claims.hold("bees"):
        pass
    await processes.free()


async def test_what_is_no_claim_is_nobodys(processes: Processes, impatient: None) -> None:
    claims = processes.claims("a")
    async with claims.hold("bees"):
        [key] = await processes.left()
    garbage = processes._spool.hold(b"no claim")
    folder = key.rpartition("/")[0]
    assert await processes.blobs.put(f"{folder}/7", garbage)
    async with claims.hold("bees"):
        assert f"{folder}/8" in await processes.left()


async def test_notes_are_left_to_who_has_the_claim_next(processes: Processes) -> None:
    """Until they are done with, whoever dies or keeps the claim in between."""
    one, two = processes.claims("one"), processes.claims("two")
    async with one.held("bees", ["a"]) as held:
        assert held.left == ()
        held.is_kept = True
    async with one.held("bees", ["b"]) as held:  # the same process has it at once
        assert held.left == ("a",)
        assert held.is_kept
    processes.dead.add("one")
    with contextlib.suppress(RuntimeError):
        async with two.held("bees", ["c"]) as held:
            assert held.left == ("b", "a")
            raise RuntimeError
    async with two.held("bees") as held:
        assert held.left == ("c", "b", "a")
        held.is_kept = False
    async with two.held("bees") as held:
        assert held.left == ()
    await processes.free()


async def test_notes_survive_a_claim_whose_answer_is_lost(processes: Processes) -> None:
    one, last = processes.claims("one"), processes.claims("last")
    async with one.held("bees", ["a"]) as held:
        held.is_kept = True
    processes.dead.add("one")
    slow = Slow(processes.blobs, failing=1.0)
    two = processes.claims("two", slow)
    with pytest.raises(Unavailable):
        async with two.held("bees", ["b"]):
            raise AssertionError
    slow.failing = 0.0
    async with last.held("bees") as held:
        assert held.left == ("a",)
        held.is_kept = False


async def test_a_claim_with_too_many_notes_is_refused(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "NOTES", 1)
    one = processes.claims("one")
    async with one.held("bees", ["a"]) as held:
        held.is_kept = True
    with pytest.raises(Unavailable, match="not known"):
        async with one.held("bees", ["b"]):
            raise AssertionError
    async with one.held("bees") as held:
        assert held.left == ("a",)
        held.is_kept = False
