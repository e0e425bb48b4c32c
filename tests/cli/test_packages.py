"""versions, ls, cat, diff, dist-tag, deprecate, cache and completion, as a person or a script uses them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Couchreg
from tests.processes import Server, environment

GDP = Path(__file__).parents[1] / "data" / "packages" / "gdp"
SHELLS = ("bash", "zsh", "fish")


@pytest.fixture
def steps(couchreg: Couchreg, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """A package of this test's own with the versions 1.0.0 and 1.1.0, a row apart."""
    name = "p-" + "".join(char if char.isalnum() else "-" for char in request.node.name.lower()).strip("-")
    fields = [{"name": "id", "type": "integer"}, {"name": "color", "type": "string"}]
    for version, rows in (("1.0.0", "1,red\n2,blue\n"), ("1.1.0", "1,red\n2,green\n3,black\n")):
        folder = tmp_path / version
        folder.mkdir()
        schema = {"fields": fields, "primaryKey": ["id"]}
        members: dict[str, Any] = {"name": name, "version": version, "title": f"Colors {version}"}
        members["resources"] = [{"name": "colors", "path": "data/colors.csv", "schema": schema}]
        (folder / "datapackage.json").write_text(json.dumps(members))
        (folder / "data").mkdir()
        (folder / "data" / "colors.csv").write_text("id,color\n" + rows)
        done = couchreg("publish", str(folder))
        assert done.status == 0, done.err
    return name


def test_versions(couchreg: Couchreg, steps: str) -> None:
    assert [row["version"] for row in couchreg("versions", steps, "--json").json] == ["1.1.0", "1.0.0"]
    shown = couchreg("versions", steps)
    assert "1.1.0" in shown.out.splitlines()[0]
    assert "[latest]" in shown.out.splitlines()[0]
    assert couchreg("versions", "no-such-package").status == 3


def test_ls(couchreg: Couchreg, steps: str) -> None:
    assert f"{steps}@1.1.0" in couchreg("ls").out.splitlines()
    assert steps in [row["name"] for row in couchreg("ls", "--json").json]
    files = couchreg("ls", f"{steps}@^1", "--json").json
    assert [file["path"] for file in files] == ["datapackage.json", "data/colors.csv"]
    assert couchreg("ls", f"{steps}/data").out.split() == ["31", "data/colors.csv"]


def test_cat_copies_bytes(couchreg: Couchreg, live: Server, steps: str, tmp_path: Path) -> None:
    assert couchreg("cat", f"{steps}@1.0.0/colors").out == "id,color\n1,red\n2,blue\n"
    assert couchreg("cat", f"{steps}/data/colors.csv").out.endswith("3,black\n")
    about = couchreg("cat", f"{steps}/colors.csv", "--json").json
    assert (about["version"], about["bytes"]) == ("1.1.0", 31)
    assert (about["resource"]["name"], about["resource"]["format"]) == ("colors", "csv")
    assert "resource" not in couchreg("cat", f"{steps}/datapackage.json", "--json").json
    assert couchreg("cat", f"{steps}/nothing").status == 3
    assert couchreg("cat", steps).status == 2


def test_cat_into_a_pipe_that_closes_is_quiet(couchreg: Couchreg, live: Server, tmp_path: Path) -> None:
    couchreg("publish", str(GDP))
    env = environment(COUCHREG_REGISTRY=live.registry_url, COUCHREG_CONFIG=str(tmp_path / "none"))
    command = [sys.executable, "-m", "couchreg", "cat", "gdp@2026/gdp"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=env, **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == (GDP / "data" / "gdp.csv").read_bytes().splitlines(True)[0]
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_diff(couchreg: Couchreg, steps: str) -> None:
    found = couchreg("diff", f"{steps}@1.0.0", "latest", "--json").json
    assert (found["old"], found["new"]) == ("1.0.0", "1.1.0")
    rows = found["resources"]["changed"]["colors"]["rows"]
    assert (rows["added"], rows["removed"], rows["changed"]) == (1, 0, 1)
    shown = couchreg("diff", f"{steps}@1.0.0", f"{steps}@1.1.0").out
    assert '~ title: "Colors 1.0.0" → "Colors 1.1.0"' in shown
    assert "rows: 1 added, 0 removed, 1 changed" in shown
    assert "Nothing changed" in couchreg("diff", f"{steps}@1.0.0", "1.0.0").out
    assert couchreg("diff", steps, "1.0.0").status == 2


def test_dist_tags(couchreg: Couchreg, steps: str) -> None:
    assert couchreg("dist-tag", "add", f"{steps}@1.0.0", "stable", "--json").json["stable"] == "1.0.0"
    assert "stable: 1.0.0" in couchreg("dist-tag", "ls", steps).out
    assert couchreg("cat", f"{steps}@stable/colors").out.endswith("2,blue\n")
    assert couchreg("install", f"{steps}@stable", "--json").json["packages"][0]["version"] == "1.0.0"
    assert "stable" not in couchreg("dist-tag", "rm", steps, "stable").out
    assert couchreg("dist-tag", "add", steps, "stable").status == 2
    assert couchreg("dist-tag", "add", f"{steps}@1.0.0", "x", user="", password="").status == 4


def test_deprecate(couchreg: Couchreg, steps: str) -> None:
    done = couchreg("deprecate", f"{steps}@<1.1", "use 1.1", "--json")
    assert done.json == {"1.0.0": "use 1.1"}
    assert "deprecated: use 1.1" in couchreg("versions", steps).out
    installed = couchreg("install", f"{steps}@1.0.0")
    assert (installed.status, "deprecated: use 1.1" in installed.err) == (0, True)
    assert couchreg("deprecate", f"{steps}@1.0.0").status == 2
    assert couchreg("deprecate", f"{steps}@1.0.0", "").out == f"No version of {steps} is deprecated.\n"
    assert couchreg("deprecate", steps, "all of it").out == f"{steps}@*: all of it\n"
    assert couchreg("deprecate", steps, "--undo", "--json").json == {}


def test_yank(couchreg: Couchreg, steps: str) -> None:
    before = couchreg("install", steps, "--json").json["packages"][0]["version"]
    assert couchreg("yank", f"{steps}@{before}", "wrong units", "--json").json == {before: "wrong units"}
    assert "yanked: wrong units" in couchreg("versions", steps).out
    assert "YANKED: wrong units" in couchreg("info", f"{steps}@{before}").out
    locked = couchreg("install", "--json")
    assert (locked.json["packages"][0]["version"], locked.json["yanked"]) == (
        before,
        {f"{steps}@{before}": "wrong units"},
    )
    pinned = couchreg("install", f"{steps}@{before}")
    assert (pinned.status, f"{steps}@{before} is yanked: wrong units" in pinned.err) == (0, True)
    assert couchreg("install", steps, "--force", "--json").json["packages"][0]["version"] != before
    into = couchreg("install", f"{steps}@{before}", "--into", "apart")
    assert (into.status, "is yanked: wrong units" in into.err) == (0, True)
    assert couchreg("yank", steps, "all of it").status == 2
    assert couchreg("yank", f"{steps}@{before}").status == 2
    assert couchreg("yank", f"{steps}@{before}", "--undo").out == f"No version of {steps} is yanked.\n"


def test_the_cache_is_shown_and_cleaned(couchreg: Couchreg, steps: str, tmp_path: Path) -> None:
    couchreg("install", steps)
    before = couchreg("cache", "--json").json
    assert before["files"] > 0
    assert before["folder"] == str(tmp_path / "cache")
    assert couchreg("cache", "--clean", "--json").json["removed"]["files"] == before["files"]
    assert "0 files, 0 bytes" in couchreg("cache").out


@pytest.mark.parametrize("shell", SHELLS)
def test_completion(couchreg: Couchreg, tmp_path: Path, shell: str) -> None:
    assert "_COUCHREG_COMPLETE" in couchreg("completion", shell).out
    words = {"bash": "COMP_WORDS", "zsh": "COMP_WORDS", "fish": "COMP_WORDS"}[shell]
    asked = {"_COUCHREG_COMPLETE": f"{shell}_complete", words: "couchreg ver", "COMP_CWORD": "1"}
    if shell == "fish":
        asked["COMP_CWORD"] = "ver"
    done = subprocess.run(
        [sys.executable, "-m", "couchreg"], env=environment(**asked), capture_output=True, text=True
    )
    assert "versions" in done.stdout
    assert "publish" not in done.stdout
