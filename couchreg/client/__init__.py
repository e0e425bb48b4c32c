"""The registry's client: publish a folder, install a package, search and look up.

`Registry` is the asynchronous core; `publish`, `install`, `search` and `info` are the same for programs
without an event loop of their own. Owns no state but the folder it is told to read or write, the cache and
the lock file. Does not own printing, prompting and configuration. Comes in: `cli`, and programs of others.

    from couchreg.client import Credentials, publish
    publish("http://127.0.0.1:8000", "gdp", credentials=Credentials("admin", "…"))  # or Token("…")
"""

import asyncio
from pathlib import Path
from typing import Any

from couchreg.client.errors import ClientError
from couchreg.client.folder import Folder
from couchreg.client.install import Installed
from couchreg.client.registry import Published, Registry
from couchreg.client.transport import Credentials, Login, Progress, Token

__all__ = [
    "ClientError",
    "Credentials",
    "Folder",
    "Installed",
    "Progress",
    "Published",
    "Registry",
    "Token",
    "info",
    "install",
    "publish",
    "search",
]


def publish(
    url: str, folder: Path | str, *, version: str | None = None, credentials: Login | None = None
) -> Published:
    """Publish a data package folder. Raises ClientError."""

    async def run() -> Published:
        package = Folder.read(Path(folder), version)
        async with Registry(url, credentials) as registry:
            return await registry.publish(package)

    return asyncio.run(run())


def install(
    url: str,
    name: str,
    folder: Path | str | None = None,
    *,
    version: str | None = None,
    credentials: Login | None = None,
) -> Installed:
    """Write a published package into `folder` (by default one of its name). Raises ClientError."""

    async def run() -> Installed:
        async with Registry(url, credentials) as registry:
            return await registry.install(name, version, Path(folder or name))

    return asyncio.run(run())


def search(url: str, words: list[str], *, credentials: Login | None = None) -> list[dict[str, Any]]:
    """The packages that match all words, best first. Raises ClientError."""

    async def run() -> list[dict[str, Any]]:
        async with Registry(url, credentials) as registry:
            return await registry.search(words)

    return asyncio.run(run())


def info(
    url: str, name: str, version: str | None = None, *, credentials: Login | None = None
) -> dict[str, Any]:
    """The descriptor of a published version (by default the latest). Raises ClientError."""

    async def run() -> dict[str, Any]:
        async with Registry(url, credentials) as registry:
            return await registry.info(name, version)

    return asyncio.run(run())
