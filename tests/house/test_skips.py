"""A skipped test fails where `--no-skips` says so: what a machine lacks must not make a check vanish."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import environment

ROOT = Path(__file__).parents[2]
TESTS = """
import pytest

def test_skipped(): pytest.skip("no curl")

@pytest.mark.xfail(reason="known", strict=True)
def test_known(): assert False
"""


@pytest.mark.parametrize(
    ("option", "status", "summary"), [([], 0, "1 skipped"), (["--no-skips"], 1, "no curl")]
)
def test_a_skipped_test(tmp_path: Path, option: list[str], status: int, summary: str) -> None:
    file = tmp_path / "test_skipped.py"
    file.write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-c", str(ROOT / "setup.cfg"), *option]
    done = subprocess.run(
        [*command, f"--rootdir={ROOT}", str(file)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert summary in done.stdout
    assert "1 xfailed" in done.stdout
