"""Tables of JSON: a schema makes a file one, whatever else is said of it."""

import gc
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.registry.checking.judging import FIELDS, V2, kinds, table

# frictionless leaves compressed files open.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.mark.parametrize(
    "members", [{}, {"type": "table"}, {"type": "json"}, {"format": "JSON"}, {"format": ".json"}]
)
@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('[{"id": "x", "word": "a"}]', "type-error"),
        ('[{"id": 1, "word": "a"}, {"id": "x", "word": "b"}]', "type-error"),
        ('[["id", "word"], ["x", "a"]]', "type-error"),
        ('[{"id": 1}]', "missing-label"),
        ('[{"id": 1, "word": "a", "more": 2}]', "extra-label"),
    ],
)
def test_rows_are_looked_at(tmp_path: Path, members: dict[str, Any], text: str, kind: str) -> None:
    assert kinds(table(tmp_path, text, "t.json", **members)) == [kind]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("t.json", '[{"id": 1, "word": "a"}, {"id": 2, "word": null}]'),
        ("t.json", '[{"word": "a", "id": 1}, {"id": 2, "word": "b"}]'),  # members have no order
        ("t.json", '[["id", "word"], [1, "a"]]'),
        ("t.json", '[{"id": 1}, {"word": "b", "id": 2}]'),  # nor has a row to have what is null in it
        ("t.jsonl", '{"id": 1}\n{"id": 2, "word": "b"}\n'),
        ("t.json", " [] "),
        ("t.jsonl", '{"word": "a", "id": 1}\n{"id": 2, "word": "b"}\n'),
        ("t.ndjson", '{"word": "a", "id": 1}\n'),
        ("t.json.gz", gzip.compress(b'[{"word": "a", "id": 1}]', mtime=0)),
    ],
)
def test_rows_that_are_right(tmp_path: Path, path: str, text: Any) -> None:
    report = table(tmp_path, text, path)
    gc.collect()  # the warning of a file that is left open is this test's, not that of any other
    assert (report["problems"], report["skipped"], report["unchecked"]) == ([], [], [])


@pytest.mark.parametrize(
    ("path", "text", "dialect"),
    [
        ("t.json", '[{"id": 1, "word": "a"}, {"id": 2, "word": "b", "more": 3}]', {}),
        ("t.jsonl", '{"id": 1, "word": "a"}\n{"id": 2, "word": "b", "more": 3}\n', {}),
        ("t.json", '{"in": [{"id": 1, "word": "a"}, {"id": 2, "more": 3}]}', {"property": "in"}),
    ],
)
def test_members_of_later_rows_are_no_fields_either(
    tmp_path: Path, path: str, text: str, dialect: dict[str, Any]
) -> None:
    [found] = table(tmp_path, text, path, dialect=dialect)["problems"]
    place = (found["type"], found["row"], found["field"], found["file"])
    assert place == ("extra-cell", 3, "more", path)
    assert "'more' that is no field" in found["message"]


MORE = [{"id": 1, "word": "a"}, {"id": 2, "word": "b", "more": 3}]


def test_rows_in_the_descriptor_are_held_to_the_same(tmp_path: Path) -> None:
    [found] = table(tmp_path, b"", path=None, data=MORE)["problems"]
    assert (found["type"], found["row"], found["field"]) == ("extra-cell", 3, "more")
    assert table(tmp_path, b"", path=None, data=[{"id": 1}, {"id": 2, "word": "b"}])["problems"] == []


@pytest.mark.parametrize("match", ["subset", "partial"])
def test_a_schema_may_be_of_some_of_the_members(tmp_path: Path, match: str) -> None:
    package, schema = {"$schema": V2}, {"fields": FIELDS, "fieldsMatch": match}
    report = table(tmp_path, b"", path=None, data=MORE, schema=schema, package=package)
    assert report["problems"] == []
    report = table(tmp_path, json.dumps(MORE), "t.json", schema=schema, package=package)
    assert report["problems"] == []


@pytest.mark.parametrize(
    ("path", "text", "place", "words"),
    [
        (
            "t.json",
            '[{"id": 1,\n "word": oops}]',
            (None, 2, 10),
            "not valid JSON in line 2, column 10",
        ),
        ("t.json", '[{"id": 1},\n{"id"', (None, 2, 6), "it ends before it is complete"),
        ("t.json.gz", gzip.compress(b'[{"id": 1},\n\n{"id"', mtime=0), (None, 3, 6), "in line 3, column 6"),
        ("t.jsonl", "", (None, 1, 1), "t.jsonl is empty"),
        (
            "t.jsonl",
            '{"id": 1, "word": "a"}\n{"id": oops}\n',
            (3, 2, 8),
            "t.jsonl is not valid JSON in line 2",
        ),
    ],
)
def test_where_json_is_broken(
    tmp_path: Path, path: str, text: Any, place: tuple[int | None, int, int], words: str
) -> None:
    [found] = table(tmp_path, text, path)["problems"]
    assert (found["type"], found["file"]) == ("source-error", path)
    assert (found["row"], found["line"], found["column"]) == place
    assert words in found["message"]


LONG = "9" * 5000


@pytest.mark.parametrize(
    "text",
    [
        f'[{{"id": 1,\n "word": {LONG}}}]',
        f'[["id", "word"],\n[{LONG}, "a"]]',
        f'[["id", "word"],\n[{LONG}.5, "a"]]',
        f'[{{"id": 1, "word": "\\"{LONG}"}},\n {{"id": -{LONG}, "word": {{"a": 1}}}}]',
    ],
)
def test_numbers_longer_than_are_read(tmp_path: Path, text: str) -> None:
    [found] = table(tmp_path, text, "t.json")["problems"]
    assert (found["type"], found["file"], found["line"]) == ("source-error", "t.json", 2)
    assert "has a number of 5,000 digits in line 2, and no more than 4,300 are read" in found["message"]


@pytest.mark.parametrize("word", [f'"{LONG}"', f'"a\\" {LONG}, {LONG} "', f'"1, {LONG}"'])
def test_texts_of_digits_are_no_numbers(tmp_path: Path, word: str) -> None:
    report = table(tmp_path, f'[{{"id": 1, "word": {word}}}, {{"id": 2, "word": "b"}}]', "t.json")
    assert report["problems"] == []


def test_numbers_of_many_digits_behind_the_point(tmp_path: Path) -> None:
    fields = [{"name": "id", "type": "number"}]
    for text in (f'[{{"id": 0.{LONG}}}]', f'[{{"id": {"1" * 4300}}}]'):
        assert table(tmp_path, text, "t.json", schema={"fields": fields})["problems"] == []


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        ("t.json", "[" * 5000 + "]" * 5000, "nested deeper than is read here: write the inner ones as text"),
        ("t.jsonl", '{"id": ' + "[" * 5000 + "]" * 5000 + "}\n", "nested deeper than is read here"),
        ("t.jsonl", f'{{"id": {LONG}, "word": "a"}}\n', "more than 4,300 digits: write it as text"),
        ("t.json", '[{"id": 1e999999999999999999999, "word": "a"}]', "t.json is not JSON that can be read"),
    ],
)
def test_what_is_beyond_readers(tmp_path: Path, path: str, text: str, words: str) -> None:
    [found] = table(tmp_path, text, path)["problems"]
    assert (found["type"], found["file"], words in found["message"]) == ("source-error", path, True), found


def test_the_part_in_which_json_is_broken(tmp_path: Path) -> None:
    files = {"a.jsonl": b'{"id": 1, "word": "a"}\n', "b.jsonl": b'{"id": 1, "word": "a"}\n{"id"\n'}
    [found] = table(tmp_path, b"", path=list(files), files=files)["problems"]
    assert (found["file"], found["line"], found["row"]) == ("b.jsonl", 2, 4)
    assert "b.jsonl is not valid JSON in line 2" in found["message"]


@pytest.mark.parametrize("members", [{"schema": None}, {"dialect": {"json": {"keys": ["id", "word"]}}}])
def test_members_that_nobody_asks_for_are_left(tmp_path: Path, members: dict[str, Any]) -> None:
    text = '[{"id": 1, "word": "a"}, {"id": 2, "word": "b", "more": 3}]'
    assert table(tmp_path, text, "t.json", **members)["problems"] == []


@pytest.mark.parametrize(
    ("text", "dialect", "words"),
    [
        ('{"a": 1}', {}, "has no list at its top"),
        ("5", {}, "has no list at its top"),
        ('{"rows": [{"id": 1}]}', {"property": "nope"}, "has no member 'nope'"),
        ('{"rows": {"id": 1}}', {"property": "rows"}, "has no list in its member 'rows'"),
    ],
)
def test_what_has_no_rows(tmp_path: Path, text: str, dialect: dict[str, Any], words: str) -> None:
    [found] = table(tmp_path, text, "t.json", dialect=dialect)["problems"]
    assert (found["type"], found["file"]) == ("source-error", "t.json")
    assert words in found["message"]


def test_rows_in_a_member(tmp_path: Path) -> None:
    text = '{"rows": [{"id": "x", "word": "a"}]}'
    assert kinds(table(tmp_path, text, "t.json", dialect={"property": "rows"})) == ["type-error"]


def test_a_map_with_a_schema_is_said_to_be_unread(tmp_path: Path) -> None:
    report = table(tmp_path, '{"type": "Point", "coordinates": [1, 2]}', "t.geojson")
    assert (report["problems"], report["skipped"]) == ([], ["t"])
    assert [item["member"] for item in report["unchecked"]] == ["schema"]
