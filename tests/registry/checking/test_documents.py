"""Files that are no tables: JSON and maps are looked into, whatever else is named as not read."""

from pathlib import Path
from typing import Any

import pytest

from couchreg.package.descriptor import PLACEHOLDER
from couchreg.registry.checking import documents
from tests.registry.checking.judging import FIELDS, judged, laid, table

BOM = b"\xef\xbb\xbf"


def beside(folder: Path, path: str, data: bytes, **members: Any) -> dict[str, Any]:
    """The report on a package of a table and another resource, `other`."""
    resources = [
        {"name": "t", "path": "t.csv", "schema": {"fields": FIELDS}},
        {"name": "other", "path": path, **members},
    ]
    return judged(laid(folder, {"resources": resources}, **{"t.csv": "id,word\n1,one\n", path: data}))


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("a.json", b'{"a": 1}'),
        ("a.JSON", BOM + b"[[1e999, 0.1]]\n"),
        ("a.geojson", b'{"features": [], "type": "FeatureCollection"}'),
        ("a.geojson", BOM + b'{"type": "Point", "coordinates": [1, 2]}'),
        ("a.topojson", b'{"type": "Topology", "objects": {}, "arcs": []}'),
    ],
)
def test_what_can_be_read(tmp_path: Path, path: str, data: bytes) -> None:
    report = beside(tmp_path, path, data)
    assert (report["problems"], report["skipped"], report["unchecked"]) == ([], [], [])


@pytest.mark.parametrize(
    ("path", "data", "words"),
    [
        ("a.json", b'{"a":\n ', "is not valid JSON in line 1, column 6: it ends before it is complete"),
        ("a.json", b'[1,\n "a" 2]', "is not valid JSON in line 2, column 6"),
        ("a.json", b"", "is empty"),
        ("a.json", b'{"a": NaN}', "is not valid JSON in line 1, column 7"),
        ("a.json", b'{"a": 1}\n{"a": 2}\n', "is not valid JSON in line 2, column 2: trailing characters"),
        ("a.json", b'["caf\xe9"]', "is not UTF-8: byte 0xe9 in line 1, column 6"),
        ("a.json", b"[" * 9000 + b"]" * 9000, "is nested too deeply"),
        ("a.geojson", b"not json", "is not valid JSON in line 1"),
        ("a.geojson", b"{}", "is not GeoJSON"),
        ("a.geojson", b"[1]", "is not GeoJSON"),
        ("a.geojson", b'{"type": 5}', "is not GeoJSON"),
        ("a.geojson", b'{"type": "Topology"}', "is not GeoJSON: its type is 'Topology'"),
        ("a.topojson", b'{"type": "Feature"}', "is not TopoJSON"),
    ],
)
def test_what_is_broken_is_said_and_refuses_nothing(
    tmp_path: Path, path: str, data: bytes, words: str
) -> None:
    report = beside(tmp_path, path, data)
    assert (report["problems"], report["skipped"]) == ([], ["other"])
    [told] = report["unchecked"]
    assert (told["resource"], told["member"]) == ("other", "path")
    assert words in told["reason"]
    assert told["reason"].startswith(repr(path))


def test_a_large_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "LARGEST", 8 << 20)
    report = beside(tmp_path, "a.json", b" " * (8 << 20) + b"1")
    assert report["skipped"] == ["other"]
    assert "more than 8 MiB" in report["unchecked"][0]["reason"]


@pytest.mark.parametrize(
    ("path", "members"),
    [
        ("a.pdf", {}),
        ("README.md", {}),
        ("a.txt", {}),
        ("a.png", {}),
        ("a.sqlite", {}),
        ("a", {}),
        ("a.json.gz", {}),
        ("a.sav", {"type": "table"}),
    ],
)
def test_what_nobody_looks_into_is_named(tmp_path: Path, path: str, members: dict[str, Any]) -> None:
    report = beside(tmp_path, path, b"anything", **members)
    assert (report["problems"], report["skipped"], report["unchecked"]) == ([], ["other"], [])


@pytest.mark.parametrize(("path", "data"), [("u.json", '[{"id": 1}]'), ("u.pdf", "%PDF")])
def test_a_key_into_what_is_no_table_is_not_checked(tmp_path: Path, path: str, data: str) -> None:
    key = {"fields": ["id"], "reference": {"resource": "u", "fields": ["id"]}}
    schema = {"fields": FIELDS, "foreignKeys": [key]}
    resources = [{"name": "t", "path": "t.csv", "schema": schema}, {"name": "u", "path": path}]
    report = judged(laid(tmp_path, {"resources": resources}, **{"t.csv": "id,word\n1,one\n", path: data}))
    assert report["problems"] == []
    assert [(item["resource"], item["member"]) for item in report["unchecked"]] == [("t", "foreignKeys")]


def test_a_description_that_nobody_has_written(tmp_path: Path) -> None:
    report = table(tmp_path, "id,word\n1,one\n", package={"description": PLACEHOLDER})
    assert [(item["resource"], item["member"]) for item in report["unchecked"]] == [(None, "description")]
    report = table(tmp_path, "id,word\n1,one\n", package={"description": f"{PLACEHOLDER} Of words."})
    assert report["unchecked"] == []


@pytest.mark.parametrize(
    "text",
    [
        *("TODO", "tbd.", "xxx", "...", "[FIXME]", "Lorem ipsum dolor sit amet, consectetur", "n/a"),
        *(
            "A description of the package.",
            "Add a description",
            "<insert description here>",
            "My description",
        ),
        *("Describe this dataset", "Short description of your data", "To be added"),
    ],
)
def test_words_by_which_people_remember_to_write_a_description(tmp_path: Path, text: str) -> None:
    package = {"title": "Untitled", "description": text}
    report = table(tmp_path, "id,word\n1,one\n", package=package, description=text)
    found = [(item["resource"], item["member"]) for item in report["unchecked"]]
    assert (report["valid"], found) == (True, [(None, "title"), (None, "description"), ("t", "description")])


@pytest.mark.parametrize(
    "text",
    ["A", "Description of birds", "Nonesuch", "What the tables describe", "Todos of the council", "X, 2020"],
)
def test_what_somebody_has_written_is_a_description(tmp_path: Path, text: str) -> None:
    package = {"title": "Description of the data", "description": text}
    report = table(tmp_path, "id,word\n1,one\n", package=package, title=text, description=text)
    assert report["unchecked"] == []
