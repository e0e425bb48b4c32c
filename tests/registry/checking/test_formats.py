"""The format of a field: one by which nobody can read has a place and a remedy, an unknown one is named."""

from pathlib import Path
from typing import Any

import pytest

from couchreg.registry.checking.formats import format_fault
from tests.registry.checking.judging import V2, kinds, table


def report_on(folder: Path, cell: str, **field: Any) -> dict[str, Any]:
    schema = {"fields": [{"name": "day", **field}]}
    return table(folder, f"day\n{cell}\n", schema=schema, package={"$schema": V2})


@pytest.mark.parametrize(
    ("kind", "format", "words"),
    [
        ("date", "YYYY-MM-DD", "Write %Y-%m-%d."),
        ("date", "dd.mm.yy", "Write %d.%m.%y."),
        ("date", "D-MMM-YYYY", "Write %d-%b-%Y."),
        ("datetime", "YYYY-MM-DD HH:mm:ss", "Write %Y-%m-%d %H:%M:%S."),
        ("datetime", "yyyy-MM-dd'T'HH:mm", "Write %Y-%m-%dT%H:%M."),
        ("time", "HH:MM", "Write %H:%M."),
        ("date", "iso8601", "leave it out for 2024-12-31"),
        ("date", "", "leave it out for 2024-12-31"),
        ("date", "%Q", "has %Q, which stands for nothing"),
        ("date", "%Y-%", "has a % that nothing follows"),
        ("date", "%%", "as in %d/%m/%Y"),
        ("date", "%d/%d", "has %d twice"),
        ("string", "banana", "a string has one of default, email, uri"),
        ("geopoint", "banana", "a geopoint has one of default, array, object"),
        ("geojson", "banana", "a geojson has one of default, topojson"),
    ],
)
def test_formats_by_which_nothing_can_be_read(tmp_path: Path, kind: str, format: str, words: str) -> None:
    [found] = report_on(tmp_path, "2020-01-02", type=kind, format=format)["problems"]
    assert (found["type"], found["resource"], found["field"]) == ("field-error", "t", "day")
    assert words in found["message"]


@pytest.mark.parametrize(
    ("kind", "format", "right", "wrong"),
    [
        ("date", "%F", "2020-01-02", "02/01/2020"),
        ("date", "%D", "01/02/20", "2020-01-02"),
        ("date", "%e.%m.%Y", " 2.01.2020", "x.01.2020"),
        ("date", "%d %h %Y", "2 Jan 2020", "2 01 2020"),
        ("time", "%T", "10:20:30", "10:20"),
        ("time", "%R", "10:20", "10:20:30"),
        ("datetime", "%F %T", "2020-01-02 10:20:30", "2020-01-02"),
        ("date", "fmt:%d/%m/%Y", "02/01/2020", "2020-01-02"),
        ("date", "any", "2 January 2020", "x"),
    ],
)
def test_patterns_of_python_and_of_c(tmp_path: Path, kind: str, format: str, right: str, wrong: str) -> None:
    assert report_on(tmp_path, right, type=kind, format=format)["problems"] == []
    assert kinds(report_on(tmp_path, wrong, type=kind, format=format)) == ["type-error"]


@pytest.mark.parametrize(
    ("kind", "cell"),
    [
        ("number", "1"),
        ("integer", "1"),
        ("boolean", "true"),
        ("year", "2020"),
        ("duration", "P1D"),
        ("any", "x"),
    ],
)
def test_a_format_that_the_standard_does_not_know_is_named(tmp_path: Path, kind: str, cell: str) -> None:
    report = report_on(tmp_path, cell, type=kind, format="banana")
    assert report["problems"] == []
    [told] = report["unchecked"]
    assert (told["resource"], told["member"]) == ("t", "format")
    assert (
        told["reason"]
        == f"the field 'day' has the format 'banana', and the standard has no such format for the type {kind}"
    )
    assert report_on(tmp_path, cell, type=kind, format="default")["unchecked"] == []


@pytest.mark.parametrize("version", [{"$schema": V2}, {}])
def test_a_format_of_other_programs_is_named_and_not_advised(tmp_path: Path, version: dict[str, str]) -> None:
    schema = {"fields": [{"name": "day", "type": "string", "format": "wkt"}]}
    report = table(tmp_path, "day\nno place\n", schema=schema, package=version)
    assert (report["problems"], [item["member"] for item in report["unchecked"]]) == ([], ["format"])
    fault = format_fault("string", "banana")
    assert fault is not None
    assert "wkt" not in fault


@pytest.mark.parametrize("value", [None, 5, [], "default", "%Y"])
def test_what_is_no_format_is_left_to_others(value: Any) -> None:
    assert format_fault("date", value) is None
    assert format_fault(value, "banana") is None
