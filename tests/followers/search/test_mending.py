"""Both engines: an index that is damaged, old or slow to open is made anew, and nothing is half done."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType
from unittest.mock import Mock

import apsw
import pytest

from couchreg.errors import Unavailable
from couchreg.followers.base import Checkpoint
from couchreg.followers.search import fts5_match, fts5_rows, items, whoosh_text
from couchreg.followers.search.base import TooSlow
from couchreg.followers.search.follower import looked
from couchreg.followers.search.fts5 import Fts5Index
from couchreg.followers.search.query import keys_query, parse
from couchreg.followers.search.whoosh_index import WhooshIndex
from tests.followers.conftest import package, put
from tests.followers.search.conftest import GDP, Databases, Engine, Searching


async def test_an_index_that_cannot_be_opened_is_an_answer(
    engine: Engine,
    start: Callable[[], Awaitable[Searching]],
    database: Databases,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await put(database(), "gdp@1", GDP)
    with monkeypatch.context() as broken:
        broken.setattr(engine, "open", Mock(side_effect=OSError(24, "Too many open files")))
        searching = await start()
        with pytest.raises(Unavailable, match="cannot be opened"):
            await asyncio.wait_for(searching.follower.search(["gdp"]), 60)
    assert await searching.names("gdp") == ["gdp"]


async def test_a_restart_keeps_the_index(
    engine: Engine,
    start: Callable[[], Awaitable[Searching]],
    database: Databases,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = await start()
    await put(database(), "gdp@1", GDP)
    assert await first.names("gdp") == ["gdp"]
    await first.loop.stop()
    monkeypatch.setattr(engine, "commit", _unexpected)
    assert await (await start()).names("gdp") == ["gdp"]


def _unexpected(*args: object) -> None:
    raise AssertionError("nothing was to be indexed")


def _remove(directory: Path) -> None:
    shutil.rmtree(directory)


def _files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file() and path.suffix != ".lock"]


def _tear(directory: Path) -> None:
    for file in _files(directory):
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 3])


def _lose_a_kind(*suffixes: str) -> Callable[[Path], None]:
    def lose(directory: Path) -> None:
        for file in _files(directory):
            if file.suffix in suffixes:
                file.unlink()

    return lose


def _write_over(directory: Path) -> None:
    for file in _files(directory):
        file.write_bytes(b"\xff" * file.stat().st_size)


@pytest.mark.parametrize(
    "harm",
    [_remove, _tear, _write_over, _lose_a_kind(".seg", ".sqlite"), _lose_a_kind(".toc", ".sqlite-wal")],
)
async def test_a_damaged_index_is_built_again(
    start: Callable[[], Awaitable[Searching]],
    database: Databases,
    tmp_path: Path,
    harm: Callable[[Path], None],
) -> None:
    first = await start()
    await put(database(), "gdp@1", GDP)
    assert await first.names("gdp") == ["gdp"]
    await first.loop.stop()
    harm(tmp_path / "search")
    assert await (await start()).names("gdp") == ["gdp"]


async def test_an_index_of_another_version_is_built_again(
    start: Callable[[], Awaitable[Searching]], database: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await start()
    await put(database(), "gdp@1", GDP)
    await first.names("gdp")
    await first.loop.stop()
    monkeypatch.setattr(whoosh_text, "VERSION", whoosh_text.VERSION + 1)
    monkeypatch.setattr(fts5_rows, "VERSION", fts5_rows.VERSION + 1)
    second = await start()
    assert await second.names("gdp") == ["gdp"]


async def test_an_index_that_breaks_while_it_is_used_mends_itself(
    searching: Searching, database: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(database(), "gdp@1", GDP)
    assert await searching.names("gdp") == ["gdp"]
    broken = True
    module, name = _step(searching)

    def fail_once(*args: object) -> object:
        nonlocal broken
        if broken:
            broken = False
            raise apsw.CorruptError("torn posting")
        return original(*args)

    original = getattr(module, name)
    monkeypatch.setattr(module, name, fail_once)
    resets = _counted(searching.follower, "reset", monkeypatch)
    with pytest.raises(Unavailable):
        await searching.names("gdp")
    await put(database(), "b@1", package("B"))
    assert await searching.names("gdp") == ["gdp"]
    assert len(resets) == 1


async def test_one_search_that_always_fails_does_not_rebuild_for_ever(
    searching: Searching, database: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(database(), "gdp@1", GDP)
    await searching.names("gdp")
    resets = _counted(searching.follower, "reset", monkeypatch)
    with monkeypatch.context() as broken:
        broken.setattr(*_step(searching), Mock(side_effect=apsw.CorruptError("torn posting")))
        for number in range(3):
            with pytest.raises(Unavailable):
                await searching.names("gdp")
            await put(database(), f"b@{number}", package("B"))
    assert await searching.names("gdp") == ["gdp"]
    assert len(resets) == 1


def _step(searching: Searching) -> tuple[ModuleType, str]:
    """A function that the engine calls in every search."""
    is_whoosh = isinstance(searching.follower._index, WhooshIndex)
    return (whoosh_text, "build") if is_whoosh else (fts5_match, "match")


def _counted(thing: object, method: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A list that grows with each call of a method, which is still made."""
    calls: list[str] = []
    original = getattr(thing, method)

    async def call() -> None:
        calls.append(method)
        await original()

    monkeypatch.setattr(thing, method, call)
    return calls


def test_a_failed_commit_leaves_the_last_one(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = engine(tmp_path / "index")
    assert index.open() is None
    first, second = (items.PackageSource(name, "1", b'"title": "Bees"') for name in ("a", "b"))
    index.commit([first], [], Checkpoint("one", "1"))
    monkeypatch.setattr(whoosh_text, "document", _unexpected)
    monkeypatch.setattr(fts5_rows, "term_of", _unexpected)
    with pytest.raises(AssertionError):
        index.commit([second], ["a"], Checkpoint("one", "2"))
    assert [hit.package for hit in index.search(keys_query(["bees"])).hits] == ["a"]
    index.close_reading()
    index.close()
    again = engine(tmp_path / "index")
    assert again.open() == Checkpoint("one", "1")
    again.close()


def test_a_suggestion_that_takes_too_long_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = Fts5Index(tmp_path / "index")
    index.open()
    index.commit([items.PackageSource("a", "1", b'"title": "Unemployment"')], [], Checkpoint("one", "1"))
    assert looked(parse("unemploymet"), index).suggestion == "unemployment"

    def late(term: str) -> list[tuple[str, int]]:
        raise TooSlow

    monkeypatch.setattr(index, "neighbours", late)
    found = looked(parse("unemploymet"), index)
    assert (found.total, found.suggestion) == (0, None)
    index.close_reading()
    index.close()


async def test_a_search_during_a_reset_keeps_nothing_of_what_was(
    searching: Searching, database: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(database(), "gdp@1", GDP)
    assert await searching.names("gdp") == ["gdp"]
    index = searching.follower._index
    clear = index.clear

    def asked_meanwhile() -> None:
        assert index.search(keys_query(["gdp"])).total == 1
        clear()

    monkeypatch.setattr(index, "clear", asked_meanwhile)
    await searching.follower.reset()
    assert (await searching.follower.search(["gdp"])).hits == []
