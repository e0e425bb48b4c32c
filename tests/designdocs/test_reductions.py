"""Reductions that are kept: the results that all rows have, over random rows and ranges, for little work."""

import random
from collections.abc import AsyncIterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from couchreg.designdocs.functions import Design, Functions
from couchreg.designdocs.javascript.contexts import Contexts
from couchreg.designdocs.views import blocks, engine, reading, reducing, stretches
from couchreg.designdocs.views.definition import definition_of
from couchreg.designdocs.views.engine import Index
from couchreg.designdocs.views.reading import IndexRow, KeyBound, Read
from couchreg.designdocs.views.reducers import Reduces, reducer_of
from couchreg.designdocs.views.reducing import EXACT, grouped_key, reduced
from couchreg.model import json
from couchreg.model.collation import sort_key
from tests.designdocs.rows import mapped

DEFINITION = definition_of({"views": {"v": {"map": "function (doc) {}"}}})
KEYS = [None, 0, 1, 1.0, 2, "a", "b", [1], [1, 1], [1, 2], [1, 2, 3], [2, 1], ["a", 1], {"a": 1}]
LEVELS = [0, EXACT, 1, 2]

Model = dict[str, list[tuple[Any, int]]]  # of a document its keys and values


class Counting:
    """A reduce function that tells which rows it has seen, and how many it was given."""

    digest = b"counting"
    is_ordered = False
    counts = False

    def __init__(self) -> None:
        self.given = 0
        self.during: Any = None  # called once, while it works

    async def start(self, parts: Sequence[Sequence[IndexRow]]) -> list[Any]:
        self.given += sum(len(part) for part in parts)
        if self.during is not None:
            during, self.during = self.during, None
            during()
        return [sorted([row.id, json.decode(row.value)] for row in part) for part in parts]

    async def join(self, parts: Sequence[Sequence[Any]]) -> list[Any]:
        return [sorted(pair for state in part for pair in state) for part in parts]

    finish = join

    def dump(self, state: Any) -> bytes | None:
        return json.encode(state)

    def load(self, text: bytes) -> Any:
        return json.decode(text)


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[Index]:
    async def maps_nothing(docs: Sequence[bytes]) -> Sequence[Any]:
        raise AssertionError

    index = Index(tmp_path / "x.view", DEFINITION, maps_nothing)
    yield index
    await index.close()


def built_in_reducer(name: str) -> Reduces:
    return reducer_of(name, Functions(Contexts(dict)), ("x", Design("", "", "", b"{}")))


async def write(index: Index, docs: Model) -> None:
    rows = {
        doc_id: sorted((0, sort_key(key), json.encode(key), json.encode(value)) for key, value in pairs)
        for doc_id, pairs in docs.items()
    }
    (await index.file()).apply([mapped(rows)], {})


async def answer(index: Index, reducer: Counting, read: Read, level: int) -> list[tuple[Any, Any]]:
    return [(sort_key(key), value) async for key, value in reduced(index, read, level, reducer)]


def expected(model: Model, read: Read, level: int) -> list[tuple[Any, Any]]:
    rows = sorted(
        ((sort_key(key), doc_id, key, value) for doc_id, pairs in model.items() for key, value in pairs),
        key=lambda row: (row[0], row[1].encode()),
        reverse=read.descending,
    )
    low, high = (read.last, read.first) if read.descending else (read.first, read.last)
    within = [
        row for row in rows if (low is None or row[0] >= low.sort) and (high is None or row[0] <= high.sort)
    ]
    grouped = groupby(within, key=lambda row: sort_key(grouped_key(row[2], level)))
    return [(sort, sorted([doc_id, value] for _, doc_id, _, value in some)) for sort, some in grouped]


def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of a few rows, so that a few documents make many."""
    for module, name, value in (
        (reducing, "LEAST", 2),
        (reducing, "USUAL", 4),
        (reducing, "MOST", 6),
        (reducing, "FEW", 2),
        (stretches, "FEW", 2),
        (reducing, "FLUSH", 12),
        (engine, "PAGE", 9),
    ):
        monkeypatch.setattr(module, name, value)


@pytest.mark.parametrize("seed", range(4))
async def test_results_are_those_of_all_rows(
    index: Index, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    small(monkeypatch)
    chance = random.Random(seed)
    model: Model = {}
    reducer = Counting()
    for number in range(60):
        changed: Model = {}
        for _ in range(chance.choice([1, 1, 2, 30])):
            pairs = [
                (chance.choice(KEYS), chance.randrange(3)) for _ in range(chance.choice([0, 1, 1, 2, 9]))
            ]
            changed[f"d{chance.randrange(120):03}"] = pairs
        await write(index, changed)
        model |= changed
        for _ in range(4):
            read, level = some_range(chance, KEYS), chance.choice(LEVELS)
            assert await answer(index, reducer, read, level) == expected(model, read, level), (
                number,
                read,
                level,
            )
    await check(index)


@pytest.mark.parametrize("seed", [0, 7, 12, 13])
async def test_rows_of_one_document_with_one_key_are_never_parted(
    index: Index, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Neither where a page of rows ends within a block that does not serve, nor where rows are long."""
    small(monkeypatch)
    chance = random.Random(seed)
    monkeypatch.setattr(engine, "PAGE", chance.choice([3, 5, 6, 7, 9]))
    monkeypatch.setattr(reading, "BYTES", chance.choice([10, 20, 1000]))
    keys: Sequence[Any] = chance.choice([[1, 2, [1, 1], "a"], KEYS])
    model: Model = {}
    reducer = Counting()
    for number in range(40):
        changed: Model = {}
        for _ in range(chance.choice([1, 1, 2, 20])):
            count = chance.choice([0, 1, 2, 9, 20])
            changed[f"d{chance.randrange(40):03}"] = [
                (chance.choice(keys), chance.randrange(3)) for _ in range(count)
            ]
        await write(index, changed)
        model |= changed
        for _ in range(4):
            read, level = some_range(chance, keys), chance.choice(LEVELS)
            found = await answer(index, reducer, read, level)
            assert found == expected(model, read, level), (number, read, level)


def some_range(chance: random.Random, keys: Sequence[Any]) -> Read:
    ends = sorted(chance.sample(keys, 2), key=sort_key)
    first, last = [KeyBound(sort_key(end), None) if chance.random() < 0.5 else None for end in ends]
    descending = chance.random() < 0.3
    return Read(0, *((last, first) if descending else (first, last)), descending)


async def check(index: Index) -> None:
    """Each block says what its rows are, and those of one level lie apart."""
    file = await index.file()
    before: dict[int, blocks.Position] = {}
    found = file._reader.execute(
        "select level, first_sort, first_id, last_sort, last_id, value from whole_blocks"
        " order by level, first_sort, first_id"
    ).fetchall()
    assert {row[0] for row in found} == {1, 2, 3}
    for level, first_sort, first_id, last_sort, last_id, value in found:
        assert before.get(level, (b"", "")) < (first_sort, first_id) <= (last_sort, last_id)
        before[level] = (last_sort, last_id)
        read = Read(0, KeyBound(first_sort, first_id), KeyBound(last_sort, last_id), descending=False)
        rows = file.rows(read, skip=0, limit=10_000).rows
        assert json.decode(value) == sorted([row.id, json.decode(row.value)] for row in rows)


def spread(count: int) -> Model:
    return {f"d{number:05}": [([number % 10, number], number)] for number in range(count)}


EVERY = Read(0, None, None, descending=False)


async def test_what_is_kept_is_not_reduced_again(index: Index) -> None:
    await write(index, spread(5000))
    reducer = Counting()
    whole = await answer(index, reducer, EVERY, 0)
    assert reducer.given == 5000
    for read, level, most in (
        (EVERY, 0, reducing.MOST),
        (EVERY._replace(descending=True), 0, reducing.MOST),
        (EVERY, 1, 10 * reducing.MOST),
        (EVERY._replace(descending=True), 1, 10 * reducing.MOST),
        (
            EVERY._replace(first=KeyBound(sort_key([2, 7]), None), last=KeyBound(sort_key([6, 7]), None)),
            0,
            2 * reducing.MOST,
        ),
    ):
        reducer.given = 0
        found = await answer(index, reducer, read, level)
        assert reducer.given <= most
        if read.first is None:
            assert sorted(pair for _, value in found for pair in value) == whole[0][1]


async def test_a_change_costs_the_blocks_around_it(index: Index) -> None:
    await write(index, spread(5000))
    reducer = Counting()
    await answer(index, reducer, EVERY, 0)
    for change in ({"d00777": [([7, 777], -1)]}, {"d00778": []}, {"new": [([3, 100.5], -2)]}):
        await write(index, change)
        reducer.given = 0
        [(_, value)] = await answer(index, reducer, EVERY, 0)
        assert reducer.given <= 2 * reducing.MOST
        [(doc_id, pairs)] = change.items()
        assert [pair for pair in value if pair[0] == doc_id] == [[doc_id, number] for _, number in pairs]


async def test_a_document_that_emits_the_same_again_costs_nothing(index: Index) -> None:
    await write(index, spread(2000))
    reducer = Counting()
    await answer(index, reducer, EVERY, 0)
    await write(index, {"d00500": [([0, 500], 500)]})
    reducer.given = 0
    await answer(index, reducer, EVERY, 0)
    assert reducer.given <= reducing.MOST


async def test_what_is_counted_at_first_is_what_rows_are_reduced_to(index: Index) -> None:
    """With the key of a group as its first row has it: 1 and 1.0 are equal."""
    chance = random.Random(5)
    model: Model = {
        f"d{n:03}": [(chance.choice(KEYS), chance.randrange(3)) for _ in range(4)] for n in range(90)
    }
    await write(index, model)
    file, reducer = await index.file(), built_in_reducer("_count")
    for _ in range(60):
        ends = sorted(chance.sample(KEYS, 2), key=sort_key)
        first, last = [KeyBound(sort_key(end), None) if chance.random() < 0.5 else None for end in ends]
        descending = chance.random() < 0.5
        read = Read(0, *((last, first) if descending else (first, last)), descending)
        level = chance.choice([0, EXACT])
        found = []
        for is_first in (True, False):
            file._kinds.clear()
            file._writer.execute("delete from whole_blocks")
            file._counted = set() if is_first else {0}
            found.append(
                [(json.encode(key), value) async for key, value in reduced(index, read, level, reducer)]
            )
        assert found[0] == found[1], (read, level)


async def test_rows_are_counted_once_and_blocks_made_from_then_on(index: Index) -> None:
    await write(index, spread(500))
    reducer, file = built_in_reducer("_count"), await index.file()
    for has_blocks in (False, True):
        assert [group async for group in reduced(index, EVERY, 0, reducer)] == [(None, 500)]
        assert bool(file._kinds) is has_blocks


async def test_it_outlives_the_server(index: Index) -> None:
    await write(index, spread(2000))
    await answer(index, Counting(), EVERY, 0)
    await index.close()
    again, reducer = Index(index.path, DEFINITION, index._mapper), Counting()
    await answer(again, reducer, EVERY, 0)
    assert reducer.given <= reducing.MOST
    await write(again, {"d00500": [([0, 500], -1)]})
    [(_, value)] = await answer(again, reducer, EVERY, 0)
    assert ["d00500", -1] in value
    (await again.file()).clear({})
    assert await answer(again, reducer, EVERY, 0) == []
    await again.close()


async def test_what_changed_while_it_was_reduced_is_not_kept(index: Index) -> None:
    await write(index, spread(2000))
    file, reducer = await index.file(), Counting()
    row = (0, sort_key([0, 0]), json.encode([0, 0]), json.encode(-1))
    reducer.during = lambda: file.apply([mapped({"d00000": [row]})], {})
    [(_, before)] = await answer(index, reducer, EVERY, 0)
    assert ["d00000", 0] in before
    [(_, after)] = await answer(index, reducer, EVERY, 0)
    assert ["d00000", -1] in after


async def test_many_rows_of_one_document_with_one_key_stay_together(index: Index) -> None:
    await write(index, {"a": [(1, number) for number in range(1000)], **spread(500)})
    reducer = Counting()
    read = EVERY._replace(last=KeyBound(sort_key(1), None))
    for _ in range(2):
        [(_, value)] = await answer(index, reducer, read, EXACT)
        assert value == [["a", number] for number in range(1000)]
