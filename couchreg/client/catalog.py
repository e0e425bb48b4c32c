"""What is said of the versions of a package: their history, dist-tags, deprecation, yanks, differences.

Each method raises ClientError.
"""

from collections.abc import AsyncIterator
from typing import Any

from yarl import URL

from couchreg.client.address import read_name
from couchreg.client.errors import not_a_registry
from couchreg.client.transport import Transport

Members = dict[str, Any]


class ClientCatalog:
    """The packages of one registry, from outside."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def packages(self) -> AsyncIterator[Members]:
        """All packages, the newest first: `{name, latest, versions, title, …}`."""
        query: dict[str, str] | None = {"limit": "200"}
        while query is not None:
            found = await self._object("GET", "-", "packages", query=query)
            for package in self._transport.stated(found, "packages", list):
                yield package
            more = found.get("next")
            query = dict(URL(more).query) if isinstance(more, str) else None

    async def versions(self, name: str) -> list[Members]:
        """The highest first: `{version, published, publisher, bytes, files, hash, tags, deprecated, yanked,
        url}`."""
        found = await self._object("GET", "-", "versions", read_name(name))
        return self._transport.stated(found, "versions", list)

    async def dependents(self, name: str) -> list[Members]:
        """Packages whose latest version depends on this one: `{name, version, title, url}`, 200 at most."""
        found = await self._object("GET", "-", "dependents", read_name(name), query={"limit": "200"})
        return self._transport.stated(found, "dependents", list)

    async def downloads(self, name: str) -> int:
        """How often files of it were fetched in the last 30 days."""
        found = await self._object("GET", "-", "downloads", read_name(name))
        return self._transport.stated(found, "total", int)

    async def tags(self, name: str) -> Members:
        """Dist-tag -> version."""
        return self._transport.stated_words(await self._object("GET", "-", "dist-tags", read_name(name)))

    async def set_tag(self, name: str, tag: str, version: str) -> Members:
        """The tags afterwards."""
        return await self._object("PUT", "-", "dist-tags", name, tag, value={"version": version})

    async def remove_tag(self, name: str, tag: str) -> Members:
        """The tags afterwards."""
        return await self._object("DELETE", "-", "dist-tags", read_name(name), tag)

    async def deprecate(self, name: str, wanted: str | None, message: str) -> Members:
        """Deprecate a version, those in a range now, or (None) the package; all messages afterwards."""
        segments, query = await self._meant(name, wanted)
        return await self._object("PUT", *segments, query=query, value={"message": message})

    async def undeprecate(self, name: str, wanted: str | None) -> Members:
        """Take it back; all messages that are left, by version."""
        segments, query = await self._meant(name, wanted)
        return await self._object("DELETE", *segments, query=query)

    async def yank(self, name: str, version: str, reason: str) -> Members:
        """Offer a version no more to who has not pinned it; all reasons afterwards, by version."""
        return await self._object("PUT", "-", "yanked", name, version, value={"message": reason})

    async def unyank(self, name: str, version: str) -> Members:
        """Offer it again; all reasons that are left, by version."""
        return await self._object("DELETE", "-", "yanked", name, version)

    async def _meant(self, name: str, wanted: str | None) -> tuple[list[str], dict[str, str]]:
        """`1.x` may be a version or a range: it is a version where there is such a one."""
        path = ["-", "deprecated", name]
        if wanted is None:
            return path, {}
        known = {str(row.get("version")) for row in await self.versions(name)}
        return ([*path, wanted], {}) if wanted in known else (path, {"range": wanted})

    async def diff(self, name: str, old: str, new: str) -> Members:
        """`{name, old, new, descriptor, resources}`: what changed between two versions."""
        return await self._object("GET", "-", "diff", name, old, new)

    async def _object(
        self, method: str, *segments: str, query: dict[str, str] | None = None, value: Any = None
    ) -> Members:
        url = self._transport.address(*segments, query=query)
        found = await self._transport.send(method, url, value)
        if not isinstance(found, dict):
            raise not_a_registry(self._transport.url)
        return found
