"""Servers whose files lie in a bucket on moto's server, and what a test reads of them."""

import base64
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from couchreg.app import App
from couchreg.blobstore.s3.options import S3Options
from tests.conftest import ADMIN, ServerFactory
from tests.s3_servers import S3Server, new_bucket


def settings_of(options: S3Options) -> dict[str, Any]:
    """The server's settings for a bucket."""
    return {
        "blobstore": options.address,
        "s3_endpoint": options.endpoint,
        "s3_access_key_id": options.access_key,
        "s3_secret_access_key": options.secret_key,
    }


@pytest.fixture
async def bucket(moto_server: S3Server) -> S3Options:
    return await new_bucket(moto_server)


class Client:
    """An admin's HTTP client of one server."""

    def __init__(self, app: App, session: aiohttp.ClientSession) -> None:
        self.app = app
        self.session = session

    async def registry(self, method: str, path: str, value: Any = None) -> tuple[int, Any]:
        return await self._json(method, self.app.registry_url + path, value)

    async def couch(self, method: str, path: str, value: Any = None) -> tuple[int, Any]:
        return await self._json(method, self.app.couch_url + path, value)

    async def bytes(self, path: str) -> bytes:
        async with self.session.get(self.app.registry_url + path) as response:
            assert response.status == 200, await response.text()
            return await response.read()

    async def publish(self, name: str, version: str, data: bytes) -> tuple[int, Any]:
        return await self.registry("PUT", f"/{name}/{version}", package(name, data))

    async def everything(self) -> Any:
        """What the registry database holds, as a replicator would see it, without sequences."""
        _, changes = await self.couch("GET", "/registry/_changes?style=all_docs")
        found = {}
        for row in changes["results"]:
            for leaf in row["changes"]:
                path = f"/registry/{row['id']}?rev={leaf['rev']}&revs=true&attachments=true"
                found[row["id"], leaf["rev"]] = (await self.couch("GET", path))[1]
        return found

    async def _json(self, method: str, url: str, value: Any) -> tuple[int, Any]:
        async with self.session.request(
            method, url, json=value, headers={"Accept": "application/json"}
        ) as response:
            return response.status, json.loads(await response.read())


def package(name: str, data: bytes) -> dict[str, Any]:
    """A descriptor with one table in it."""
    file = {"content_type": "text/csv", "data": base64.b64encode(data).decode()}
    resources = [{"name": "table", "path": "data/table.csv"}]
    return {"name": name, "title": name, "resources": resources, "_attachments": {"data/table.csv": file}}


Connect = Callable[[App], Client]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    async with aiohttp.ClientSession(headers={"Authorization": aiohttp.encode_basic_auth(*ADMIN)}) as session:
        yield lambda app: Client(app, session)


Restarted = Callable[..., Awaitable[App]]


@pytest.fixture
def lose(tmp_path: Path) -> Callable[[], None]:
    """Lose everything a server has on this machine."""
    return lambda: shutil.rmtree(tmp_path / "data")


__all__ = ["ServerFactory"]
