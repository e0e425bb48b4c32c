"""Dist-tags: names that owners give to versions of a package, kept in its document as `dist-tags`.

`latest` is the highest version unless it is set; removing it goes back to that.

Source: https://docs.npmjs.com/cli/commands/npm-dist-tag.
"""

import re
from typing import Any

from couchreg.errors import BadRequest, NotFound
from couchreg.journal.asking import record
from couchreg.model.user import User
from couchreg.package.names import RESERVED
from couchreg.package.standing import TAGS, Standing
from couchreg.package.versions import LATEST, satisfies
from couchreg.registry.changing.packages import Packages
from couchreg.registry.reading.catalog import Catalog
from couchreg.registry.reading.standing import drop_empty, texts_to_change

MOST = 100  # tags of one package
_TAG = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,99}")


class Tags:
    """The dist-tags of packages."""

    def __init__(self, catalog: Catalog, packages: Packages) -> None:
        self._catalog = catalog
        self._packages = packages

    async def of(self, name: str) -> dict[str, str]:
        """Tag -> version. Raises NotFound for an unknown package."""
        versions = await self._catalog.known_versions(name)
        return (await self._catalog.standing(name)).tags(versions)

    async def set(self, name: str, tag: str, version: str, user: User) -> dict[str, str]:
        """Let `tag` lead to `version`; all tags afterwards. Raises BadRequest, NotFound, Forbidden."""
        versions = await self._catalog.known_versions(name)
        check_tag(tag)
        if tag in versions:
            raise BadRequest(f"{tag!r} is a version of {name!r}, so it cannot be a tag.")
        if version not in versions:
            raise NotFound(f"{name!r} has no version {version[:200]!r}.")
        if (await self._catalog.standing(name)).yanked(version) is not None:
            raise BadRequest(f"{name}@{version} is yanked, so no tag can lead to it: undo that first.")

        def change(members: dict[str, Any]) -> None:
            tags = texts_to_change(members, TAGS)
            if tag not in tags and len(tags) >= MOST:
                raise BadRequest(f"A package may have at most {MOST} tags.")
            tags[tag] = version

        package = await self._packages.change(name, user, change)
        record("tag.set", package=name, tag=tag, version=version, by=user.name)
        return Standing(package.members).tags(versions)

    async def remove(self, name: str, tag: str, user: User) -> dict[str, str]:
        """Forget a tag; all tags afterwards. Raises NotFound, Forbidden."""
        versions = await self._catalog.known_versions(name)

        def change(members: dict[str, Any]) -> None:
            if texts_to_change(members, TAGS).pop(tag, None) is None:
                what = "computed unless it is set" if tag == LATEST else "not one of its tags"
                raise NotFound(f"{tag[:100]!r} of {name!r} cannot be removed: it is {what}.")
            drop_empty(members, TAGS)

        package = await self._packages.change(name, user, change)
        record("tag.remove", package=name, tag=tag, by=user.name)
        return Standing(package.members).tags(versions)


def check_tag(tag: str) -> None:
    """Raises BadRequest for what could be taken for a version, a range or a route."""
    if not _TAG.fullmatch(tag) or (tag in RESERVED and tag != LATEST) or _is_range(tag):
        raise BadRequest(
            f"A tag cannot be {tag[:100]!r}: use letters, digits, '.', '_' and '-', begin with a letter, "
            "and let it not look like a version or a range of versions."
        )


def _is_range(tag: str) -> bool:
    try:
        satisfies("0.0.0", tag)
    except BadRequest:
        return False
    return True
