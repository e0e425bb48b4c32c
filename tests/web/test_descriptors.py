"""A descriptor as fields of a form: who changes nothing leaves all, and each field changes its member."""

import json
from typing import Any

import pytest

from couchreg.errors import BadRequest, TooLarge
from couchreg.package.descriptor import MAX_DEPTH
from couchreg.web.descriptors import TYPES, columns_of, edited

DESCRIPTOR: dict[str, Any] = {
    "name": "bees",
    "version": "1.0.0",
    "title": "Bees\u00a0of the valley ",
    "keywords": ["bees", "sky, sea"],
    "licenses": [{"name": "own", "path": "LICENSE"}, {"name": "CC0-1.0"}],
    "mine": {"a": [1.0, 10**20]},
    "resources": [
        {"name": "one", "path": "one.csv", "schema": "schema.json"},
        "no resource",
        {
            "name": "two",
            "path": "two.csv",
            "schema": {
                "fields": [{"name": "a"}, {"name": "b", "type": "date", "format": "%d.%m.%Y", "title": "B"}]
            },
        },
    ],
}
TEXT = json.dumps(DESCRIPTOR)
MOST = 10_000


def shown(text: str) -> dict[str, str]:
    """The form as a browser sends it when nobody has touched it."""
    members, resources = columns_of(text)
    fields = {
        name: members[name] for name in ("name", "version", "title", "description", "keywords", "license")
    }
    for resource in resources:
        for column in resource["columns"]:
            fields[f"type.{column['field']}"] = column["type"]
            fields[f"about.{column['field']}"] = column["description"]
    return {name: value.replace("\n", "\r\n") for name, value in fields.items()}


@pytest.mark.parametrize(
    "text", [TEXT, TEXT.replace("Bees\\u00a0", "a\\nb"), '{"resources": 5}', "{}", "[]", "x", "[" * 9999]
)
def test_what_nobody_touched_stays_byte_for_byte(text: str) -> None:
    assert edited(text, shown(text), MOST) == text


def test_each_field_changes_its_member_and_nothing_else() -> None:
    wanted = {
        "title": "Wasps",
        "version": "2",
        "description": "a\r\nb",
        "keywords": "wasps, , sky",
        "license": "CC-BY-4.0",
        "type.2.0": "integer",
        "type.2.1": "string",
        "about.2.1": "when",
    }
    found = json.loads(edited(TEXT, {**shown(TEXT), **wanted}, MOST))
    changed = json.loads(TEXT)
    changed |= {"title": "Wasps", "version": "2", "description": "a\nb", "keywords": ["wasps", "sky"]}
    changed["licenses"] = [{"name": "CC-BY-4.0", "path": "https://creativecommons.org/licenses/by/4.0/"}]
    changed["resources"][2]["schema"]["fields"] = [
        {"name": "a", "type": "integer"},
        {"name": "b", "type": "string", "title": "B", "description": "when"},
    ]
    assert found == changed


def test_what_is_emptied_goes() -> None:
    found = json.loads(edited(TEXT, {**shown(TEXT), "title": "", "keywords": "", "license": ""}, MOST))
    assert not {"title", "keywords", "licenses"} & found.keys()


def test_a_type_that_is_none_changes_nothing() -> None:
    assert edited(TEXT, {**shown(TEXT), "type.2.0": "<script>", "type.9.9": "date"}, MOST) == TEXT
    assert "any" in TYPES


def test_only_some_columns_have_fields() -> None:
    fields = [{"name": str(number)} for number in range(1000)]
    _, resources = columns_of(json.dumps({"resources": [{"schema": {"fields": fields}}] * 3}))
    assert [len(one["columns"]) for one in resources] == [300, 0, 0]


def test_what_is_written_never_grows_beyond_what_may_be_sent() -> None:
    lists = "[" * 60 + ",".join("1" * 3000) + "]" * 60
    text = '{"title": "a", "mine": ' + lists + "}"
    found = edited(text, {**shown(text), "title": "b"}, MOST)  # with spaces it would have 400,000 bytes
    assert json.loads(found) == {**json.loads(text), "title": "b"}
    assert len(found) <= MOST
    for one in (TEXT, text):
        with pytest.raises(TooLarge):
            edited(one, {**shown(one), "description": "é" * (MOST // 2)}, MOST)


def test_what_is_nested_too_deeply_is_refused_before_it_is_written() -> None:
    text = '{"mine": ' + "[" * MAX_DEPTH + "]" * MAX_DEPTH + "}"
    with pytest.raises(BadRequest, match="levels deep"):
        edited(text, shown(text), MOST)


def test_half_a_character_is_no_text() -> None:
    text = '{"title": "\\ud800", "name": "a"}'
    members, _ = columns_of(text)
    assert (members["title"], members["is_json"]) == ("", False)
    assert edited(text, {**shown(text), "name": "b"}, MOST) == text
