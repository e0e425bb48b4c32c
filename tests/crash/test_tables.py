"""A server killed at random moments while tables are made: each ends as it would have, none is served in
part.

`COUCHREG_CRASH_ROUNDS=20` kills so many times; without it once.
"""

import hashlib
import json
import os
import random
import time
import urllib.request
from pathlib import Path
from typing import Any

from couchreg.client import Credentials, publish
from tests.processes import Server, running

ROUNDS = int(os.environ.get("COUCHREG_CRASH_ROUNDS", "1"))
TABLES = 8
FLAGS = ("--analytics", "on", "--validation", "off")


def test_every_table_ends_as_it_would_have(tmp_path: Path) -> None:
    chance = random.Random(int(os.environ.get("COUCHREG_TEST_SEED", random.randrange(1 << 32))))
    folder = package(tmp_path / "package", chance)
    undisturbed = made(tmp_path / "undisturbed", folder)
    with running(tmp_path / "data", *FLAGS) as server:
        publish(server.registry_url, folder, credentials=Credentials(*server.admin))
        time.sleep(chance.uniform(0, 2))  # the moment of the crash
        server.kill()
    for _ in range(ROUNDS - 1):
        with running(tmp_path / "data", *FLAGS) as server:
            whole(server)
            time.sleep(chance.uniform(0, 2))
            server.kill()
    with running(tmp_path / "data", *FLAGS) as server:
        assert settled(server) == undisturbed
        whole(server)
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
    descriptor = {"name": "tables", "version": "1", "resources": resources}
    (folder / "datapackage.json").write_text(json.dumps(descriptor), "utf-8")
    return folder


def made(data: Path, folder: Path) -> list[dict[str, Any]]:
    with running(data, *FLAGS) as server:
        publish(server.registry_url, folder, credentials=Credentials(*server.admin))
        return settled(server)


def listed(server: Server) -> list[dict[str, Any]]:
    """The tables, without the address of this server."""
    with urllib.request.urlopen(f"{server.registry_url}/-/parquet/tables/1") as response:
        tables = json.load(response)["tables"]
    for table in tables:
        table.pop("url", None)
    return list(tables)


def settled(server: Server) -> list[dict[str, Any]]:
    tables = listed(server)
    while any(table["state"] == "pending" for table in tables):
        time.sleep(0.1)
        tables = listed(server)
    assert [table["state"] for table in tables].count("failed") == 1
    return tables


def whole(server: Server) -> None:
    """Whatever is said to be ready is there, every byte of it."""
    for table in listed(server):
        if table["state"] == "ready":
            address = f"{server.registry_url}/-/parquet/tables/1/{table['resource']}.parquet"
            with urllib.request.urlopen(address) as response:
                assert "sha256:" + hashlib.sha256(response.read()).hexdigest() == table["hash"]
