"""What `scripts/run` does once all is installed, and that `scripts/setup` has nothing to do then."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.processes import environment

ROOT = Path(__file__).parents[2]


@contextmanager
def started(data: Path) -> Iterator[IO[str]]:
    """The lines of a start; afterwards Ctrl-C, which reaches script and server, has to end it cleanly."""
    command = [sys.executable, str(ROOT / "scripts" / "start.py"), "--port", "0", "--couch-port", "0"]
    command += ["--data-dir", str(data), "--password-iterations", "1000"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    with process.stdout:
        try:
            yield process.stdout
            subprocess.run(["kill", "-INT", "--", f"-{process.pid}"], check=True)
            assert process.wait(30) == 0
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(30)


def lines_until(output: IO[str], last: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in output:
        label, _, value = line.partition(" ")
        found[label] = value.strip()
        if label == last:
            break
    return found


def test_the_first_start_has_a_package_and_the_second_keeps_it(tmp_path: Path) -> None:
    with started(tmp_path / "data") as output:
        shown = lines_until(output, "Package")
        assert shown["Package"].endswith("/gdp/2026")
        assert re.match(r"admin:\S{16,} ", shown["Admin"])
        with urllib.request.urlopen(shown["Package"]) as answer:
            assert json.load(answer)["name"] == "gdp"
    with started(tmp_path / "data") as output:
        shown = lines_until(output, "Ready")
        assert "Admin" not in shown
        with urllib.request.urlopen(f"{shown['Registry']}gdp/2026/data/gdp.csv") as answer:
            assert (
                answer.read()
                == (ROOT / "tests" / "data" / "packages" / "gdp" / "data" / "gdp.csv").read_bytes()
            )


def test_scripts_are_shell_that_parses() -> None:
    for script in [
        ROOT / "scripts" / name
        for name in (
            "setup",
            "run",
            "test",
            "lint",
            "bench",
            "bench_publishing",
            "paths",
            "screenshots",
            "newcomer",
        )
    ] + [ROOT / ".ci" / "run"]:
        subprocess.run(["bash", "-n", str(script)], check=True)


def test_an_unknown_argument_of_setup_is_said() -> None:
    done = subprocess.run(
        ["bash", str(ROOT / "scripts" / "setup"), "everything"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "everything" in done.stderr


APT = """#!/bin/bash
case "$1 $FAILS" in
    "update update") exit 100 ;;
    install*) "$POLICY" nginx start; echo "$?" >>"$POLICY.said" ;;
esac
if [ "$1 $FAILS" = "install install" ]; then exit 100; fi
if [ "$1 $FAILS" = "install setup" ]; then kill -9 "$PPID"; fi
"""


def proxies(folder: Path, fails: str = "nothing") -> tuple[int, Path]:
    """How the setup ends where nginx alone is to be had, and the file that keeps services from starting."""
    text = (ROOT / "scripts" / "setup").read_text()
    functions = text[text.index("install_proxies() {") : text.index("extent=${1:-all}")]
    tools, policy = folder / "bin", folder / "policy-rc.d"
    tools.mkdir(exist_ok=True)
    for name in ("bash", "cat", "chmod", "grep", "rm", "sh"):
        (tools / name).symlink_to(str(shutil.which(name)))
    fakes = {"apt-get": APT, "apt-cache": '#!/bin/bash\n[ "$2" = nginx ]\n', "id": "#!/bin/bash\necho 0\n"}
    for name, script in fakes.items():
        (tools / name).write_text(script)
        (tools / name).chmod(0o755)
    script = f"set -euo pipefail\n{functions}\ninstall_proxies\n".replace("/usr/sbin", str(folder))
    environ = {"PATH": str(tools), "FAILS": fails, "POLICY": str(policy)}
    return subprocess.run([tools / "bash", "-c", script], env=environ, timeout=60).returncode, policy


@pytest.mark.parametrize("fails", ["nothing", "update", "install"])
def test_proxies_that_cannot_be_had_do_not_end_the_setup_and_none_is_started(
    tmp_path: Path, fails: str
) -> None:
    code, policy = proxies(tmp_path, fails)
    said = tmp_path / "policy-rc.d.said"
    assert (code, policy.exists()) == (0, False)
    assert (said.read_text() if said.exists() else "") == ("" if fails == "update" else "101\n")


def test_a_setup_that_was_killed_keeps_no_service_from_starting_later(tmp_path: Path) -> None:
    code, policy = proxies(tmp_path, "setup")
    assert (code, policy.exists()) == (-9, True)
    until = time.monotonic() + 60
    while subprocess.run([policy, "nginx", "start"], timeout=60).returncode:  # apt-get still runs
        assert time.monotonic() < until
        time.sleep(0.05)
    assert not policy.exists()
