"""Small packages after real ones that were refused, or accepted, for no good reason."""

from pathlib import Path
from typing import Any

import pytest

from tests.registry.checking.judging import judged

CASES = Path(__file__).parents[2] / "data" / "cases"
VALID = [
    "dialect-nullsequence-lineterminator/d-lineterm",
    "dialect-nullsequence-lineterminator/d-nullsequence",
    "field-name-with-blank",
    "files-left-out-silently",
    "legacy-url/v0-url-local",
    "pattern-xsd/pat0",
    "pattern-xsd/pat4",
    "pattern-xsd/pattern-xsd-ok",
    "smaller-refusals/path-dot",
    "smaller-refusals/year-5",
    "underscore-member",
]


@pytest.mark.parametrize("case", VALID)
def test_what_is_right(case: str) -> None:
    report = judged(CASES / case)
    assert (report["problems"], report["skipped"], report["unchecked"]) == ([], [], [])


@pytest.mark.parametrize(
    ("case", "skipped", "unchecked"),
    [
        ("profile-url", [], [(None, "profile")]),
        ("smaller-refusals/custom-schema", [], [(None, "$schema")]),
        ("smaller-refusals/fk-external", [], [("t", "foreignKeys")]),
        ("smaller-refusals/path-ftp", ["t"], []),
        ("legacy-url/v0-url", ["t"], []),
    ],
)
def test_what_cannot_be_looked_at_is_said(case: str, skipped: list[str], unchecked: list[Any]) -> None:
    report = judged(CASES / case)
    assert report["problems"] == []
    assert report["skipped"] == skipped
    assert [(item["resource"], item["member"]) for item in report["unchecked"]] == unchecked


@pytest.mark.parametrize(
    ("case", "place"),
    [
        ("encoding-error-place", {"type": "encoding-error", "resource": "t", "row": 3002, "line": 3002}),
        ("metadata-error-place/two-errs", {"type": "field-error", "resource": "r3", "field": "name"}),
        ("metadata-error-place/two-lic", {"type": "resource-error", "resource": "r3"}),
        ("multipart-first-row-unchecked/mp-badfirst", {"type": "type-error", "file": "b.csv", "line": 1}),
        ("multipart-first-row-unchecked/mp-noheader-pk", {"type": "primary-key", "file": "b.csv", "line": 1}),
        ("multipart-header-in-each", {"type": "repeated-header", "file": "b.csv", "line": 1}),
        ("profile-as-file/prof-missing", {"type": "missing-file", "file": "nofile.json", "field": "profile"}),
        ("profile-as-file/prof-file", {"type": "package-error", "field": "profile", "resource": None}),
        ("smaller-refusals/bytes-str", {"type": "byte-count", "resource": "t", "field": "bytes"}),
        (
            "smaller-refusals/inline-str-noformat",
            {"type": "resource-error", "resource": "t", "field": "data"},
        ),
    ],
)
def test_what_is_wrong_has_its_place(case: str, place: dict[str, Any]) -> None:
    [found] = judged(CASES / case)["problems"]
    assert {key: found[key] for key in place} == place


def test_a_byte_that_is_none_of_the_encoding_is_named_with_the_remedy() -> None:
    [found] = judged(CASES / "encoding-error-place")["problems"]
    text = (CASES / "encoding-error-place" / "t.csv").read_bytes()
    offset = next(at for at, byte in enumerate(text) if byte > 127)
    assert f"byte 0xe9 (the {offset + 1:,}th of the file, in line 3,002)" in found["message"]
    assert "state the “encoding” that it has, which may be windows-1252" in found["message"]
