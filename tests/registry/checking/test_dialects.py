"""Values of a dialect by which nothing can be read: each has its remedy."""

import json
from pathlib import Path
from typing import Any

import pytest

from couchreg.registry.checking.proposing import proposed
from tests.registry.checking.judging import FIELDS, kinds, laid, table

TEXT = "id,word\n1,a\n"


@pytest.mark.parametrize(
    ("dialect", "words"),
    [
        ({"delimiter": "comma"}, '"delimiter":","'),
        ({"delimiter": "Semicolon"}, '"delimiter":";"'),
        ({"delimiter": "tab"}, '"delimiter":"\\t"'),
        ({"delimiter": "\\t"}, '"delimiter":"\\t"'),
        ({"csv": {"delimiter": "pipe"}}, '"delimiter":"|"'),
        ({"delimiter": "xyz"}, "has to be one character"),
        ({"quoteChar": "double quote"}, '"quoteChar":"\\""'),
        ({"quoteChar": "''"}, "has to be one character"),
        ({"escapeChar": "\\\\"}, '"escapeChar":"\\\\"'),
        ({"lineTerminator": "CRLF"}, '"lineTerminator":"\\r\\n"'),
        ({"lineTerminator": "\\n"}, '"lineTerminator":"\\n"'),
        ({"commentChar": "hash"}, '"commentChar":"#"'),
        ({"quoteChar": ","}, "ends rows or begins quotes"),
        ({"lineTerminator": ","}, "ends rows or begins quotes"),
        ({"escapeChar": ","}, "is the “escapeChar”, too"),
        ({"sheetNumber": 0}, "the first sheet is 1"),
        ({"sheetNumber": "1"}, "it has to be a whole number"),
        ({"sheetNumber": True}, "it has to be a whole number"),
        ({"sheetName": 5}, "“sheetName” is 5: it has to be a string"),
        ({"property": 5}, "“property” is 5: it has to be a string"),
        ({"itemKeys": "id"}, "“itemKeys” is 'id': it has to be a list"),
        ({"itemType": "row"}, "“itemType” is 'row'"),
    ],
)
def test_values_that_cannot_be(tmp_path: Path, dialect: dict[str, Any], words: str) -> None:
    for folder, stated, files in (
        (tmp_path / "in", dialect, {}),
        (tmp_path / "beside", "d.json", {"d.json": json.dumps(dialect)}),
    ):
        [found] = table(folder, TEXT, dialect=stated, files=files)["problems"]
        assert (found["type"], found["resource"], found["field"]) == ("dialect-error", "t", "dialect")
        assert found.get("file") == ("d.json" if files else None)
        assert words in found["message"]


def test_what_parts_cells_of_a_tsv(tmp_path: Path) -> None:
    assert table(tmp_path / "a", "id\tword\n1\ta\n", "t.tsv", dialect={"quoteChar": ","})["problems"] == []
    found = table(tmp_path / "b", "id\tword\n1\ta\n", "t.tsv", dialect={"quoteChar": "\t"})
    assert kinds(found) == ["dialect-error"]


def test_a_delimiter_of_several_characters_is_named_as_not_read(tmp_path: Path) -> None:
    report = table(tmp_path, "id::word\n1::a\n", dialect={"delimiter": "::"})
    assert (report["problems"], report["skipped"]) == ([], ["t"])
    assert [item["member"] for item in report["unchecked"]] == ["dialect.delimiter"]


def test_a_member_that_nobody_reads_is_named(tmp_path: Path) -> None:
    report = table(tmp_path, TEXT, dialect={"separator": ";", "_note": "x", "x-own": 1, "csvddfVersion": 1.2})
    assert report["problems"] == []
    assert [item["member"] for item in report["unchecked"]] == ["dialect.separator"]


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ({"type": "number", "decimalChar": "comma"}, '"decimalChar":","'),
        ({"type": "number", "groupChar": "space"}, '"groupChar":" "'),
        ({"type": "number", "decimalChar": "komma"}, "has to be one character"),
        ({"type": "list", "delimiter": "semicolon"}, '"delimiter":";"'),
    ],
)
def test_marks_of_fields(tmp_path: Path, field: dict[str, Any], words: str) -> None:
    [found] = table(tmp_path, TEXT, schema={"fields": [{"name": "id", **field}, FIELDS[1]]})["problems"]
    assert (found["type"], found["field"]) == ("field-error", "id")
    assert words in found["message"]


JSON_CELLS = 'meta,name\n"{""x"": 1, ""y"": 2}", a\n"{""x"": 3, ""y"": 4}",a\n'


@pytest.mark.parametrize("members", [{}, {"dialect": "d.json", "files": {"d.json": '{"delimiter": ","}'}}])
def test_blanks_belong_to_cells_unless_quotes_follow(tmp_path: Path, members: dict[str, Any]) -> None:
    fields = [{"name": "meta", "type": "object"}, {"name": "name", "constraints": {"unique": True}}]
    report = table(tmp_path, JSON_CELLS, schema={"fields": fields}, **members)
    assert (report["problems"], report["recorded"]) == ([], [])
    laid(tmp_path, {}, **{"t.csv": JSON_CELLS})
    [resource] = proposed(tmp_path, ["t.csv"], [])
    assert "dialect" not in resource


def test_blanks_before_quotes_are_skipped(tmp_path: Path) -> None:
    text = 'id,word\n1, "a, b"\n2,"c"\n'
    report = table(tmp_path, text)
    assert report["problems"] == []
    assert report["recorded"] == [{"resource": "t", "member": "dialect", "value": {"skipInitialSpace": True}}]
    [found] = table(tmp_path, text, dialect="d.json", files={"d.json": '{"delimiter": ","}'})["problems"]
    assert '"skipInitialSpace":true, which d.json does not say' in found["message"]
