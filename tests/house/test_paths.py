"""`scripts/paths` counts what requests go through."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import environment

ROOT = Path(__file__).parents[2]
REQUESTS = ["couch GET", "couch PUT", "_changes", "resource GET", "multipart publish", "install"]


def paths(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "paths.py"), *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def lines() -> list[str]:
    done = paths("--rounds", "1")
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_every_request_has_a_line_of_numbers(lines: list[str]) -> None:
    heading, *rows = lines
    assert heading.split()[:3] == ["calls", "files", "changes"]
    assert [row[:20].strip() for row in rows] == REQUESTS
    for row in rows:
        calls, files, file_changes, rooms, room_changes, wings, wing_changes = map(int, row[44:].split())
        assert calls > file_changes > wing_changes >= room_changes > 0
        assert file_changes >= files - 1 >= wings - 1 >= rooms - 1 > 0


def test_a_trace_leads_from_the_door_to_the_engine() -> None:
    done = paths("--rounds", "1", "--trace", "couch GET")
    assert done.returncode == 0, done.stderr
    files = [line.partition(":")[0].strip() for line in done.stdout.splitlines()]
    door = files.index("http/couch/door.py")  # followers may be at work before it
    assert "docstore/sqlite/database.py" in files[door:]


def test_a_folder_that_is_no_checkout(tmp_path: Path) -> None:
    done = paths(str(tmp_path))
    assert done.returncode == 1
    assert f"{tmp_path} is not a checkout" in done.stderr
