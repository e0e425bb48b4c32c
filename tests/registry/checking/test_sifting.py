"""A sifted check finds what frictionless finds in every row: the same problems, in the same words."""

import errno
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from couchreg.registry.checking import checks, columns, sifting
from couchreg.registry.checking.hashes import Hashes
from couchreg.registry.checking.sifting import Suspects

CELLS = {
    "integer": ["1", "2", "03", "-4", "", " 5", "1_0", "٣", "x", "1.0", "9" * 400, "NA", "+7", "1\x1f2"],
    "number": ["1", "1.5", "-2e3", "", "NaN", "nan", "-Inf", "1,5", "x", ".5", "5.", "1e999", "NA", "0"],
    "string": ["a", "b", "", "NA", "ä b", "line\nbreak", 'quo"te', "a@b.c", "long" * 9, "\x1f"],
    "date": ["2020-01-01", "2020-02-30", "2020-1-1", "", "NA", "x", "0001-01-01", "2024-02-29"],
    "datetime": ["2020-01-01T00:00:00", "2020-01-01 00:00:00", "", "NA", "2020-01-01T00:00:00Z"],
    "yearmonth": ["2020-01", "2020-1", "", "NA"],
    "duration": ["P1D", "P1M", "PT", "", "NA", "P2W", "PT1.5S", "P0.5D"],
    "time": ["12:00:00", "12:00:00Z", "12:00:00+0100", "12:00:00,5", "13:00:00.5", "", "NA"],
    "list": ["a,b", "b,a", "a", "", "NA"],
    "geopoint": ["1,2", "1, 2", "200,1", "", "NA", "nan,1"],
    "boolean": ["true", "false", "1", "0", "", "TRUE", "yes", "NA"],
    "year": ["2020", "-1", "", "99999", "x", "NA"],
    "any": ["1", "", "x", "NA"],
}
CONSTRAINTS = {
    "integer": [{}, {"required": True}, {"minimum": 2}, {"maximum": "3"}, {"unique": True}, {"enum": [1, 2]}],
    "number": [{}, {"required": True}, {"minimum": 1}, {"exclusiveMaximum": 2}, {"unique": True}],
    "string": [{}, {"required": True}, {"pattern": "[ab]+"}, {"maxLength": 3}, {"enum": ["a", "b"]}],
    "date": [{}, {"minimum": "2020-01-02"}, {"unique": True}],
    "datetime": [{}, {"required": True}],
    "yearmonth": [{}, {"minimum": "2020-01"}],
    "duration": [{}, {"minimum": "P2D"}, {"maximum": "P1D"}],
    "time": [{}, {"minimum": "12:30:00"}, {"unique": True}],
    "list": [{}, {"enum": ["a,b", ["a"]]}, {"minLength": 2}, {"unique": True}],
    "geopoint": [{}, {"enum": ["1,2"]}],
    "boolean": [{}, {"required": True}],
    "year": [{}, {"minimum": 0}],
    "any": [{}, {"required": True}, {"enum": ["1", "x"]}],
}


@st.composite
def tables(draw: st.DrawFn) -> tuple[dict[str, Any], str]:
    """A table's resource and its text as CSV, with all that may be wrong with it."""
    kinds = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=4))
    fields = [
        {"name": f"f{at}", "type": kind, "constraints": draw(st.sampled_from(CONSTRAINTS[kind]))}
        for at, kind in enumerate(kinds)
    ]
    schema: dict[str, Any] = {"fields": fields}
    names = [field["name"] for field in fields]
    if draw(st.booleans()):
        schema["missingValues"] = draw(st.sampled_from([["", "NA"], ["NA"], ["0"], []]))
    if draw(st.booleans()):
        schema["primaryKey"] = draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True))
    if draw(st.booleans()):
        schema["uniqueKeys"] = [draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True))]
    if draw(st.booleans()) and kinds[0] == kinds[-1]:
        reference = {"resource": "", "fields": [names[-1]]}
        schema["foreignKeys"] = [{"fields": [names[0]], "reference": reference}]
    if kinds[0] == "string" and draw(st.booleans()):
        fields[0]["categories"] = ["a", "b"]
    dialect = draw(st.sampled_from([{}, {"skipBlankRows": True}, {"commentChar": "#"}, {"header": False}]))
    whole = st.tuples(*(st.sampled_from(CELLS[kind]) for kind in kinds)).map(list)
    odd = st.lists(st.sampled_from(["1", "", "a"]), max_size=6)
    rows = draw(st.lists(st.one_of(whole, whole, whole, odd), max_size=12))
    header = [] if dialect.get("header") is False else [names]
    lines = [",".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row) for row in header + rows]
    text = "\n".join([*lines, *draw(st.sampled_from([[], ["#note"], [""]]))]) + "\n"
    members = {"name": "t", "path": "t.csv", "format": "csv", "encoding": "utf-8"}
    return {**members, "dialect": dialect, "schema": schema}, text


def checked(folder: Path, resource: dict[str, Any]) -> dict[str, Any]:
    descriptor = {"$schema": "https://datapackage.org/profiles/2.0/datapackage.json", "name": "p"}
    return checks.check(str(folder), {**descriptor, "resources": [resource]})


def both(folder: Path, resource: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    sifted = checked(folder, json.loads(json.dumps(resource)))
    with monkeypatch.context() as patch:
        patch.setattr(sifting.Sifter, "suspects", lambda *_: None)
        return [sifted, checked(folder, json.loads(json.dumps(resource)))]


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(table=tables(), chunk=st.sampled_from([1, 2, 5, 8192]))
def test_random_tables(
    table: tuple[dict[str, Any], str], chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource, text = table
    (tmp_path / "t.csv").write_text(text, "utf-8", newline="")
    with monkeypatch.context() as patch:
        patch.setattr(sifting, "CHUNK", chunk)
        sifted, whole = both(tmp_path, resource, monkeypatch)
    assert sifted == whole


def test_many_rows_with_a_few_that_are_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"{at},2020-01-{1 + at % 28:02d},{at % 7}.5" for at in range(30_000)]
    rows[11_111] = "11111,2020-02-30,1"
    rows[22_222] = "5,2020-01-01,x"
    (tmp_path / "t.csv").write_text("\n".join(["id,day,value", *rows]) + "\n")
    fields = [{"name": "id", "type": "integer"}, {"name": "day", "type": "date"}]
    schema = {"primaryKey": ["id"], "fields": [*fields, {"name": "value", "type": "number"}]}
    resource = {"name": "t", "path": "t.csv", "format": "csv", "encoding": "utf-8", "schema": schema}
    seen: list[int] = []
    of = Suspects.of

    def counted(self: Suspects, stream: Any) -> Any:
        for number, cells in of(self, stream):
            seen.append(number)
            yield number, cells

    with monkeypatch.context() as patch:
        patch.setattr(Suspects, "of", counted)
        sifted = checked(tmp_path, resource)
    assert seen == [7, 11_113, 22_224]  # the first row with id 5, and the two that are wrong
    assert [(item["row"], item["type"]) for item in sifted["problems"]] == [
        (11_113, "type-error"),
        (22_224, "type-error"),
        (22_224, "primary-key"),
    ]
    assert sifted == both(tmp_path, resource, monkeypatch)[1]


def test_a_table_with_more_wrong_rows_than_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "MAX_ERRORS", 100)
    monkeypatch.setattr(sifting, "CHUNK", 10)
    (tmp_path / "t.csv").write_text("id\n" + "x\n" * 500)
    schema = {"fields": [{"name": "id", "type": "integer"}]}
    resource = {"name": "t", "path": "t.csv", "format": "csv", "encoding": "utf-8", "schema": schema}
    sifted, whole = both(tmp_path, resource, monkeypatch)
    assert sifted == whole
    assert (sifted["errors"], sifted["complete"]) == (100, False)


def test_keys_into_another_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.csv").write_text("id\n1\n2\n")
    (tmp_path / "b.csv").write_text("a\n1\n02\n\n3\n1\n")
    one = {"fields": [{"name": "id", "type": "integer"}]}
    key = {"fields": ["a"], "reference": {"resource": "a", "fields": ["id"]}}
    two = {"fields": [{"name": "a", "type": "integer"}], "foreignKeys": [key]}
    resources = [
        {"name": name, "path": f"{name}.csv", "format": "csv", "encoding": "utf-8", "schema": schema}
        for name, schema in (("a", one), ("b", two))
    ]
    sifted = checks.check(str(tmp_path), {"name": "p", "resources": json.loads(json.dumps(resources))})
    with monkeypatch.context() as patch:
        patch.setattr(sifting.Sifter, "suspects", lambda *_: None)
        assert checks.check(str(tmp_path), {"name": "p", "resources": resources}) == sifted
    assert [(item["row"], item["type"]) for item in sifted["problems"]] == [
        (4, "blank-row"),
        (5, "foreign-key"),
    ]


def test_a_break_in_the_middle_is_reported_as_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sifting, "CHUNK", 64)
    (tmp_path / "t.csv").write_bytes(b"id\n" + b"1\n" * 90_000 + b"\xff\xfe\n" + b"1\n" * 10)
    schema = {"fields": [{"name": "id", "type": "integer"}]}
    resource = {"name": "t", "path": "t.csv", "format": "csv", "encoding": "utf-8", "schema": schema}
    sifted, whole = both(tmp_path, resource, monkeypatch)
    assert sifted == whole
    assert not sifted["valid"]


@pytest.mark.parametrize("in_memory", [10, 10_000])
def test_hashes_that_repeat(in_memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("couchreg.registry.checking.hashes.IN_MEMORY", in_memory)
    hashes = Hashes()
    for start in range(0, 1000, 100):
        hashes.add(hash((at,)) for at in range(start, start + 100))
    hashes.add([hash((17,)), hash((999,)), -(1 << 63), (1 << 63) - 1, -(1 << 63)])
    assert hashes.repeats(10) == {hash((17,)), hash((999,)), -(1 << 63)}
    assert len(hashes.repeats(2)) == 2
    hashes.close()


def test_hashes_that_wait_in_several_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child may write a file of some length only: a table of many rows takes more than one."""
    monkeypatch.setattr("couchreg.registry.checking.hashes.IN_MEMORY", 10)
    monkeypatch.setattr("couchreg.registry.checking.hashes.LARGEST", 1000)
    made, begin = [], tempfile.TemporaryFile
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: made.append(begin()) or made[-1])
    hashes = Hashes()
    for start in range(0, 1000, 50):
        hashes.add(hash((at,)) for at in range(start, start + 50))
    hashes.add([hash((17,)), hash((999,))])
    assert hashes.repeats(10) == {hash((17,)), hash((999,))}
    assert len(made) > 4
    assert all(os.fstat(file.fileno()).st_size <= 1000 + 50 * 8 for file in made)
    hashes.close()


def test_a_full_disk_is_no_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where keys have no room to wait, the table is not read row by row instead."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Hashes, "add", full)
    (tmp_path / "t.csv").write_text("id\n1\n2\n")
    schema = {"fields": [{"name": "id", "type": "integer"}], "primaryKey": ["id"]}
    resource = {"name": "t", "path": "t.csv", "format": "csv", "schema": schema}
    with pytest.raises(OSError, match="No space left"):
        checks.check(str(tmp_path), {"name": "p", "resources": [resource]})


def test_what_is_known_of_a_column_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    from frictionless import Schema

    declared = Schema.from_descriptor({"fields": [{"name": "a", "type": "date"}]}).fields[0]
    column = columns.CheckedColumn(declared, None, room=50)
    for year in range(1000, 9999, 20):
        assert column.faults([f"{at}-01-01" for at in range(year, year + 20)]) == []
        assert len(column._clean) <= 50
    assert column.faults(["2020-01-01", "2020-13-01"]) == [1]
