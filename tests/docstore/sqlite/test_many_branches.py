"""Very many revisions of one document in one call: others are served meanwhile, and there is an end to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from couchreg.docstore.base import Database
from couchreg.docstore.sqlite import SqliteStore
from couchreg.docstore.sqlite import edits as edits_module
from couchreg.docstore.sqlite.edits import MOST_KNOWN, MOST_LEAFS
from couchreg.errors import TooLarge
from couchreg.model.user import SYSTEM
from tests.docstore.writing import edit, put, replica, replicate


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    store = SqliteStore(tmp_path)
    yield await store.create("db")
    await store.close()


@pytest.fixture(autouse=True)
def short_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others get a turn after each edit, so that turns can be counted."""
    monkeypatch.setattr(edits_module, "SECONDS", 0.0)


class LoopTurns:
    """How often the loop went round meanwhile."""

    async def __aenter__(self) -> "LoopTurns":
        self.turns = 0
        self._task = asyncio.create_task(self._look())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.turns += 1


@pytest.mark.parametrize("path", ["1-{}", "2-{} a", "3-{0} b {0}"])
async def test_the_loop_is_free_between_them(db: Database, path: str) -> None:
    edits = [replica("a", path.format(f"{number:x}")) for number in range(1_000)]
    for careful in (False, True):
        wanted = [*edits, replica("_design/d", "1-z")] if careful else edits
        async with LoopTurns() as loop:
            await db.update(wanted, new_edits=False, user=SYSTEM)
        assert loop.turns >= 1_000
    assert len((await db.tree("a")).leafs()) == 1_000  # type: ignore[union-attr]


async def test_edits_of_a_document_of_many_branches_leave_the_loop_free(db: Database) -> None:
    await replicate(db, *[replica("a", f"1-{number:x}") for number in range(1_000)])
    async with LoopTurns() as loop:
        outcomes = await put(db, *[edit("a", f"1-{number:x}") for number in range(500)], edit("a", "9-x"))
    assert all(isinstance(outcome, str) for outcome in outcomes[:-1])
    assert loop.turns >= 500


async def test_conflicts_are_bounded(db: Database) -> None:
    many = [replica("a", f"1-{number:x}") for number in range(MOST_LEAFS + 2)]
    outcomes = await replicate(db, *many)
    assert [type(outcome) for outcome in outcomes[-3:]] == [str, TooLarge, TooLarge]
    assert isinstance((await replicate(db, many[-1]))[0], TooLarge)
    assert await replicate(db, many[0]) == ["1-0"]  # known
    assert isinstance((await put(db, edit("a", "1-0")))[0], str)  # an edit adds no conflict
    assert await replicate(db, replica("a", "2-z 1")) == ["2-z"]
    assert await replicate(db, replica("a", "4-z y x 2")) == ["4-z"]
    assert await replicate(db, replica("a", "2-w 3", deleted=True)) == ["2-w"]
    leafs = {leaf.rev for leaf in (await db.tree("a")).leafs()}  # type: ignore[union-attr]
    assert {"2-z", "4-z", "2-w"} <= leafs
    assert len(leafs) == MOST_LEAFS


async def test_known_revisions_are_bounded(db: Database) -> None:
    await db.set_setting("revs_limit", 10**6)
    path = " ".join(f"{number:x}" for number in range(MOST_KNOWN))
    assert await replicate(db, replica("a", f"{MOST_KNOWN}-{path}")) == [f"{MOST_KNOWN}-0"]
    longer = replica("a", f"{MOST_KNOWN}-x {path.partition(' ')[2]}")
    assert isinstance((await replicate(db, longer))[0], TooLarge)
