"""A registry with packages in it, and programs that read from it."""

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from couchreg import Client
from tests.processes import ADMIN, Server, running

PACKAGES = Path(__file__).parents[1] / "data" / "packages"


def write_package(folder: Path, version: str, files: dict[str, str], **members: Any) -> Path:
    """A package named like its folder: a resource for each file, named like the file without its suffix."""
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    resources = [{"name": Path(path).stem, "path": path} for path in files]
    descriptor = {"name": folder.name, "version": version, "resources": resources, **members}
    (folder / "datapackage.json").write_text(json.dumps(descriptor))
    return folder


def eventually(ask: Callable[[], list[Any]]) -> list[Any]:
    """The search index follows what is published."""
    for _ in range(200):
        if found := ask():
            return found
        time.sleep(0.05)
    raise AssertionError("nothing is found")


def made(registry: str, name: str, version: str) -> None:
    """Return when the tables of a version can be asked."""
    while True:
        with urllib.request.urlopen(f"{registry}/-/parquet/{name}/{version}") as answer:
            if all(table["state"] == "ready" for table in json.load(answer)["tables"]):
                return
        time.sleep(0.05)


@pytest.fixture(scope="package")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("client") / "data", "--analytics", "on") as started:
        with Client(started.registry_url, user=ADMIN[0], password=ADMIN[1]) as client:
            client.publish(PACKAGES / "gdp")
            made(started.registry_url, "gdp", "2026")
        yield started


@pytest.fixture
def client(live: Server) -> Iterator[Client]:
    with Client(live.registry_url, user=ADMIN[0], password=ADMIN[1]) as opened:
        yield opened


@pytest.fixture(autouse=True)
def settings(live: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As a person has them who uses this registry and has not logged in."""
    monkeypatch.setenv("COUCHREG_REGISTRY", live.registry_url)
    monkeypatch.setenv("COUCHREG_CONFIG", str(tmp_path / "no-config.toml"))
    for name in ("USER", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"COUCHREG_{name}", raising=False)
