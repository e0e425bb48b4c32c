"""An index file that is filled for the first time has the rows that any other has."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from couchreg.designdocs.views import filling
from couchreg.designdocs.views.filling import NO_ROWS, Mapped
from couchreg.designdocs.views.index import IndexFile
from couchreg.designdocs.views.reading import Read
from tests.designdocs.rows import mapped

ALL = Read(0, None, None, descending=False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.view"


@pytest.fixture
def file(path: Path) -> Iterator[IndexFile]:
    made = IndexFile(path)
    yield made
    made.close()


def some(*ids: str, value: bytes = b"1") -> Mapped:
    return mapped({doc_id: [(0, b"k", b'"k"', value), (0, b"l", b'"l"', value)] for doc_id in ids})


def rows(file: IndexFile) -> list[tuple[bytes, str, bytes]]:
    return [(row.sort, row.id, row.value) for row in file.rows(ALL, skip=0, limit=1000).rows]


def wanted(values: dict[str, bytes]) -> list[tuple[bytes, str, bytes]]:
    return [(sort, doc_id, value) for sort in (b"k", b"l") for doc_id, value in sorted(values.items())]


def has_index(path: Path) -> bool:
    connection = apsw.Connection(str(path))
    try:
        found = connection.execute("select 1 from sqlite_schema where name = 'rows_by_id'").fetchone()
    finally:
        connection.close()
    return found is not None


def test_the_index_by_document_comes_with_the_first_update_behind_the_filling(
    file: IndexFile, path: Path
) -> None:
    file.apply([some("a"), Mapped(["gone"], NO_ROWS), some("b", "c")], {"seq": "3"})
    file.apply([some("d")], {"seq": "4"})
    assert not has_index(path)
    file.filled()
    file.apply([some("b", value=b"2"), Mapped(["c"], NO_ROWS)], {"seq": "6"})
    assert has_index(path)
    assert rows(file) == wanted({"a": b"1", "b": b"2", "d": b"1"})
    assert (file.total(0), file.meta("seq")) == (6, "6")


@pytest.mark.parametrize("together", [True, False])
def test_a_document_that_comes_twice_has_its_last_rows(file: IndexFile, path: Path, together: bool) -> None:
    first, second = [some("a", "b")], [some("b", "c", value=b"2"), some("b", value=b"3")]
    for part in [first + second] if together else [first, second]:
        file.apply(part, {"seq": "1"})
    assert has_index(path)
    assert rows(file) == wanted({"a": b"1", "b": b"3", "c": b"2"})
    assert file.total(0) == 6


def test_a_filling_that_was_cut_off_goes_on_with_the_index(file: IndexFile, path: Path) -> None:
    file.apply([some("a", "b")], {"seq": "2"})
    again = IndexFile(path)  # the first is left as a killed server leaves it
    assert has_index(path)
    again.apply([some("b", "c", value=b"2")], {"seq": "4"})
    assert rows(again) == wanted({"a": b"1", "b": b"2", "c": b"2"})
    again.close()


def test_an_empty_file_is_filled_when_it_is_opened_again(file: IndexFile, path: Path) -> None:
    file.apply([Mapped(["a"], NO_ROWS)], {"seq": "1"})
    again = IndexFile(path)
    again.apply([some("b")], {"seq": "2"})
    assert not has_index(path)
    again.close()


@pytest.mark.parametrize("bound", ["MOST_NEW", "MOST_ROWS", "MOST_BYTES"])
def test_a_large_file_gets_the_index_while_it_is_filled(
    file: IndexFile, path: Path, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    monkeypatch.setattr(filling, bound, 1)
    file.apply([some("a", "b")], {"seq": "2"})
    assert not has_index(path)
    file.apply([some("c")], {"seq": "3"})
    assert has_index(path)
    assert rows(file) == wanted({"a": b"1", "b": b"1", "c": b"1"})


def test_many_bytes_go_in_by_several_statements(file: IndexFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "TOGETHER", 1)
    file.apply([some("a", "b"), some("c"), some("d", "a\0b", 'ü"\\')], {"seq": "6"})
    assert rows(file) == wanted(dict.fromkeys(["a", "b", "c", "d", "a\0b", 'ü"\\'], b"1"))


def test_what_could_not_be_stored_is_stored_later(file: IndexFile) -> None:
    broken = some("b")._replace(rows=b"[[0,0")
    with pytest.raises(apsw.SQLError):
        file.apply([some("a"), broken], {"seq": "2"})
    assert rows(file) == []
    file.apply([some("a"), some("b")], {"seq": "2"})
    assert rows(file) == wanted({"a": b"1", "b": b"1"})
