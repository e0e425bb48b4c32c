"""How values are written: what the standard's text allows is taken, and nothing that merely resembles it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from couchreg.package.report import KEPT
from couchreg.registry.checking import sifting
from tests.registry.checking.judging import V2, table

FORMS: list[tuple[dict[str, Any], list[str], list[str]]] = [
    (
        {"type": "number"},
        ["NaN", "INF", "-INF", "nan", "NAN", "inf", "-Inf", "1.5", "-2e3", ".5"],
        ["Infinity", "+INF", "-NaN", "\u0131nf", "sNaN", "1_0", "1,5"],
    ),
    ({"type": "number", "constraints": {"minimum": "-inf"}}, ["-INF", "1", "inf"], ["nan", "x"]),
    (
        {"type": "duration"},
        ["P1D", "-P1D", "P1Y2M", "PT1S", "PT1.5S", "P1Y2M3DT4H5M6.789S", "P0Y", "-P1DT2H", "P400M"],
        [
            *("P", "PT", "P1DT", "1D", "P2W", "P1Y1W", "+P1D", "P0.5D", "P1.5Y", "P0.5M", "PT1.5H", "PT1,5S"),
            *("PT.5S", "PT1.S", "P0003-06-04T12:30:05", "P00030604T123005", "P1D2Y", "PT1S1M", "p1d", "-P"),
        ],
    ),
    (
        {"type": "time"},
        ["12:00:00", "12:00:00Z", "12:00:00+01:00", "12:00:00.5", "12:00:00.25-05:30"],
        [
            *("12:00:00+0100", "12:00:00+01", "12:00:00,5", "12:00", "120000", "25:00:00", "12:00:00z"),
            *("12:00:00 Z", "12:00:00.", "1:00:00", "12:60:00", "12:00:00" + "0" * 100),
        ],
    ),
    ({"type": "time", "format": "%H:%M"}, ["12:00"], ["12:00:00"]),
    ({"type": "time", "format": "any"}, ["12:00", "12:00:00", "12 pm"], ["x"]),
    ({"type": "list", "itemType": "time"}, ["12:00:00,13:00:00Z"], ["12:00:00,13:00"]),
    ({"type": "list", "itemType": "number"}, ["1,nan", "-inf"], ["1,x"]),
    ({"type": "list", "constraints": {"enum": ["a,b", ["c"]]}}, ["a,b", "c"], ["b,a", "a", "a,b,c"]),
    (
        {"type": "list", "itemType": "number", "constraints": {"enum": [[0.1, 1]]}},
        ["0.1,1", "0.10,1.0"],
        ["1,0.1"],
    ),
]


def wrong_rows(folder: Path, cells: list[str], field: dict[str, Any], package: dict[str, str]) -> list[int]:
    text = "v\n" + "".join(json.dumps(cell) + "\n" for cell in cells)
    report = table(folder, text, schema={"fields": [{"name": "v", **field}]}, package=package)
    return sorted({item["row"] for item in report["problems"]})


def parts(cells: list[str]) -> Iterator[list[str]]:
    """Of each kind some problems are kept."""
    return (cells[at : at + KEPT] for at in range(0, len(cells), KEPT))


@pytest.mark.parametrize("package", [{"$schema": V2}, {}])
@pytest.mark.parametrize("is_sifted", [True, False])
@pytest.mark.parametrize(("field", "right", "wrong"), FORMS)
def test_forms(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    field: dict[str, Any],
    right: list[str],
    wrong: list[str],
    is_sifted: bool,
    package: dict[str, str],
) -> None:
    if not is_sifted:
        monkeypatch.setattr(sifting.Sifter, "suspects", lambda *_: None)
    for some in parts(wrong):
        rows = range(len(right) + 2, len(right) + len(some) + 2)
        assert wrong_rows(tmp_path, [*right, *some], field, package) == list(rows)


@pytest.mark.parametrize("bound", ["NaN", "nan"])
def test_a_bound_that_is_no_number(tmp_path: Path, bound: str) -> None:
    schema = {"fields": [{"name": "v", "type": "number", "constraints": {"maximum": bound}}]}
    [found] = table(tmp_path, "v\n1\n", schema=schema)["problems"]
    assert (found["type"], found["field"]) == ("field-error", "v")
