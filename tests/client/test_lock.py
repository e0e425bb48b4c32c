"""`datapackage-lock.json`: written whole, read back as it was, and an error when it is damaged."""

import json
from pathlib import Path
from typing import Any

import pytest

from couchreg.client.errors import UsageError
from couchreg.client.lock import LOCK, Locked, read_lock, write_lock

FILE = {"path": "data/gdp.csv", "bytes": 4, "hash": "sha256:ab12"}
GDP = Locked("gdp", "2026", "http://a/", "^2026", {"population": "^2023"}, (FILE,))
POPULATION = Locked("population", "2023.1", "http://a/", None, {}, ())


def test_what_is_written_is_read(tmp_path: Path) -> None:
    lock = {"population": POPULATION, "gdp": GDP}
    write_lock(tmp_path, lock)
    assert read_lock(tmp_path) == lock
    assert [file.name for file in tmp_path.iterdir()] == [LOCK]


def test_it_is_made_for_people_and_diffs(tmp_path: Path) -> None:
    write_lock(tmp_path, {"population": POPULATION, "gdp": GDP})
    text = (tmp_path / LOCK).read_text("utf-8")
    assert text.endswith("}\n")
    assert list(json.loads(text)["packages"]) == ["gdp", "population"]
    assert '\n    "gdp": {\n' in text
    assert "wanted" not in json.loads(text)["packages"]["population"]


def test_a_folder_without_one_has_no_packages(tmp_path: Path) -> None:
    assert read_lock(tmp_path) == {}


def test_the_hashes_of_a_package_by_path() -> None:
    assert GDP.hashes == {"data/gdp.csv": "ab12"}


def package(**members: Any) -> dict[str, Any]:
    whole = {"version": "1", "registry": "http://a/", "dependencies": {}, "files": []}
    return {"lockVersion": 1, "packages": {"gdp": whole | members}}


@pytest.mark.parametrize(
    "value",
    [
        [],
        {},
        {"lockVersion": 1},
        {"lockVersion": 1, "packages": []},
        {"lockVersion": 1, "packages": {"gdp": {}}},
        {"lockVersion": 1, "packages": {"../gdp": package()["packages"]["gdp"]}},
        package(version=1),
        package(files=[{"path": "a.csv"}]),
        package(files=None),
        package(dependencies=["x"]),
    ],
)
def test_a_damaged_one_is_never_taken_for_another(tmp_path: Path, value: Any) -> None:
    (tmp_path / LOCK).write_text(json.dumps(value))
    with pytest.raises(UsageError, match="damaged"):
        read_lock(tmp_path)


def test_what_else_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text('{"lockVersion": 2, "packages": {}}')
    with pytest.raises(UsageError, match="has the version 2: install a newer couchreg"):
        read_lock(tmp_path)
    (tmp_path / LOCK).write_text('{"lockVersion"')
    with pytest.raises(UsageError, match="damaged"):
        read_lock(tmp_path)
    (tmp_path / LOCK).unlink()
    (tmp_path / LOCK).mkdir()
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        read_lock(tmp_path)


def test_one_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / LOCK).mkdir()
    with pytest.raises(UsageError, match="cannot be written"):
        write_lock(tmp_path, {"gdp": GDP})
    assert [file.name for file in tmp_path.iterdir()] == [LOCK]
