"""The loop: every change reaches the follower, whatever fails on the way."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest

from couchreg.docstore.base import Change, Database, Range, Seq
from couchreg.docstore.sqlite.store import SqliteStore
from couchreg.errors import StorageFailure, Unavailable
from couchreg.followers.base import BATCH, Checkpoint, RebuildNeeded
from couchreg.followers.loop import FollowerLoop
from tests.followers.conftest import REGISTRY, put

Databases = Callable[[], Database]


class Recorder:
    """A follower that keeps what it has applied, and fails on demand."""

    name = "recorder"
    bodies = True
    batch = BATCH
    linger = 0.0

    def __init__(self) -> None:
        self.seen: dict[str, str] = {}
        self.batches: list[int] = []
        self.committed: Checkpoint | None = None
        self.poison: set[str] = set()
        self.failures: list[Exception] = []
        self.resets = 0
        self.attempts = 0

    async def checkpoint(self) -> Checkpoint | None:
        return self.committed

    async def apply(self, changes: Sequence[Change], checkpoint: Checkpoint) -> None:
        self.attempts += 1
        if self.failures:
            raise self.failures.pop(0)
        for change in changes:
            if change.id in self.poison:
                raise ValueError(f"cannot read {change.id}")
        self.seen.update({change.id: next(iter(change.revs), "purged") for change in changes})
        self.batches.append(len(changes))
        self.committed = checkpoint

    async def reset(self) -> None:
        self.seen, self.committed = {}, None
        self.resets += 1

    async def close(self) -> None:
        pass


@pytest.fixture
def follower() -> Recorder:
    return Recorder()


@pytest.fixture
async def loop(store: SqliteStore, follower: Recorder) -> AsyncIterator[FollowerLoop]:
    made = FollowerLoop(follower, store, REGISTRY, first_wait=0.001)
    yield made
    await made.stop()


async def caught_up(loop: FollowerLoop, database: Databases) -> None:
    await loop.caught_up(await database().update_seq())


async def test_changes_from_before_and_after_the_start_arrive(
    loop: FollowerLoop, follower: Recorder, database: Databases
) -> None:
    first = await put(database(), "a", {})
    loop.start()
    second = await put(database(), "b", {})
    await caught_up(loop, database)
    assert follower.seen == {"a": first, "b": second}
    status = await loop.status()
    assert (status.seq, status.update_seq, status.problems, status.last_error) == (2, 2, (), None)


async def test_many_changes_come_in_batches(
    loop: FollowerLoop, follower: Recorder, database: Databases
) -> None:
    for number in range(BATCH + 3):
        await put(database(), f"d{number}", {})
    loop.start()
    await caught_up(loop, database)
    assert len(follower.seen) == BATCH + 3
    assert follower.batches == [BATCH, 3]


class TidyRecorder(Recorder):
    """One that has things to put in order after each batch."""

    def __init__(self) -> None:
        super().__init__()
        self.untidy = 0
        self.came = asyncio.Event()
        self.news: Callable[[], Awaitable[object]] | None = None

    async def apply(self, changes: Sequence[Change], checkpoint: Checkpoint) -> None:
        await super().apply(changes, checkpoint)
        self.untidy = 3

    async def tidy(self) -> bool:
        if self.news is not None:
            news, self.news = self.news, None
            await news()
        self.untidy = max(0, self.untidy - 1)
        if not self.untidy:
            self.came.set()
        return self.untidy > 0


async def test_things_are_put_in_order_until_there_is_something_to_follow(
    store: SqliteStore, database: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("couchreg.followers.loop.QUIET", 0.01)
    follower = TidyRecorder()
    loop = FollowerLoop(follower, store, REGISTRY, first_wait=0.001)
    follower.news = lambda: put(database(), "b", {})
    await put(database(), "a", {})
    loop.start()
    async with asyncio.timeout(30):
        await follower.came.wait()
    await loop.stop()
    assert (set(follower.seen), follower.batches) == ({"a", "b"}, [1, 1])


async def test_a_restart_goes_on_from_the_checkpoint(
    loop: FollowerLoop, follower: Recorder, database: Databases, store: SqliteStore
) -> None:
    await put(database(), "a", {})
    loop.start()
    await caught_up(loop, database)
    await loop.stop()
    follower.seen.clear()
    await put(database(), "b", {})
    again = FollowerLoop(follower, store, REGISTRY)
    again.start()
    await caught_up(again, database)
    await again.stop()
    assert set(follower.seen) == {"b"}
    assert (await again.status()).state == "stopped"


async def test_a_poisoned_document_is_reported_and_not_in_the_way(
    loop: FollowerLoop, follower: Recorder, database: Databases
) -> None:
    follower.poison = {"bad"}
    for doc_id in ("a", "bad", "b"):
        await put(database(), doc_id, {})
    loop.start()
    await caught_up(loop, database)
    assert set(follower.seen) == {"a", "b"}
    assert follower.committed == Checkpoint.at(await database().update_seq())
    [problem] = (await loop.status()).problems
    assert (problem.doc_id, problem.seq, problem.error) == ("bad", 2, "ValueError: cannot read bad")


async def test_a_problem_outlives_a_restart_and_ends_when_the_document_is_mended(
    loop: FollowerLoop, follower: Recorder, database: Databases, store: SqliteStore
) -> None:
    follower.poison = {"bad"}
    rev = await put(database(), "bad", {})
    loop.start()
    await caught_up(loop, database)
    await loop.stop()
    again = FollowerLoop(follower, store, REGISTRY)
    again.start()
    await put(database(), "other", {})
    await caught_up(again, database)
    assert [problem.doc_id for problem in (await again.status()).problems] == ["bad"]
    follower.poison = set()
    await put(database(), "bad", {"good": True}, rev=rev)
    await caught_up(again, database)
    assert (await again.status()).problems == ()
    await again.stop()


async def test_a_failing_store_is_tried_again_until_it_answers(
    loop: FollowerLoop, follower: Recorder, database: Databases
) -> None:
    follower.failures = [Unavailable("down"), OSError(28, "No space left on device"), Unavailable("down")]
    await put(database(), "a", {})
    loop.start()
    await caught_up(loop, database)
    assert set(follower.seen) == {"a"}
    assert follower.attempts == 4
    assert (await loop.status()).problems == ()


async def test_a_purge_leaves_nothing_to_wait_for(
    loop: FollowerLoop, follower: Recorder, database: Databases
) -> None:
    rev = await put(database(), "a", {})
    loop.start()
    await caught_up(loop, database)
    await database().purge({"a": [rev]})
    await caught_up(loop, database)
    assert follower.committed == Checkpoint.at(await database().update_seq())
    assert follower.batches[:2] in ([1, 0], [1, 1])


async def test_what_was_purged_is_forgotten_also_after_a_restart(
    loop: FollowerLoop, follower: Recorder, store: SqliteStore, database: Databases
) -> None:
    revs = {doc_id: [await put(database(), doc_id, {})] for doc_id in ("a", "b", "c")}
    loop.start()
    await caught_up(loop, database)
    await database().purge({"a": revs["a"], "b": revs["b"]})
    await put(database(), "b", {})
    await seen(follower, {"a": "purged", "b": revs["b"][0], "c": revs["c"][0]})
    await loop.stop()
    await database().purge({"c": revs["c"]})
    again = FollowerLoop(follower, store, REGISTRY, first_wait=0.001)
    again.start()
    await seen(follower, {"a": "purged", "b": revs["b"][0], "c": "purged"})
    await again.stop()


async def test_a_disk_that_fails_is_no_fault_of_a_document(
    loop: FollowerLoop, follower: Recorder, database: Databases
) -> None:
    follower.failures = [StorageFailure("no disk"), StorageFailure("no disk")]
    await put(database(), "a", {})
    loop.start()
    await caught_up(loop, database)
    assert (set(follower.seen), (await loop.status()).problems) == ({"a"}, ())


async def seen(follower: Recorder, wanted: dict[str, str]) -> None:
    """Wait until the follower has seen just this."""
    while follower.seen != wanted:
        await asyncio.sleep(0.001)


async def test_a_checkpoint_of_numbers_is_understood(
    loop: FollowerLoop, follower: Recorder, database: Databases
) -> None:
    for doc_id in ("a", "b"):
        await put(database(), doc_id, {})
    follower.committed = Checkpoint((await database().update_seq()).incarnation, "1")
    loop.start()
    await caught_up(loop, database)
    assert (set(follower.seen), follower.resets) == ({"b"}, 0)


async def test_what_is_unusable_is_built_again_from_the_beginning(
    loop: FollowerLoop, follower: Recorder, database: Databases
) -> None:
    await put(database(), "a", {})
    loop.start()
    await caught_up(loop, database)
    follower.failures = [RebuildNeeded("torn")]
    await put(database(), "b", {})
    await caught_up(loop, database)
    assert follower.resets == 1
    assert set(follower.seen) == {"a", "b"}


async def test_restart_rebuilds_without_a_change(
    loop: FollowerLoop, follower: Recorder, database: Databases
) -> None:
    await put(database(), "a", {})
    loop.start()
    await caught_up(loop, database)
    applied = follower.attempts
    loop.restart()
    while follower.attempts == applied:
        await asyncio.sleep(0)
    assert follower.resets == 1


async def test_a_recreated_database_is_followed_from_its_beginning(
    loop: FollowerLoop, follower: Recorder, database: Databases, store: SqliteStore
) -> None:
    for doc_id in ("a", "b"):
        await put(database(), doc_id, {})
    loop.start()
    await caught_up(loop, database)
    await store.delete(REGISTRY)
    await store.create(REGISTRY)
    await put(database(), "c", {})
    while "c" not in follower.seen:
        await asyncio.sleep(0.001)
    assert set(follower.seen) == {"c"}
    assert follower.committed == Checkpoint.at(await database().update_seq())


async def test_a_database_that_is_made_later_is_followed(follower: Recorder, store: SqliteStore) -> None:
    loop = FollowerLoop(follower, store, "later", first_wait=0.001)
    loop.start()
    later = await store.create("later")
    await put(later, "a", {})
    await loop.caught_up(await later.update_seq())
    assert set(follower.seen) == {"a"}
    await loop.stop()


async def test_waiting_ends_when_the_loop_is_stopped(loop: FollowerLoop) -> None:
    loop.start()
    waiting = asyncio.create_task(loop.caught_up(Seq(99, "99", "")))
    await asyncio.sleep(0)
    await loop.stop()
    with pytest.raises(Unavailable):
        await waiting


async def test_lingering_ends_as_soon_as_somebody_waits(
    loop: FollowerLoop, follower: Recorder, database: Databases
) -> None:
    follower.linger = 3600.0
    loop.start()
    await caught_up(loop, database)
    for doc_id in ("a", "b"):
        await put(database(), doc_id, {})
    await caught_up(loop, database)
    assert set(follower.seen) == {"a", "b"}


async def test_problems_are_no_part_of_what_replicates(
    loop: FollowerLoop, follower: Recorder, database: Databases
) -> None:
    follower.poison = {"bad"}
    await put(database(), "bad", {})
    loop.start()
    await caught_up(loop, database)
    assert (await database().update_seq()).number == 1
    assert [chunk async for chunk in database().locals(Range(), bodies=False)] in ([], [[]])
    assert len((await loop.status()).problems) == 1
