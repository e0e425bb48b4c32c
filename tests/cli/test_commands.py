"""publish, install, search and info, as a person or a script uses them, against a running server."""

import filecmp
import json
import shutil
import urllib.request
from pathlib import Path

import pytest

from tests.cli.conftest import Couchreg, run
from tests.processes import Server, running

PACKAGES = Path(__file__).parents[1] / "data" / "packages"
VALID = {"gdp": "2026", "gold-prices": "0.2.0", "language-codes": "1.0.0", "population": "2023-03-30"}


def publish(couchreg: Couchreg, name: str) -> None:
    version = ["--version", VALID[name]] if name == "language-codes" else []
    done = couchreg("publish", str(PACKAGES / name), *version)
    assert done.status == 0, done.err


def same_files(left: Path, right: Path) -> bool:
    names = sorted(str(path.relative_to(left)) for path in left.rglob("*") if path.is_file())
    others = sorted(str(path.relative_to(right)) for path in right.rglob("*") if path.is_file())
    return names == others and filecmp.cmpfiles(left, right, names, shallow=False)[0] == names


def package(folder: Path, rows: str, version: str = "1.0.0") -> Path:
    folder.mkdir(exist_ok=True)
    resource = {"name": "r", "path": "r.csv", "schema": {"fields": [{"name": "n", "type": "integer"}]}}
    descriptor = {"name": folder.name, "version": version, "resources": [resource]}
    (folder / "datapackage.json").write_text(json.dumps(descriptor))
    (folder / "r.csv").write_text(rows)
    return folder


@pytest.mark.parametrize("name", VALID)
def test_what_was_published_comes_back_file_by_file(couchreg: Couchreg, tmp_path: Path, name: str) -> None:
    publish(couchreg, name)
    done = couchreg("install", f"{name}@{VALID[name]}", "--into", "copy")
    assert done.status == 0, done.err
    assert same_files(PACKAGES / name, tmp_path / "copy")


def test_install_takes_the_latest_into_a_folder_of_its_name(couchreg: Couchreg, tmp_path: Path) -> None:
    couchreg("publish", str(package(tmp_path / "steps", "n\n1\n", "1.9.0")))
    couchreg("publish", str(package(tmp_path / "steps", "n\n2\n", "1.10.0")))
    shutil.rmtree(tmp_path / "steps")
    done = couchreg("install", "steps", "--json")
    [installed] = done.json["packages"]
    assert installed["version"] == "1.10.0"
    assert (tmp_path / "steps" / "r.csv").read_text() == "n\n2\n"
    assert sorted(installed["written"]) == ["datapackage.json", "r.csv"]
    [again] = couchreg("install", "steps", "--json").json["packages"]
    assert again["kept"] == installed["written"]


def test_publishing_again_changes_nothing_and_other_content_is_refused(
    couchreg: Couchreg, tmp_path: Path
) -> None:
    folder = package(tmp_path / "fixed", "n\n1\n")
    assert couchreg("publish", str(folder), "--json").json["new"] is True
    again = couchreg("publish", str(folder))
    assert (again.status, "unchanged" in again.out) == (0, True)
    other = couchreg("publish", str(package(tmp_path / "fixed", "n\n2\n")))
    assert other.status == 5
    assert "new version" in other.err
    couchreg("install", "fixed", "--into", "back")
    assert (tmp_path / "back" / "r.csv").read_text() == "n\n1\n"


def test_a_broken_package_is_refused_with_a_report_to_act_on(couchreg: Couchreg, live: Server) -> None:
    done = couchreg("publish", str(PACKAGES / "co2-ppm"))
    assert done.status == 6
    assert "827" in done.err
    assert "extra-cell (820)" in done.err
    assert "line 2: " in done.err
    assert "and 815 more" in done.err
    assert "Nothing was published" in done.err
    assert len(done.err.splitlines()) < 60
    report = couchreg("publish", str(PACKAGES / "co2-ppm"), "--json").json["report"]
    assert report["errors"] == 827
    assert couchreg("info", "co2-ppm").status == 3
    assert couchreg("search", "co2", "--json").json == []
    assert not (live.data_dir / "datastore" / "co2-ppm").exists()


def test_a_registry_that_only_warns_keeps_the_report(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--validation", "warn") as live:
        login = {"registry": live.registry_url, "user": live.admin[0], "password": live.admin[1]}
        done = run("publish", str(PACKAGES / "co2-ppm"), cwd=tmp_path, **login)
        assert done.status == 0
        assert "extra-cell (820)" in done.err
        with urllib.request.urlopen(f"{live.registry_url}/-/report/co2-ppm/0.1.0") as answer:
            assert json.load(answer)["errors"] == 827


def test_search_and_info(couchreg: Couchreg) -> None:
    publish(couchreg, "gdp")
    hits = couchreg("search", "gdp", "world", "--json", user="").json
    assert [(hit["name"], hit["version"]) for hit in hits] == [("gdp", "2026")]
    assert couchreg("search", "gdp").out.startswith("gdp@2026")
    filtered = couchreg("search", "--field", "Country Code", "--in", "resources", "--facet", "format,license")
    assert filtered.out.splitlines()[0].startswith("gdp@2026/")
    assert "format: csv (" in filtered.out
    assert couchreg("search", "gdp", "--format", "pdf", "--facet", "type", "--json").json["total"] == 0
    assert "couchreg search gross" in couchreg("search", "grsos").err
    assert couchreg("search").status == 2
    nothing = couchreg("search", "zzzunheardof")
    assert (nothing.status, nothing.out) == (0, "")
    assert "Nothing matches" in nothing.err
    shown = couchreg("info", "gdp").out
    assert "Country Name: string" in shown
    assert "ODC-PDDL-1.0" in shown
    assert couchreg("info", "gdp@2026", "--json").json["name"] == "gdp"


@pytest.mark.parametrize(
    ("command", "remedy"),
    [
        (("info", "nothing"), "find it with couchreg search"),
        (("install", "nothing"), "find it with couchreg search"),
        (("info", "gdp@0.0.1"), "it has 2026"),
    ],
)
def test_what_is_not_there(couchreg: Couchreg, command: tuple[str, ...], remedy: str) -> None:
    publish(couchreg, "gdp")
    done = couchreg(*command)
    assert done.status == 3
    assert remedy in done.err
    assert couchreg(*command, "--json").json["error"] == "not_found"


def test_a_wrong_or_missing_login(couchreg: Couchreg, tmp_path: Path) -> None:
    folder = str(package(tmp_path / "private", "n\n1\n"))
    wrong = couchreg("publish", folder, password="wrong")
    assert wrong.status == 4
    missing = couchreg("publish", folder, user="")
    assert missing.status == 4
    assert "couchreg login" in missing.err
    assert couchreg("info", "private").status == 3


def test_no_registry_answers(couchreg: Couchreg) -> None:
    done = couchreg("search", "x", registry="http://127.0.0.1:9")
    assert done.status == 7
    assert "is it running" in done.err


def test_something_else_answers(couchreg: Couchreg, live: Server, tmp_path: Path) -> None:
    """The couch door is no registry: say so before anything is sent."""
    done = couchreg("publish", str(package(tmp_path / "lost", "n\n1\n")), registry=live.couch_url)
    assert done.status == 1
    assert "not a couchreg registry" in done.err


@pytest.mark.parametrize(
    "arguments", [("publish", "nowhere"), ("install", "a/b"), ("install", "@1"), ("frob",)]
)
def test_wrong_usage(couchreg: Couchreg, arguments: tuple[str, ...]) -> None:
    assert couchreg(*arguments).status == 2


def test_text_from_a_registry_cannot_control_the_terminal(couchreg: Couchreg, tmp_path: Path) -> None:
    folder = package(tmp_path / "escape", "n\n1\n")
    descriptor = json.loads((folder / "datapackage.json").read_text())
    (folder / "datapackage.json").write_text(json.dumps(descriptor | {"title": "\x1b[31mred\x07"}))
    couchreg("publish", str(folder))
    shown = couchreg("info", "escape").out
    assert "red" in shown
    assert "\x1b" not in shown
    assert "\x07" not in shown
