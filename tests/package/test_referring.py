"""Which files belong to a package because its schemas and profiles refer to them."""

import json
from typing import Any

import pytest

from couchreg.package import referring
from couchreg.package.referring import Referred


def met(members: dict[str, Any], files: dict[str, Any]) -> list[str]:
    referred, found = Referred(members, files.keys()), []
    while (path := referred.wanted()) is not None:
        found.append(path)
        text = files[path]
        referred.read(path, text if isinstance(text, bytes) else json.dumps(text).encode())
    return found


@pytest.mark.parametrize(
    ("reference", "path"),
    [
        ("more.json", "rules/more.json"),
        ("more.json#/$defs/x", "rules/more.json"),
        ("./deep/more.json", "rules/deep/more.json"),
        ("../other/more.json", "other/more.json"),
        ("m%C3%B6re.json", "rules/möre.json"),
        ("#/$defs/x", None),
        ("https://example.org/rules/more.json", None),
        ("//example.org/more.json", None),
        ("file:///etc/passwd", None),
        ("/etc/passwd", None),
        ("https://[", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("word", ["$ref", "$dynamicRef"])
def test_a_reference_is_relative_to_the_file_that_it_stands_in(
    word: str, reference: str, path: str | None
) -> None:
    files: dict[str, Any] = {"rules/p.json": {"allOf": [{"properties": {"a": {word: reference}}}]}}
    files |= {one: {} for one in ("rules/more.json", "rules/deep/more.json", "other/more.json", "more.json")}
    files |= {"rules/möre.json": {}, "etc/passwd.json": {}}
    assert met({"profile": "rules/p.json"}, files) == ["rules/p.json", *([path] if path else [])]


def test_an_id_changes_what_references_are_relative_to() -> None:
    inside = {"$id": "deep/x.json", "$ref": "more.json"}
    away = {"$id": "https://example.org/x.json", "$ref": "far.json"}
    files = {"p.json": {"allOf": [inside, away, {"$ref": "near.json"}]}}
    files |= {path: {} for path in ("deep/more.json", "more.json", "far.json", "near.json")}
    assert sorted(met({"$schema": "p.json"}, files)) == ["deep/more.json", "near.json", "p.json"]


def test_files_lead_to_others_and_circles_end() -> None:
    files: dict[str, Any] = {
        "a.json": {"$ref": "b.json"},
        "b.json": {"$ref": "c.json"},
        "c.json": {"$ref": "a.json"},
        "table.json": {"fields": [], "constraints": {"$ref": "cell.json"}},
        "cell.json": b"{",
        "unnamed.json": {},
    }
    members = {"profile": "a.json", "resources": [{"name": "t", "path": "t.csv", "schema": "table.json"}]}
    assert sorted(met(members, files)) == ["a.json", "b.json", "c.json", "cell.json", "table.json"]


def test_files_bytes_and_references_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    files: dict[str, Any] = {f"{number}.json": {"$ref": f"{number + 1}.json"} for number in range(300)}
    assert len(met({"profile": "0.json"}, files)) == referring.MOST_FILES
    files["0.json"] = json.dumps({"$ref": "1.json", "x": "y" * referring.LARGEST}).encode()
    assert met({"profile": "0.json"}, files) == ["0.json"]
    monkeypatch.setattr(referring, "MOST_REFERENCES", 3)
    files["0.json"] = {"allOf": [{"$ref": path} for path in ("no.json", "no.json", "no.json", "2.json")]}
    assert met({"profile": "0.json"}, files) == ["0.json"]
