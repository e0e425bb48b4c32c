"""The server ends while children work for it: with nothing of it in the log, and leaving no process."""

import json
import os
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.processes import ADMIN, Server, running
from tests.sandbox.processes import gone, is_gone_within

pytestmark = pytest.mark.long

LATEST = 60  # seconds after which a test has failed


def endless(name: str) -> tuple[str, dict[str, Any]]:
    """A package whose check ends only with its limit."""
    fields = [{"name": "id"}, {"name": "word", "type": "string", "constraints": {"pattern": "(?:a|aa)+"}}]
    rows = [["id", "word"], ["1", "a" * 40 + "!"]]
    resource = {"name": "rows", "data": rows, "schema": {"fields": fields}}
    return f"/{name}/1", {"name": name, "resources": [resource]}


class Asking(threading.Thread):
    """A publish under way; `answer` is its status and body, or None when the connection was closed."""

    def __init__(self, server: Server, path: str, document: dict[str, Any]) -> None:
        super().__init__(daemon=True)
        login = urllib.request.HTTPPasswordMgrWithPriorAuth()
        login.add_password(None, server.registry_url, *ADMIN, is_authenticated=True)
        self._opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(login))
        self._request = urllib.request.Request(
            server.registry_url + path,
            json.dumps(document).encode(),
            {"Content-Type": "application/json"},
            method="PUT",
        )
        self.answer: tuple[int, bytes] | None = None

    def run(self) -> None:
        try:
            with self._opener.open(self._request, timeout=LATEST) as response:
                self.answer = response.status, response.read()
        except urllib.error.HTTPError as error:
            self.answer = error.code, error.read()
        except OSError:
            self.answer = None


def children(process: int) -> list[int]:
    """All processes below one."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True)
    pairs = [tuple(map(int, line.split())) for line in listed.stdout.splitlines()]
    found, new = [], [process]
    while new:
        new = [child for child, parent in pairs if parent in new]
        found += new
    return found


def computing(process: int) -> bool:
    """Whether a child of a child uses the processor: the fork server's imports do not count."""
    for child in children(process):
        below = children(child)
        for number in below:
            try:
                fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[11]) > 20:  # hundredths of a second
                return True
    return False


def _begin(server: Server, *asking: Asking) -> None:
    """Start them, and wait until a check computes."""
    for thread in asking:
        thread.start()
    until = time.monotonic() + LATEST
    while not computing(server.process.pid):
        assert time.monotonic() < until, server.log.read_text()
        time.sleep(0.05)


def test_no_check_outlives_a_server_that_was_killed(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--validation-timeout", "3000", program=True) as server:
        _begin(server, Asking(server, *endless("slow")))
        processes = children(server.process.pid)
        server.kill()
        assert [process for process in processes if not is_gone_within(process, 2)] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("to_all", [False, True])
def test_a_signal_during_a_check(tmp_path: Path, number: signal.Signals, to_all: bool) -> None:
    """To the server alone, or, as service managers do it, to every process of it."""
    with running(tmp_path / "data", "--validation-timeout", "3000", program=True) as server:
        asking = [Asking(server, *endless(f"slow{count}")) for count in range(3)]
        _begin(server, *asking)
        processes = children(server.process.pid)
        server.process.send_signal(number)
        for process in processes if to_all else ():
            with suppress(ProcessLookupError):  # the server has begun to end them
                os.kill(process, number)
        assert server.process.wait(LATEST) == 0, server.log.read_text()
        for thread in asking:
            thread.join(LATEST)
        assert [process for process in processes if not gone(process)] == []
        log = server.log.read_text()
        assert "Traceback" not in log, log
        assert "ERROR" not in log, log
        assert [thread.answer and thread.answer[0] for thread in asking] == [503] * 3
    assert [path.name for path in (tmp_path / "data" / "spool").iterdir()] == []
