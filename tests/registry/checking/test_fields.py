"""Types of fields where frictionless stumbles: bounds over zones, keys of lists and objects."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.registry.checking.judging import V2, kinds, table


def of_one(folder: Path, cells: list[str], field: dict[str, Any], **schema: Any) -> dict[str, Any]:
    """The report on a table of one column."""
    text = "v\n" + "".join('"' + cell.replace('"', '""') + '"\n' for cell in cells)
    members = {"fields": [{"name": "v", **field}], **schema}
    return table(folder, text, schema=members, package={"$schema": V2})


ZONED, BARE = "2020-06-01T10:00:00Z", "2020-06-01T10:00:00"


@pytest.mark.parametrize(
    ("type", "cell", "least", "is_right"),
    [
        ("datetime", ZONED, "2000-01-01T00:00:00", True),
        ("datetime", BARE, "2000-01-01T00:00:00Z", True),
        ("datetime", BARE, "2020-06-01T12:00:00+02:00", True),  # the same moment
        ("datetime", BARE, "2020-06-01T12:00:00+01:00", False),
        ("datetime", "0001-01-01T00:00:00+14:00", "2000-01-01T00:00:00Z", False),
        ("datetime", "-0044-03-15T12:00:00Z", "2000-01-01T00:00:00", False),
        ("time", "10:00:00Z", "09:00:00", True),
        ("time", "10:00:00+02:00", "09:00:00", False),
        ("time", "10:00:00", "10:00:00Z", True),
    ],
)
def test_bounds_hold_over_zones(tmp_path: Path, type: str, cell: str, least: str, is_right: bool) -> None:
    field = {"type": type, "constraints": {"minimum": least}}
    assert kinds(of_one(tmp_path, [cell], field)) == ([] if is_right else ["constraint-error"])


SAME = {
    "list": ("a,b", "a,b", "b,a"),
    "array": ("[1, 2]", "[1,2]", "[2, 1]"),
    "object": ('{"a": 1, "b": 2}', '{"b": 2, "a": 1}', '{"a": 2}'),
    "geojson": (
        '{"type": "Point", "coordinates": [1, 2]}',
        '{"coordinates": [1, 2], "type": "Point"}',
        '{"type": "Point", "coordinates": [2, 1]}',
    ),
}
DEMANDS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"constraints": {"unique": True}}, {}, "unique-error"),
    ({}, {"primaryKey": ["v"]}, "primary-key"),
    ({}, {"uniqueKeys": [["v"]]}, "unique-key"),
]


@pytest.mark.parametrize("type", SAME)
@pytest.mark.parametrize(("field", "schema", "kind"), DEMANDS)
def test_keys_of_lists_and_objects(
    tmp_path: Path, type: str, field: dict[str, Any], schema: dict[str, Any], kind: str
) -> None:
    one, again, other = SAME[type]
    found = of_one(tmp_path, [one, other], {"type": type, **field}, **schema)["problems"]
    assert found == []
    [found] = of_one(tmp_path, [one, other, again], {"type": type, **field}, **schema)["problems"]
    assert (found["type"], found["row"]) == (kind, 4)


@pytest.mark.parametrize("type", SAME)
def test_references_to_lists_and_objects(tmp_path: Path, type: str) -> None:
    key = {"fields": ["v"], "reference": {"resource": "", "fields": ["v"]}}
    one, again, other = SAME[type]
    assert of_one(tmp_path, [one, other, again], {"type": type}, foreignKeys=[key])["problems"] == []


def test_no_category_is_a_list(tmp_path: Path) -> None:
    report = of_one(tmp_path, ["a,b"], {"type": "list", "categories": ["a"]})
    assert "check-stopped" not in kinds(report)


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ({"type": "list", "delimiter": ""}, "“delimiter” is empty"),
        ({"type": "number", "constraints": {"minimum": "NaN"}}, "“minimum” is 'NaN'"),
    ],
)
def test_what_nothing_can_be_held_against(tmp_path: Path, field: dict[str, Any], words: str) -> None:
    [found] = of_one(tmp_path, ["1"], field)["problems"]
    assert (found["type"], found["field"]) == ("field-error", "v")
    assert words in found["message"], json.dumps(found)
