"""Who installs the client alone gets by without the libraries of a server."""

import configparser
import re
import shutil
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from couchreg.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
OF_SERVERS = {"backup", "restore", "doctor", "follow", "serve", "mirror", "rebuild", "datastore", "docstore"}
BLOCK = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
"""


def absent() -> set[str]:
    """The top-level modules that come with the server alone."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    wanted = config["options.extras_require"]["server"].split("\n")
    names = {re.split(r"[\[>;]", line)[0].strip().lower() for line in wanted if line.strip()}
    modules = packages_distributions().items()
    return {module for module, owners in modules if names & {owner.lower() for owner in owners}}


def run(code: str) -> "subprocess.CompletedProcess[str]":
    blocked = BLOCK.format(names=absent()) + code
    return subprocess.run([sys.executable, "-c", blocked], cwd=ROOT, capture_output=True, text=True)


def test_the_list_of_absent_modules_is_not_empty() -> None:
    assert {"apsw", "frictionless", "aiobotocore", "whoosh", "icu"} <= absent()


def test_a_program_uses_the_client() -> None:
    done = run("import couchreg; couchreg.Client; import couchreg.client.filesystem")
    assert (done.returncode, done.stderr) == (0, "")


def test_every_command_that_asks_a_registry_starts() -> None:
    names = [name for name in COMMANDS if name not in OF_SERVERS]
    lines = ["from couchreg.cli.main import cli", "from click.testing import CliRunner"]
    lines += [
        f"assert CliRunner().invoke(cli, [{name!r}, '--help']).exit_code == 0, {name!r}" for name in names
    ]
    done = run("\n".join(lines))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("words", [["serve"], ["validate", "valid"], ["init", "bare"]])
def test_a_command_of_the_server_says_what_to_install(words: list[str], tmp_path: Path) -> None:
    shutil.copytree(ROOT / "tests/data/packages/gdp", tmp_path / "valid")
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare/t.csv").write_text("a\n1\n")
    setting = f"import os; os.chdir({str(tmp_path)!r}); sys.path.insert(0, {str(ROOT)!r})"
    calling = f"sys.argv = ['couchreg', *{words!r}]\nfrom couchreg.cli.main import main\nmain()"
    done = run(f"{setting}\n{calling}")
    assert done.returncode == 1
    assert done.stderr.startswith("couchreg: this command needs ")
    assert done.stderr.endswith("pip install 'couchreg[server]'\n")
