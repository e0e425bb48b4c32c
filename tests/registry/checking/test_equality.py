"""When two values of a field are one: the same for every kind of key and for `enum`, by both judges."""

import json
from pathlib import Path
from typing import Any

import pytest

from couchreg.package import report as reports
from couchreg.registry.checking import sifting
from tests.registry.checking.judging import V2, judged, laid, table

Field = dict[str, Any]

# A field, and texts of which those of one list mean one value, unlike those of the others.
WRITTEN: list[tuple[Field, list[list[str]]]] = [
    ({"type": "integer"}, [["1", "01", "+1"], ["2"], ["-0", "0"]]),
    ({"type": "integer", "groupChar": ","}, [["1,000", "1000"], ["10,000"]]),
    ({"type": "number"}, [["1", "1.0"], ["1.10", "1.1", "11e-1"], ["NaN", "nan"], ["INF"]]),
    ({"type": "number", "decimalChar": ","}, [["1,10", "1,1"], ["1,01"]]),
    ({"type": "number", "bareNumber": False}, [["€ 5", "5.0 kg"], ["6"]]),
    ({"type": "string"}, [["1"], ["1.0"], ["01"], ["true"], ["TRUE"]]),
    ({"type": "any"}, [["1"], ["1.0"], ["true"]]),
    ({"type": "boolean"}, [["true", "1", "TRUE"], ["false", "0"]]),
    ({"type": "boolean", "trueValues": ["yes", "ja"]}, [["yes", "ja"], ["0", "false"]]),
    ({"type": "date", "format": "%d/%m/%Y"}, [["1/2/2020", "01/02/2020"], ["2/1/2020"]]),
    ({"type": "date", "format": "any"}, [["1 Feb 2020", "2020-02-01"], ["2020-02-02"]]),
    (
        {"type": "datetime"},
        [
            ["2020-01-01T12:00:00Z", "2020-01-01T14:00:00+02:00", "2020-01-01T12:00:00.000Z"],
            ["2020-01-01T12:00:00", "2020-01-01 12:00:00"],
        ],
    ),
    ({"type": "time"}, [["12:00:00Z", "14:00:00+02:00"], ["12:00:00", "12:00:00.0"]]),
    ({"type": "year"}, [["2020", "2020Z"], ["2021"]]),
    ({"type": "duration"}, [["P1Y", "P12M", "P0Y12M"], ["P1D", "PT24H"], ["P1M"], ["P1M1D", "P1MT24H"]]),
    ({"type": "geopoint"}, [["1,2", "1.0, 2.00"], ["2,1"]]),
    ({"type": "object"}, [['{"a":1,"b":2}', '{"b": 2.0, "a": 1}'], ['{"a":true,"b":2}']]),
    ({"type": "array"}, [["[1]", "[1.0]"], ["[true]"], ["[[1]]"], ["[[true]]"], ['["1"]']]),
    ({"type": "list", "itemType": "integer"}, [["1,2", "01,2"], ["2,1"]]),
    ({"type": "list", "itemType": "boolean"}, [["true", "1"], ["0"]]),
]  # fmt: skip
CELLS: list[list[Any]] = [
    [1, 1.0], [True], ["1"], ["true"], [0], [False], [[1], [1.0]], [[True]], [{"a": 1}], [{"a": True}]
]  # fmt: skip


@pytest.fixture(params=["sifted", "whole"], autouse=True)
def judge(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "KEPT", 100)
    if request.param == "whole":
        monkeypatch.setattr(sifting.Sifter, "suspects", lambda *_: None)


def ruled(folder: Path, field: Field, values: list[Any], rule: str) -> list[int]:
    """The rows of a table of these values, from 1, that break a rule."""
    own = {"name": "v", **field, "constraints": {"unique": True} if rule == "unique" else {}}
    schema: dict[str, Any] = {"fields": [own]}
    schema |= {"primaryKey": ["v"]} if rule == "primaryKey" else {}
    schema |= {"uniqueKeys": [["v"]]} if rule == "uniqueKeys" else {}
    rows = json.dumps([{"v": value} for value in values])
    report = table(folder, rows, "t.json", schema=schema, package={"$schema": V2})
    return [item["row"] - 1 for item in report["problems"]]


def unreferred(folder: Path, field: Field, values: list[Any], target: Any) -> list[int]:
    """The rows, from 1, whose value a foreign key does not find in a table of this one."""
    fields = [{"name": "v", **field}]
    key = {"fields": ["v"], "reference": {"resource": "o", "fields": ["v"]}}
    resources = [
        {"name": "t", "path": "t.json", "schema": {"fields": fields, "foreignKeys": [key]}},
        {"name": "o", "path": "o.json", "schema": {"fields": fields}},
    ]
    files = {"t.json": json.dumps([{"v": value} for value in values]), "o.json": json.dumps([{"v": target}])}
    report = judged(laid(folder, {"$schema": V2, "resources": resources}, **files))
    return [item["row"] - 1 for item in report["problems"]]


def forbidden(folder: Path, field: Field, values: list[Any], listed: Any) -> list[int]:
    own = {"name": "v", **field, "constraints": {"enum": [listed]}}
    rows = json.dumps([{"v": value} for value in values])
    report = table(folder, rows, "t.json", schema={"fields": [own]}, package={"$schema": V2})
    return [item["row"] - 1 for item in report["problems"]]


@pytest.mark.parametrize("rule", ["unique", "primaryKey", "uniqueKeys"])
@pytest.mark.parametrize(("field", "groups"), [*WRITTEN, ({"type": "any"}, CELLS)])
def test_values_are_one_or_several(tmp_path: Path, field: Field, groups: list[list[Any]], rule: str) -> None:
    firsts = [group[0] for group in groups]
    again = [value for group in groups for value in group]
    found = ruled(tmp_path, field, [*firsts, *again], rule)
    assert found == [len(firsts) + place for place in range(1, len(again) + 1)]


@pytest.mark.parametrize(("field", "groups"), [*WRITTEN, ({"type": "any"}, CELLS)])
def test_what_is_referred_to_and_allowed(tmp_path: Path, field: Field, groups: list[list[Any]]) -> None:
    values = [value for group in groups for value in group]
    at = 0
    for group in groups:
        own = range(at + 1, at + 1 + len(group))
        others = [row for row in range(1, len(values) + 1) if row not in own]
        assert unreferred(tmp_path, field, values, group[0]) == others
        assert forbidden(tmp_path, field, values, group[0]) == others
        at += len(group)


def test_categories_of_anything(tmp_path: Path) -> None:
    for listed, wrong in (([1.0], [2, 3]), ([True], [1, 3]), (["1"], [1, 2])):
        own = {"name": "v", "categories": listed}
        rows = json.dumps([{"v": value} for value in (1, True, "1")])
        report = table(tmp_path, rows, "t.json", schema={"fields": [own]})
        assert [item["row"] - 1 for item in report["problems"]] == wrong
