"""Deprecation: a message that a version, or the whole package, should not be used any more.

Messages stand in the package's document as `deprecated`, version -> message, with `*` for every
version there is and will be. Nothing else changes: what is deprecated can be read as before.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from couchreg.errors import BadRequest, NotFound
from couchreg.journal.asking import record
from couchreg.model.user import User
from couchreg.package.standing import DEPRECATED, EVERY, Standing
from couchreg.package.versions import satisfies
from couchreg.registry.changing.packages import Change, Packages
from couchreg.registry.reading.catalog import Catalog
from couchreg.registry.reading.standing import drop_empty, texts_to_change

LONGEST = 1000  # characters of a message


class Deprecations:
    """The messages of packages."""

    def __init__(self, catalog: Catalog, packages: Packages) -> None:
        self._catalog = catalog
        self._packages = packages

    async def of(self, name: str) -> dict[str, str]:
        """Version (`*`: every) -> message. Raises NotFound for an unknown package."""
        await self._catalog.known_versions(name)
        return (await self._catalog.standing(name)).texts(DEPRECATED)

    async def deprecate(
        self, name: str, message: str, user: User, *, version: str | None = None, wanted: str | None = None
    ) -> dict[str, str]:
        """Deprecate one version, those that are in the range `wanted` now, or (neither given) the
        package; all messages afterwards. Raises BadRequest, NotFound, Forbidden."""
        check_message(message)
        meant = await self._meant(name, version, wanted)

        def change(members: dict[str, Any]) -> None:
            messages = texts_to_change(members, DEPRECATED)
            messages.update(dict.fromkeys(meant, message))

        return await self._changed("deprecate", name, user, change, meant)

    async def undeprecate(
        self, name: str, user: User, *, version: str | None = None, wanted: str | None = None
    ) -> dict[str, str]:
        """Take messages back, as they were given. Raises NotFound when there is none to take back."""
        meant = await self._meant(name, version, wanted)

        def change(members: dict[str, Any]) -> None:
            messages = texts_to_change(members, DEPRECATED)
            if not _pop(messages, meant):
                raise NotFound(f"Nothing like that is deprecated in {name!r}.")
            drop_empty(members, DEPRECATED)

        return await self._changed("undeprecate", name, user, change, meant)

    async def _changed(
        self, action: str, name: str, user: User, change: Change, meant: Sequence[str]
    ) -> dict[str, str]:
        package = await self._packages.change(name, user, change)
        record(action, package=name, versions=meant, by=user.name)
        return Standing(package.members).texts(DEPRECATED)

    async def _meant(self, name: str, version: str | None, wanted: str | None) -> list[str]:
        versions = await self._catalog.known_versions(name)
        if version is not None:
            if version not in versions:
                raise NotFound(f"{name!r} has no version {version[:200]!r}.")
            return [version]
        if wanted is None:
            return [EVERY]
        found = [item for item in versions if satisfies(item, wanted)]
        if not found:
            raise NotFound(f"{name!r} has no version in the range {wanted[:200]!r}.")
        return found


def check_message(message: str) -> None:
    """Raises BadRequest for one that says nothing, or too much."""
    if not message.strip() or len(message) > LONGEST:
        raise BadRequest(f"Give a message of 1 to {LONGEST} characters: why, and what to use instead.")


def _pop(messages: dict[str, Any], meant: Iterable[str]) -> bool:
    found = [messages.pop(version, None) for version in meant]
    return any(message is not None for message in found)
