"""A server for clients that others wrote, and a way to run the Node ones."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes import Server, environment, running

HERE = Path(__file__).parent
RunNode = Callable[..., dict[str, Any]]


@pytest.fixture(scope="package")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("clients") / "data", "--validation", "off") as started:
        yield started


@pytest.fixture(scope="session")
def node() -> RunNode:
    """Runs `<script>.mjs` of this folder with arguments; the JSON object it printed last."""

    def run(script: str, *arguments: str) -> dict[str, Any]:
        command = ["node", str(HERE / f"{script}.mjs"), *arguments]
        env = environment()
        done = subprocess.run(command, cwd=HERE, env=env, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    return run
