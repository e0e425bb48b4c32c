"""Long rows: few are in memory at a time."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from couchreg.designdocs.views.definition import definition_of
from couchreg.designdocs.views.engine import Index
from couchreg.designdocs.views.reading import BYTES, KeyBound, Read, size_of
from couchreg.model import json
from couchreg.model.collation import sort_key
from tests.designdocs.rows import mapped

ROWS = 60
LONG = "x" * (BYTES // 4)
EVERY = Read(0, None, None, descending=False)


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[Index]:
    async def maps_nothing(docs: Sequence[bytes]) -> Sequence[Any]:
        raise AssertionError

    index = Index(
        tmp_path / "x.view", definition_of({"views": {"v": {"map": "function (doc) {}"}}}), maps_nothing
    )
    for begin in range(0, ROWS, 10):
        some = range(begin, begin + 10)
        rows = {f"d{n:02}": [(0, sort_key(n % 3), json.encode(n % 3), json.encode(LONG))] for n in some}
        (await index.file()).apply([mapped(rows)], {})
    yield index
    await index.close()


@pytest.mark.parametrize("descending", [False, True])
async def test_a_page_has_few(index: Index, descending: bool) -> None:
    pages = [page async for page in index.rows(EVERY._replace(descending=descending))]
    ids = [row.id for page in pages for row in page]
    assert ids == sorted(ids, key=lambda one: (int(one[1:]) % 3, one), reverse=descending)
    assert len(ids) == ROWS
    assert max(map(size_of, pages)) < BYTES + len(LONG) + 10
    some = [page async for page in index.rows(EVERY, skip=1, limit=7)]
    assert sum(map(len, some)) == 7
    found = await index.peek(EVERY, 50)
    assert (len(found.rows), found.is_last) == (4, False)
    found = await index.peek(EVERY._replace(first=KeyBound(sort_key(3), None)), 50)
    assert found == ([], True)


async def test_a_row_alone_may_be_longer(index: Index) -> None:
    rows = {f"e{n}": [(0, sort_key(9), b"9", json.encode("y" * 2 * BYTES))] for n in range(3)}
    (await index.file()).apply([mapped(rows)], {})
    pages = [page async for page in index.rows(EVERY._replace(first=KeyBound(sort_key(9), None)))]
    assert list(map(len, pages)) == [1, 1, 1]
