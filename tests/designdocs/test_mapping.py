"""Maps of an index in a child: translated ones, and the engine for what they leave to it."""

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from couchreg.designdocs.emitted import Maps
from couchreg.designdocs.functions import Design, Functions
from couchreg.designdocs.javascript import mapping as module
from couchreg.designdocs.javascript.contexts import Contexts
from couchreg.designdocs.javascript.mapping import Mapping, mapping
from couchreg.errors import Failure

MAP = "function(doc) { if (doc.n > 1) emit(doc.n, doc.list); doc.list.forEach(function(x) { emit(x, 1); }); }"
OF_THE_ENGINE = MAP[:-1] + " try { } catch (error) { } }"
DOCS: list[Any] = [
    {"n": 2, "list": ["a"]},
    {"n": 1},
    {"n": "3", "list": []},
    {"n": 1.0, "list": [1.0, 1e21, {"2": 1, "1": 2}]},
]


@pytest.fixture
async def contexts() -> AsyncIterator[Contexts]:
    made = Contexts(dict)
    yield made
    await made.close()


async def rows(contexts: Contexts, docs: Sequence[Any], *sources: str) -> Any:
    texts = [json.dumps({"_id": f"d{place}", **doc}).encode() for place, doc in enumerate(docs)]
    maps = Maps(sources, [False] * len(sources))
    found = await Functions(contexts).map("db", Design("", "", "", b"{}"), maps, texts)
    return [json.loads(part) for _, part in found]


async def test_what_is_left_to_the_engine_stands_in_its_place(contexts: Contexts) -> None:
    assert mapping(json.dumps([MAP]).encode()) is not None
    assert mapping(json.dumps([MAP, OF_THE_ENGINE]).encode()) is None
    expected = await rows(contexts, DOCS, OF_THE_ENGINE)
    assert await rows(contexts, DOCS, MAP) == expected
    assert [row[0] for row in expected[0]] == [0, 0, 2, 3, 3, 3]
    assert await rows(contexts, DOCS[:1], MAP) == await rows(contexts, DOCS[:1], OF_THE_ENGINE)


async def test_many_documents_go_together_while_the_engine_has_nothing_to_do(contexts: Contexts) -> None:
    functions = Functions(contexts)
    plain = [json.dumps({"_id": f"d{n}", "n": n, "list": [n, "a"]}).encode() for n in range(650)]
    odd = [text.replace(b'"list": [', b'"list": [9007199254740993, ') for text in plain]

    async def sizes(docs: Sequence[bytes], source: str) -> tuple[list[int], list[Any]]:
        maps = Maps([source], [False])
        parts = await functions.map("db", Design("", "", "", b"{}"), maps, docs)
        starts = [sum(count for count, _ in parts[:place]) for place in range(len(parts))]
        rows = [
            [start + row[0], *row[1:]]
            for start, (_, text) in zip(starts, parts, strict=True)
            for row in json.loads(text)
        ]
        return [count for count, _ in parts], rows

    first, rows_of_plain = await sizes(plain, MAP)
    assert first == [100, 500, 50]
    again, rows_of_odd = await sizes(odd, MAP)  # all are left to the engine, a hundred at a time
    assert again == [500, 100, 50]
    by_engine, expected = await sizes(odd, OF_THE_ENGINE)
    assert by_engine == [100] * 6 + [50]
    assert rows_of_odd == expected
    assert rows_of_plain == (await sizes(plain, OF_THE_ENGINE))[1]


async def test_a_map_that_changes_the_world_changes_it_for_all(contexts: Contexts) -> None:
    breaks = "function(doc) { Array.prototype.forEach = function() { emit('broken', null); }; }"
    [found] = await rows(contexts, DOCS[:1] * 2, MAP, breaks)
    assert [json.loads(row[4]) for row in found] == [2, "a", 2, "broken"]


async def test_what_is_no_function_is_not_translated(contexts: Contexts) -> None:
    for source in ("function(doc) { let x = 1; let x = 2; }", "function(doc) { emit(1) } x", "1"):
        with pytest.raises(Failure) as caught:
            await rows(contexts, DOCS[:1], source)
        assert caught.value.error == "compilation_error"


def made(maps: Mapping | None, doc: Any) -> Any:
    assert maps is not None
    return maps.pairs([json.dumps(doc).encode()])[0]


def test_much_work_is_left_to_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    maps = mapping(json.dumps(["function(doc) { while (doc.n) {} emit(doc.list, doc.list) }"]).encode())
    assert made(maps, {"list": [[1]]}) is not None
    assert made(maps, {"n": 1}) is None
    deep: Any = []
    for _ in range(120):
        deep = [deep]
    assert made(maps, {"x": deep}) is None
    assert made(maps, {"x": [[]] * 200}) is not None
    monkeypatch.setattr(module, "LARGE", 100)
    assert made(maps, {"x": "a" * 100}) is None
    monkeypatch.setattr(module, "STEPS_OF_ALL", 50)
    assert maps is not None
    assert [one is None for one in maps.pairs([b'{"n":1}', b"{}"])] == [True, True]
