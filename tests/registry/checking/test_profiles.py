"""Profiles that are files of the package: applied, with what they refer to as far as it is there."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.registry.checking.judging import kinds, table


@pytest.mark.parametrize(
    ("profile", "kind"),
    [
        ({"required": ["title"]}, "package-error"),
        ({"properties": {"name": {"pattern": "^y"}}}, "package-error"),
        ({"$ref": "more.json#/$defs/titled"}, "package-error"),
        ({"required": ["resources"]}, None),
    ],
)
@pytest.mark.parametrize("member", ["profile", "$schema"])
def test_a_profile_that_is_a_file(tmp_path: Path, member: str, profile: Any, kind: str | None) -> None:
    encode = json.dumps
    files = {"p.json": encode(profile), "more.json": encode({"$defs": {"titled": {"required": ["title"]}}})}
    report = table(tmp_path, "id,word\n1,one\n", package={member: "./p.json"}, files=files)
    assert kinds(report) == ([kind] if kind else [])
    assert report["unchecked"] == []


STANDARD = {"$ref": "https://specs.frictionlessdata.io/schemas/data-package.json"}


@pytest.mark.parametrize(
    ("profile", "kind"),
    [
        ({"allOf": [STANDARD]}, None),
        ({"allOf": [STANDARD, {"required": ["homepage"]}]}, "package-error"),
        ({"allOf": [STANDARD], "properties": {"name": {"pattern": "^y"}}}, "package-error"),
        (
            {"allOf": [{"$ref": f"{STANDARD['$ref']}#/definitions/x"}], "required": ["homepage"]},
            "package-error",
        ),
        # What is elsewhere might say otherwise.
        ({"not": STANDARD}, None),
        ({"oneOf": [STANDARD, {"required": ["name"]}]}, None),
        ({"if": STANDARD, "then": {"required": ["homepage"]}}, None),
        ({"allOf": [STANDARD], "unevaluatedProperties": False}, None),
        ({"anyOf": [STANDARD, {"required": ["homepage"]}]}, None),
    ],
)
@pytest.mark.parametrize("draft", [None, "http://json-schema.org/draft-07/schema#"])
def test_of_a_profile_that_refers_to_what_is_elsewhere_the_rest_is_applied(
    tmp_path: Path, profile: dict[str, Any], kind: str | None, draft: str | None
) -> None:
    text = json.dumps({**({"$schema": draft} if draft else {}), **profile})
    report = table(tmp_path, "id,word\n1,one\n", package={"profile": "p.json"}, files={"p.json": text})
    assert kinds(report) == ([kind] if kind else [])
    assert [item["member"] for item in report["unchecked"]] == ["profile"]
    assert "data-package.json" in report["unchecked"][0]["reason"]


@pytest.mark.parametrize(
    "reference", ["q.json", "./more/q.json#/$defs/x", "#/$defs/absent", "r.json#/$defs/absent"]
)
def test_a_profile_that_refers_to_what_is_not_sent_is_refused(tmp_path: Path, reference: str) -> None:
    files = {"p.json": json.dumps({"allOf": [{"$ref": reference}]}), "r.json": "{}"}
    report = table(tmp_path, "id,word\n1,one\n", package={"profile": "p.json"}, files=files)
    [found] = report["problems"]
    assert (found["type"], found["field"], found["file"]) == ("profile-error", "profile", "p.json")
    assert "not in the package" in found["message"]
