"""Members of a field that contradict each other: told of the field, with what to do, and once."""

from pathlib import Path
from typing import Any

import pytest

from tests.registry.checking.judging import V2, table

ROWS = {
    "string": "v\nab\n",
    "integer": "v\n1\n",
    "number": "v\n1\n",
    "date": "v\n2020-01-01\n",
    "datetime": "v\n2020-01-01T00:00:00Z\n",
    "time": "v\n12:00:00\n",
    "duration": "v\nP1D\n",
    "yearmonth": "v\n2020-01\n",
    "boolean": "v\ntrue\n",
}


def of_field(folder: Path, kind: str, version: str = V2, /, **members: Any) -> dict[str, Any]:
    package = {"$schema": version} if version else {}
    return table(
        folder, ROWS[kind], schema={"fields": [{"name": "v", "type": kind, **members}]}, package=package
    )


@pytest.mark.parametrize(
    ("kind", "constraints", "words"),
    [
        ("string", {"maxLength": -1}, "“maxLength” is -1, and no value is that short: write 0 or more"),
        (
            "string",
            {"minLength": 5, "maxLength": 3},
            "“minLength” is 5 and “maxLength” is 3, so that no value",
        ),
        (
            "integer",
            {"minimum": 5, "maximum": 3},
            "“minimum” is 5 and “maximum” is 3, so that no value could",
        ),
        ("integer", {"minimum": "5", "maximum": "3"}, "“minimum” is '5'"),
        ("integer", {"exclusiveMinimum": 5, "maximum": 5}, "“exclusiveMinimum” is 5 and “maximum” is 5"),
        ("integer", {"exclusiveMinimum": 5, "exclusiveMaximum": 6}, "“exclusiveMaximum” is 6"),
        ("number", {"minimum": 5, "exclusiveMaximum": 5.0}, "“exclusiveMaximum” is 5.0"),
        ("date", {"minimum": "2020-02-01", "maximum": "2020-01-01"}, "“maximum” is '2020-01-01'"),
        (
            "datetime",
            {"minimum": "2020-01-01T00:00:00", "maximum": "2020-01-01T01:00:00+02:00"},
            "no value could keep both: change one of them",
        ),
        ("time", {"minimum": "13:00:00", "maximum": "12:00:00"}, "no value could keep both"),
        ("duration", {"minimum": "P2M", "maximum": "P31D"}, "no value could keep both"),
        ("yearmonth", {"minimum": "2020-02", "maximum": "2020-01"}, "no value could keep both"),
        ("integer", {"enum": [1, 2], "minimum": 3}, "None of the values of “enum” keeps “minimum”"),
        (
            "string",
            {"enum": ["a", "bc"], "pattern": "[0-9]+"},
            "None of the values of “enum” keeps “pattern”",
        ),
    ],
)
def test_no_value_could_keep_them(tmp_path: Path, kind: str, constraints: dict[str, Any], words: str) -> None:
    [found] = of_field(tmp_path, kind, constraints=constraints)["problems"]
    assert (found["type"], found["field"], words in found["message"]) == ("field-error", "v", True), found


@pytest.mark.parametrize(
    ("kind", "constraints"),
    [
        ("string", {"minLength": 2, "maxLength": 2}),
        ("integer", {"minimum": 1, "maximum": 1}),
        ("integer", {"exclusiveMinimum": 0, "exclusiveMaximum": 2}),
        ("number", {"exclusiveMinimum": 0, "exclusiveMaximum": 1.5}),
        ("duration", {"minimum": "P1D", "maximum": "P1M"}),
        ("integer", {"enum": [1, 20], "maximum": 3, "required": True, "unique": True}),
        ("time", {"minimum": "12:00:00Z", "maximum": "12:00:00"}),
    ],
)
def test_what_values_can_keep(tmp_path: Path, kind: str, constraints: dict[str, Any]) -> None:
    report = of_field(tmp_path, kind, constraints=constraints)
    assert (report["problems"], report["unchecked"]) == ([], [])


@pytest.mark.parametrize(
    ("kind", "members", "member", "words"),
    [
        ("string", {"constraints": {"minLength": -1}}, "minLength", "it is -1, which every value has"),
        ("number", {"decimalChar": ",", "groupChar": ","}, "groupChar", "“decimalChar” before decimals, too"),
        ("number", {"groupChar": "."}, "groupChar", "'.' groups digits and is the usual one before decimals"),
        ("boolean", {"trueValues": ["0"]}, "trueValues", "'0' is one of “trueValues” and of “falseValues”"),
    ],
)
@pytest.mark.parametrize("version", [V2, ""])
def test_what_may_be_read_in_two_ways(
    tmp_path: Path, kind: str, members: dict[str, Any], member: str, words: str, version: str
) -> None:
    text = "v\n0\n" if kind == "boolean" else ROWS[kind]
    package = {"$schema": version} if version else {}
    report = table(
        tmp_path, text, schema={"fields": [{"name": "v", "type": kind, **members}]}, package=package
    )
    [left] = report["unchecked"]
    assert (report["problems"], left["member"]) == ([], member)
    assert left["reason"].startswith("of the field 'v': ")
    assert words in left["reason"]


@pytest.mark.parametrize(
    ("kind", "categories", "enum", "words"),
    [
        (
            "string",
            ["ab", "b"],
            ["ab", "c"],
            "“enum” has 'c', which is none of the “categories”: leave it out",
        ),
        ("integer", [1, 2], [1, 7], "“enum” has 7"),
        ("integer", [{"value": 1, "label": "one"}, {"value": 2}], ["1", "7"], "“enum” has '7'"),
        ("string", [{"value": "ab", "label": "x"}], ["x", "ab"], "“enum” has 'x'"),
    ],
)
def test_enum_beyond_categories(
    tmp_path: Path, kind: str, categories: list[Any], enum: list[Any], words: str
) -> None:
    members = {"categories": categories, "constraints": {"enum": enum}}
    [found] = of_field(tmp_path, kind, **members)["problems"]
    assert (found["type"], found["field"], words in found["message"]) == ("field-error", "v", True), found
    first = of_field(tmp_path, kind, "", **members)
    assert first["problems"] == []
    assert words in first["unchecked"][0]["reason"]


def test_enum_within_categories(tmp_path: Path) -> None:
    for kind, categories, enum, wrong in (
        ("integer", [1, 2, 3], ["1"], 0),
        ("integer", [1.0, 2], [1, 2], 0),
        ("integer", [1, 2], [2], 1),
        ("string", [{"value": "ab", "label": "x"}, {"value": "c"}], ["ab"], 0),
    ):
        members = {"categories": categories, "constraints": {"enum": enum}}
        report = of_field(tmp_path, kind, **members)
        assert (len(report["problems"]), report["unchecked"]) == (wrong, [])
