"""Rows of an index as text, and what the file of an index makes of it."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from couchreg.designdocs import emitted
from couchreg.designdocs.emitted import Misshapen, checked, rows_text
from couchreg.designdocs.javascript import worker
from couchreg.designdocs.javascript.failures import BROKEN, said_rows
from couchreg.designdocs.views.filling import Mapped
from couchreg.designdocs.views.index import IndexFile
from couchreg.designdocs.views.reading import IndexRow, Read
from couchreg.errors import Failure
from couchreg.model import json
from couchreg.model.collation import sort_key
from couchreg.model.raw_order import raw_sort_key

EVERY = Read(0, None, None, descending=False)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@pytest.fixture
def file(tmp_path: Path) -> Any:
    opened = IndexFile(tmp_path / "x.view")
    yield opened
    opened.close()


def rows(file: IndexFile, place: int = 0) -> list[IndexRow]:
    return file.rows(EVERY._replace(map=place), skip=0, limit=1000).rows


@settings(deadline=None)
@given(st.dictionaries(IDS, st.lists(st.tuples(VALUES, VALUES), max_size=4), min_size=1, max_size=5))
def test_every_row_is_there_as_it_was_emitted(
    tmp_path_factory: pytest.TempPathFactory, docs: dict[str, list[tuple[Any, Any]]]
) -> None:
    file = IndexFile(tmp_path_factory.mktemp("index") / "x.view")
    made = [[pairs, pairs[:1]] for pairs in docs.values()]
    file.apply([Mapped(list(docs), rows_text(made, [False, True]))], {})
    expected = [
        (sort_key(key), doc_id, raw_sort_key(value), json.encode(key), json.encode(value))
        for doc_id, pairs in docs.items()
        for key, value in pairs
    ]
    expected.sort(key=lambda row: (row[0], row[1].encode(), row[2]))
    found = rows(file)
    assert [(row.sort, row.id, row.key, row.value) for row in found] == [
        (sort, doc_id, key, value) for sort, doc_id, _, key, value in expected
    ]
    assert file.total(0) == len(expected)
    assert {row.sort for row in rows(file, 1)} == {
        raw_sort_key(pairs[0][0]) for pairs in docs.values() if pairs
    }
    file.close()


def test_what_comes_again_takes_the_place_of_what_was_there(file: IndexFile) -> None:
    made = [[[(1, None), (2, None)]], [[(3, None)]]]
    file.apply([Mapped(["a", "b"], rows_text(made, [False]))], {})
    file.apply([Mapped(["a", "c"], rows_text([[[(4, None)]], [[]]], [False]))], {})
    assert [(row.id, row.key) for row in rows(file)] == [("b", b"3"), ("a", b"4")]
    assert file.total(0) == 2


@pytest.mark.parametrize("key", [[""] * 100_000, ["x" * 1000], ["x", 1], [1.5, None]])
def test_a_key_that_takes_much_memory_is_not_remembered(key: Any) -> None:
    emitted._form_of_texts.cache_clear()
    rows_text([[[(key, 1)]]], [False])
    assert emitted._form_of_texts.cache_info().currsize == 0
    rows_text([[[(["k", "short"], 1)]]], [False])
    assert emitted._form_of_texts.cache_info().currsize == 1


def test_rows_of_partitions_lie_together(file: IndexFile) -> None:
    mapped = Mapped(["b:1", "a:1"], rows_text([[[(1, None)]], [[(2, None)]]], [False]), [b"b:", b"a:"])
    file.apply([mapped], {})
    assert [(row.sort[:2], row.id) for row in rows(file)] == [(b"a:", "a:1"), (b"b:", "b:1")]


@pytest.mark.parametrize("made", [None, {}, [1], [[1]], [[[1]]], [[[[1]]]], [[[[1, 2, 3]]]], "x"])
def test_what_no_map_emits_is_refused(made: Any) -> None:
    with pytest.raises(Misshapen):
        checked(made)


@pytest.mark.parametrize("said", [b'{"ok":[[[1]]]}', b"[]", b"1", b'"x"', b'{"ok":{}}', b"{"])
def test_a_broken_world_is_an_answer(said: bytes) -> None:
    try:
        _, reason = said_rows(worker._in_rows(said, [False]))["error"]
    except Failure as failure:
        reason = failure.reason
    assert reason == BROKEN
