"""Yanking: `latest`, tags and ranges choose a version no more, which is read under its own name as before.

For what turned out to be wrong and others may rely on already: who has pinned it keeps it, with a warning,
and nobody else comes to it. Reasons stand in the package's document as `yanked`, version -> reason.

Source: https://peps.python.org/pep-0592/.
"""

from typing import Any

from couchreg.errors import NotFound
from couchreg.journal.asking import record
from couchreg.model.user import User
from couchreg.package.standing import YANKED, Standing
from couchreg.registry.changing.deprecation import check_message
from couchreg.registry.changing.packages import Packages
from couchreg.registry.reading.catalog import Catalog
from couchreg.registry.reading.standing import drop_empty, texts_to_change


class Yanks:
    """The yanked versions of packages."""

    def __init__(self, catalog: Catalog, packages: Packages) -> None:
        self._catalog = catalog
        self._packages = packages

    async def of(self, name: str) -> dict[str, str]:
        """Version -> reason. Raises NotFound for an unknown package."""
        await self._catalog.known_versions(name)
        return (await self._catalog.standing(name)).texts(YANKED)

    async def yank(self, name: str, version: str, reason: str, user: User) -> dict[str, str]:
        """Offer one version no more; all reasons afterwards. Raises BadRequest, NotFound, Forbidden."""
        check_message(reason)
        if version not in await self._catalog.known_versions(name):
            raise NotFound(f"{name!r} has no version {version[:200]!r}.")

        def change(members: dict[str, Any]) -> None:
            texts_to_change(members, YANKED)[version] = reason

        package = await self._packages.change(name, user, change)
        record("yank", package=name, version=version, by=user.name)
        return Standing(package.members).texts(YANKED)

    async def unyank(self, name: str, version: str, user: User) -> dict[str, str]:
        """Offer it again. Raises NotFound when it is not yanked, Forbidden."""
        await self._catalog.known_versions(name)

        def change(members: dict[str, Any]) -> None:
            if texts_to_change(members, YANKED).pop(version, None) is None:
                raise NotFound(f"{name}@{version[:200]} is not yanked.")
            drop_empty(members, YANKED)

        package = await self._packages.change(name, user, change)
        record("unyank", package=name, version=version, by=user.name)
        return Standing(package.members).texts(YANKED)
