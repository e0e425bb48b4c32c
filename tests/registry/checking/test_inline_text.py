"""Text that stands in the descriptor is read as a file of it would be."""

from pathlib import Path
from typing import Any

import pytest

from tests.registry.checking.judging import kinds, table


def inline(folder: Path, data: Any, **members: Any) -> dict[str, Any]:
    return table(folder, b"", path=None, data=data, **members)


@pytest.mark.parametrize(
    ("right", "wrong", "members"),
    [
        ("id,word\n1,a\n", "id,word\nx,a\n", {"mediatype": "text/csv; charset=utf-8"}),
        ("id,word\n1,a\n", "id,word\nx,a\n", {"format": ".CSV"}),
        ("id,word\n1,'x,y'\n", "id,word\nx,'x,y'\n", {"format": "csv", "dialect": {"quoteChar": "'"}}),
        ("id,word|1,a|", "id,word|x,a|", {"format": "csv", "dialect": {"lineTerminator": "|"}}),
        (
            "id,word\n1,\\N\n",
            "id,word\n\\N,x\nx,\\N\n",
            {"format": "csv", "dialect": {"nullSequence": "\\N"}},
        ),
        ("# x\nid,word\n1,a\n", "# x\nid,word\nx,a\n", {"format": "csv", "dialect": {"commentChar": "#"}}),
        ('[{"id": 1, "word": "a"}]', '[{"id": "x", "word": "a"}]', {"format": "json"}),
        ('[["id", "word"], [1, "a"]]', '[["id", "word"], ["x", "a"]]', {"mediatype": "application/json"}),
        ('{"id": 1, "word": "a"}\n', '{"id": "x", "word": "a"}\n', {"format": "jsonl"}),
        (
            '{"in": [{"id": 1, "word": "a"}]}',
            '{"in": [{"id": "x", "word": "a"}]}',
            {"format": "json", "dialect": {"property": "in"}},
        ),
    ],
)
def test_text_is_read_by_its_format_and_dialect(
    tmp_path: Path, right: str, wrong: str, members: dict[str, Any]
) -> None:
    report = inline(tmp_path, right, **members)
    assert (report["problems"], report["skipped"], report["recorded"]) == ([], [], [])
    assert kinds(inline(tmp_path, wrong, **members)) == ["type-error"]


def test_a_delimiter_that_was_guessed_is_recorded(tmp_path: Path) -> None:
    report = inline(tmp_path, "id;word\n1;a\n", format="csv")
    assert report["problems"] == []
    assert report["recorded"] == [{"resource": "t", "member": "dialect", "value": {"delimiter": ";"}}]


@pytest.mark.parametrize(
    ("data", "form", "words"),
    [
        ('[{"id": 1},\n{"id"', "json", "is not valid JSON in line 2, column 6"),
        ('id,word\n1,"a\n', "csv", "the quote in its row 2 is not closed"),
    ],
)
def test_text_that_is_broken(tmp_path: Path, data: str, form: str, words: str) -> None:
    [found] = inline(tmp_path, data, format=form)["problems"]
    assert (found["type"], found["resource"], found["field"]) == ("source-error", "t", "data")
    assert words in found["message"]


def test_text_that_nobody_reads_as_a_table_is_said_to_be_unread(tmp_path: Path) -> None:
    report = inline(tmp_path, "id: 1", format="yaml")
    assert (report["problems"], report["skipped"]) == ([], ["t"])
    assert [item["member"] for item in report["unchecked"]] == ["schema"]
