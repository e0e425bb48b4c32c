"""A server, or a process of its, killed at random moments while tables are made: each table ends as it would
have, none is served in part.

`COUCHREG_CRASH_ROUNDS=50` kills so many times; without it three times.
"""

import hashlib
import json
import os
import random
import signal
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from couchreg.client import Credentials, publish
from tests.processes import Server, running

pytestmark = pytest.mark.long

ROUNDS = int(os.environ.get("COUCHREG_CRASH_ROUNDS", "3"))
SEED = int(os.environ.get("COUCHREG_TEST_SEED", random.randrange(1 << 32)))
TABLES = 8
FLAGS = ("--analytics", "on", "--validation", "off")
Tables = list[dict[str, Any]]


@pytest.mark.timeout(600 + 60 * ROUNDS)
def test_every_table_ends_as_it_would_have(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    folder = package(tmp_path / "package", chance)
    undisturbed = made(tmp_path / "undisturbed", folder)
    for number in range(ROUNDS):
        with running(tmp_path / "data", *FLAGS, program=True) as server:
            for version in range(number):
                whole(server, version)
            send(server, folder, number)
            if number % 2 == 0:
                time.sleep(chance.uniform(0, 2))  # the moment of the crash
            else:
                kill_children(server, chance)
            server.kill()
    with running(tmp_path / "data", *FLAGS, program=True) as server:
        assert {number: settled(server, number) for number in range(ROUNDS)} == undisturbed, f"seed {SEED}"
        for version in range(ROUNDS):
            whole(server, version)
    assert not list((tmp_path / "data" / "spool").iterdir())


def package(folder: Path, chance: random.Random) -> Path:
    """A package of several tables, one of which does not fit its schema."""
    folder.mkdir()
    resources = []
    for number in range(TABLES):
        rows = (f"{n},{chance.random()}" for n in range(chance.randrange(1, 3000)))
        wrong = ["x,1"] if number == TABLES // 2 else []
        (folder / f"t{number}.csv").write_text("\n".join(["a,b", *rows, *wrong, ""]), "utf-8")
        fields = [{"name": "a", "type": "integer"}, {"name": "b", "type": "number"}]
        resources.append({"name": f"t{number}", "path": f"t{number}.csv", "schema": {"fields": fields}})
    descriptor = {"name": "tables", "resources": resources}
    (folder / "datapackage.json").write_text(json.dumps(descriptor), "utf-8")
    return folder


def send(server: Server, folder: Path, version: int) -> None:
    publish(server.registry_url, folder, version=f"{version}.0.0", credentials=Credentials(*server.admin))


def made(data: Path, folder: Path) -> dict[int, Tables]:
    """What becomes of all versions where nobody is killed."""
    with running(data, *FLAGS, program=True) as server:
        for number in range(ROUNDS):
            send(server, folder, number)
        return {number: settled(server, number) for number in range(ROUNDS)}


def kill_children(server: Server, chance: random.Random) -> None:
    """One of its processes after the other, while the last version is made; the server goes on."""
    for _ in range(3):
        time.sleep(chance.uniform(0, 0.7))
        below = descendants(server.process.pid)
        if below:
            with suppress(ProcessLookupError):  # it has ended meanwhile
                os.kill(chance.choice(below), signal.SIGKILL)
    assert server.process.poll() is None


def descendants(pid: int) -> list[int]:
    """Those that it has started, and what those have."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):
            for child in map(int, task.read_text().split()):
                found += [child, *descendants(child)]
    return found


def listed(server: Server, version: int) -> Tables:
    """The tables, without the address of this server."""
    with urllib.request.urlopen(f"{server.registry_url}/-/parquet/tables/{version}.0.0") as response:
        tables = json.load(response)["tables"]
    for table in tables:
        table.pop("url", None)
    return list(tables)


def settled(server: Server, version: int) -> Tables:
    tables = listed(server, version)
    while any(table["state"] == "pending" for table in tables):
        time.sleep(0.1)
        tables = listed(server, version)
    assert [table["state"] for table in tables].count("failed") == 1
    return tables


def whole(server: Server, version: int) -> None:
    """Whatever is said to be ready is there, every byte of it."""
    for table in listed(server, version):
        if table["state"] == "ready":
            address = f"{server.registry_url}/-/parquet/tables/{version}.0.0/{table['resource']}.parquet"
            with urllib.request.urlopen(address) as response:
                assert "sha256:" + hashlib.sha256(response.read()).hexdigest() == table["hash"]
