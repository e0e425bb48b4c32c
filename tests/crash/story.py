"""What a registry was told and what it acknowledged, while it may die at any moment."""

import asyncio
import hashlib
import json
import queue
import random
import threading
import urllib.request
from pathlib import Path

import aiohttp

from couchreg.client import Credentials, Folder, Registry
from couchreg.client.errors import Unreachable
from tests.processes import Server

PUBLISHERS = 4
Files = dict[str, str]  # path -> SHA-256


def make_package(root: Path, number: int, chance: random.Random) -> Path:
    """A small package with a table, a larger binary file and one in a folder of its own."""
    folder = root / f"p{number}"
    (folder / "data").mkdir(parents=True)
    rows = "".join(f"{i},{chance.random()}\n" for i in range(chance.randrange(1, 200)))
    (folder / "data" / "rows.csv").write_text("id,value\n" + rows)
    (folder / "blob.bin").write_bytes(chance.randbytes(chance.randrange(200_000)))
    schema = {"fields": [{"name": "id", "type": "integer"}, {"name": "value", "type": "number"}]}
    rows_resource = {"name": "rows", "path": "data/rows.csv", "schema": schema}
    descriptor = {
        "name": f"p{number % 10}",
        "version": f"1.0.{number}",
        "title": f"unusual{number}",
        "resources": [rows_resource, {"name": "blob", "path": "blob.bin"}],
    }
    (folder / "datapackage.json").write_text(json.dumps(descriptor))
    return folder


class Story:
    """Packages published in threads until the server is gone."""

    def __init__(self, *, wait: bool = True) -> None:
        self._wait = wait  # for the end of each check; else what is promised counts as acknowledged
        self.told: dict[str, Folder] = {}  # "name@version" -> what was sent
        self.acknowledged: set[str] = set()
        self._lock = threading.Lock()

    def publish(self, server: Server, folders: list[Folder], enough: int) -> threading.Event:
        """Begin publishing; the event comes when `enough` are acknowledged, or none is left to try."""
        waiting: queue.SimpleQueue[Folder] = queue.SimpleQueue()
        for folder in folders:
            waiting.put(folder)
        reached, target = threading.Event(), len(self.acknowledged) + enough
        self._threads = [
            threading.Thread(target=lambda: asyncio.run(self._work(server, waiting, reached, target)))
            for _ in range(PUBLISHERS)
        ]
        for thread in self._threads:
            thread.start()
        return reached

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    async def _work(
        self, server: Server, waiting: "queue.SimpleQueue[Folder]", reached: threading.Event, target: int
    ) -> None:
        try:
            async with Registry(server.registry_url, Credentials(*server.admin)) as registry:
                while not waiting.empty():
                    await self._publish(registry, waiting.get_nowait(), reached, target)
        except (Unreachable, queue.Empty):
            return
        finally:
            if waiting.empty():
                reached.set()

    async def _publish(
        self, registry: Registry, folder: Folder, reached: threading.Event, target: int
    ) -> None:
        key = f"{folder.name}@{folder.version}"
        with self._lock:
            self.told[key] = folder
        await registry.publish(folder, wait=self._wait)
        with self._lock:
            self.acknowledged.add(key)
            if len(self.acknowledged) >= target:
                reached.set()


def visible(server: Server) -> set[str]:
    """Every version that the registry shows."""
    found: set[str] = set()
    for package in get_json(server, "/-/packages?limit=1000")["packages"]:
        versions = get_json(server, f"/-/versions/{package['name']}")["versions"]
        found |= {f"{package['name']}@{row['version']}" for row in versions}
    return found


def get(server: Server, path: str, login: tuple[str, str] | None = None) -> bytes:
    headers = {"Authorization": aiohttp.encode_basic_auth(*login)} if login else {}
    request = urllib.request.Request(server.registry_url + path, headers=headers)
    with urllib.request.urlopen(request, timeout=60) as response:
        data: bytes = response.read()
        return data


def get_json(
    server: Server, path: str, login: tuple[str, str] | None = None
) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = json.loads(get(server, path, login))
    return found


def faults(server: Server, key: str, folder: Folder) -> list[str]:
    """What is wrong with a version as it is served: each file has to be what was sent."""
    path = f"/{folder.name}/{folder.version}"
    found = [
        f"{key}: {file.path} has other bytes"
        for file in folder.files
        if sha256(get(server, f"{path}/{file.path}")) != sha256(file.source.read_bytes())
    ]
    kept = server.data_dir / "datastore" / folder.name / folder.version
    absent = [file.path for file in folder.files if not (kept / file.path).is_file()]
    return found + [f"{key}: {path} is not in the datastore" for path in absent]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
