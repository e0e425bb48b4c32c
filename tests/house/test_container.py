"""The container file. There is no builder here: it is linted, and its steps are done in a fresh directory."""

import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

from tests.processes import environment, running

ROOT = Path(__file__).parents[2]
FILE = ROOT / "scripts" / "Containerfile"


def instructions() -> list[tuple[str, str]]:
    """Each with what it is told, in their order."""
    lines = FILE.read_text("utf-8").replace("\\\n", " ").splitlines()
    return [(name, rest) for line in lines if line for name, _, rest in [line.partition(" ")]]


def copied() -> list[str]:
    """What comes out of the checkout."""
    found = [rest.split() for name, rest in instructions() if name == "COPY" and "--from" not in rest]
    return [path for words in found for path in words[:-1]]


if platform.machine() == "x86_64":  # where there is a hadolint to install

    def test_a_linter_finds_nothing() -> None:
        program = shutil.which("hadolint", path=os.path.dirname(sys.executable))
        assert program is not None
        done = subprocess.run([program, str(FILE)], capture_output=True, text=True)
        assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_what_is_copied_installs_whole_and_is_healthy(tmp_path: Path) -> None:
    source, target = tmp_path / "src", tmp_path / "target"
    source.mkdir()
    for path in copied():
        if (ROOT / path).is_dir():
            # Links stay links, as COPY leaves them: what they lead to has to be copied, too.
            left_out = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / path, source / path, symlinks=True, ignore=left_out)
        else:
            shutil.copy(ROOT / path, source / path)
    wanted = {path.relative_to(ROOT) for path in (ROOT / "couchreg").rglob("*") if path.is_file()}
    wanted |= {Path("couchreg") / path.relative_to(ROOT) for path in (ROOT / "design_docs").rglob("*")}
    wanted = {path for path in wanted if path.suffix != ".pyc" and (ROOT / path).is_file()}
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    pip += ["--no-deps", "--no-build-isolation", "--no-compile", "--target", str(target), str(source)]
    done = subprocess.run(pip, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    there = {path.relative_to(target) for path in (target / "couchreg").rglob("*") if path.is_file()}
    assert {path for path in wanted - there if path.suffix != ".md"} == set()
    [check] = [rest for name, rest in instructions() if name == "HEALTHCHECK"]
    code = re.search(r'"-c",\s*"(.*)"\]', check)
    assert code is not None
    env = {"PYTHONPATH": str(target), "PYTHONSAFEPATH": "1"}
    where = [sys.executable, "-c", "import couchreg; print(couchreg.__file__)"]
    found = subprocess.run(where, env=environment(**env), capture_output=True, text=True, check=True)
    assert found.stdout.startswith(str(target))
    with running(tmp_path / "data", env=env, program=True) as server:
        told = code[1].replace("http://127.0.0.1:8000", server.registry_url)
        assert told != code[1]
        subprocess.run([sys.executable, "-c", told], check=True, env=environment())
        request = urllib.request.Request(server.registry_url, headers={"Accept": "text/html"})
        with urllib.request.urlopen(request) as answer:
            assert b"</html>" in answer.read()


def test_what_it_runs_is_what_is_installed() -> None:
    told = dict(instructions())
    assert shlex.split(told["ENV"]) == ["COUCHREG_HOST=0.0.0.0", "COUCHREG_DATA_DIR=/data"]
    assert told["ENTRYPOINT"] == '["/opt/couchreg/bin/couchreg"]'
    assert told["EXPOSE"] == "8000 5984"
    assert "couchreg = couchreg.cli.main:main" in (ROOT / "setup.cfg").read_text("utf-8")
