"""What of a folder is published, and what is said of a folder that cannot be."""

import json
from pathlib import Path
from typing import Any

import pytest

from couchreg.client import Folder
from couchreg.client.errors import Invalid, UsageError

PACKAGES = Path(__file__).parents[1] / "data" / "packages"


def package(root: Path, **members: Any) -> Path:
    whole = {"name": "p", "version": "1", "resources": []} | members
    (root / "datapackage.json").write_text(json.dumps(whole))
    return root


def test_all_files_of_a_real_package() -> None:
    folder = Folder.read(PACKAGES / "gdp")
    assert (folder.name, folder.version) == ("gdp", "2026")
    paths = [file.path for file in folder.files]
    assert paths == ["datapackage.json", "data/top-economies.csv", "data/gdp.csv"]
    assert folder.length == sum((PACKAGES / "gdp" / path).stat().st_size for path in paths)
    assert [file.content_type for file in folder.files] == ["application/json", "text/csv", "text/csv"]


def test_a_version_is_needed_where_the_descriptor_has_none() -> None:
    with pytest.raises(UsageError, match="--version"):
        Folder.read(PACKAGES / "language-codes")
    assert Folder.read(PACKAGES / "language-codes", "1.0.0").version == "1.0.0"


def test_a_contradicting_version_is_refused() -> None:
    with pytest.raises(UsageError, match="says version 2026"):
        Folder.read(PACKAGES / "gdp", "2027")
    assert Folder.read(PACKAGES / "gdp", "2026").version == "2026"


def test_the_descriptor_itself_may_be_named() -> None:
    assert Folder.read(PACKAGES / "gdp" / "datapackage.json").name == "gdp"


def test_parts_schemas_and_companions_go_along(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv", "schema.json", "dialect.json", "README.md", "notes.txt"):
        (tmp_path / name).write_text("{}")
    resource = {"name": "r", "path": ["a.csv", "b.csv"], "schema": "schema.json", "dialect": "dialect.json"}
    inline = {"name": "s", "data": [1], "schema": "http://192.0.2.1/schema.json"}
    folder = Folder.read(package(tmp_path, resources=[resource, inline]))
    paths = [file.path for file in folder.files]
    assert paths == ["datapackage.json", "a.csv", "b.csv", "schema.json", "dialect.json", "README.md"]


def test_all_missing_files_are_named_at_once(tmp_path: Path) -> None:
    resources = [{"name": n, "path": f"{n}.csv"} for n in ("a", "b")]
    with pytest.raises(Invalid, match=r"a\.csv, b\.csv"):
        Folder.read(package(tmp_path, resources=resources))


@pytest.mark.parametrize("path", ["../secret.csv", "/etc/passwd", "a\\b.csv"])
def test_nothing_outside_is_read(tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.csv").write_text("secret")
    (tmp_path / "p").mkdir()
    with pytest.raises(Invalid, match="path"):
        Folder.read(package(tmp_path / "p", resources=[{"name": "r", "path": path}]))


def test_data_elsewhere_is_left_there(tmp_path: Path) -> None:
    found = Folder.read(package(tmp_path, resources=[{"name": "r", "path": "http://192.0.2.1/x.csv"}]))
    assert [file.path for file in found.files] == ["datapackage.json"]


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("secret")
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "data.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(Invalid, match="link"):
        Folder.read(package(tmp_path / "p", resources=[{"name": "r", "path": "data.csv"}]))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "valid JSON"),
        ("[]", "JSON object"),
        ("{}", "no name"),
        ('{"name": "p", "version": 1}', "'1' in quotes"),
    ],
)
def test_a_broken_descriptor_is_explained(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "datapackage.json").write_text(text)
    with pytest.raises(Invalid, match=said):
        Folder.read(tmp_path)


def test_a_folder_without_a_package(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no .*datapackage\.json"):
        Folder.read(tmp_path)
