"""What frictionless reads of a published package is what the registry has checked."""

import gzip
import json
from pathlib import Path

import openpyxl
import pytest
from frictionless import Package

from couchreg import Client
from couchreg.client import frictionless as _plugin  # noqa: F401 — it teaches `couchreg://`
from tests.processes import ADMIN, Server

FIELDS = [{"name": "a", "type": "integer"}, {"name": "b", "type": "string"}]
ROWS = [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]


def write_package(folder: Path) -> Path:
    """Tables that frictionless would read otherwise, or not at all, by the standard's own members."""
    folder.mkdir()
    first, *second = ["a,b\n1,x\n", "2,y\n"]
    (folder / "one.csv.gz").write_bytes(gzip.compress(first.encode()))
    (folder / "two.csv.gz").write_bytes(gzip.compress(second[0].encode()))
    (folder / "rows.json").write_text(json.dumps({"rows": ROWS}))
    (folder / "keyed.json").write_text(json.dumps({"of": {"these": 1}, "rows": ROWS}))
    book = openpyxl.Workbook()
    book.create_sheet("B")
    for row in [["a", "b"], *(list(row.values()) for row in ROWS)]:
        book["B"].append(row)
    book.worksheets[0].append(["other"])
    book.save(folder / "book.xlsx")
    resources = [
        {"name": "parts", "path": ["one.csv.gz", "two.csv.gz"]},
        {"name": "by-name", "path": "book.xlsx", "dialect": {"sheetName": "B"}},
        {"name": "by-number", "path": "book.xlsx", "dialect": {"sheetNumber": 2}},
        {"name": "rows", "path": "rows.json", "dialect": {"property": "rows"}},
        {"name": "keyed", "path": "keyed.json", "dialect": {"property": "rows", "itemKeys": ["a", "b"]}},
    ]
    members = {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": "read-otherwise",
        "version": "1.0.0",
        "resources": [{**resource, "schema": {"fields": FIELDS}} for resource in resources],
    }
    (folder / "datapackage.json").write_text(json.dumps(members))
    return folder


def test_a_package_is_read_as_it_was_checked(
    live: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Client(live.registry_url, user=ADMIN[0], password=ADMIN[1]) as client:
        client.publish(write_package(tmp_path / "package"))
        found = client.package("read-otherwise")
        assert {
            one.name: [row.to_dict() for row in one.read_rows()] for one in found.resources
        } == dict.fromkeys(found.resource_names, ROWS)
    monkeypatch.setenv("COUCHREG_REGISTRY", live.registry_url)
    sheet = Package("couchreg://read-otherwise").get_resource("by-name")
    assert [row.to_dict() for row in sheet.read_rows()] == ROWS
