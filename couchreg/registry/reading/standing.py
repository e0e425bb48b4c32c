"""What a package's document says of its versions: which tags lead to them, which are deprecated. Read only.

The document may have come by replication, so nothing is believed about the types of its members. It is
changed through `packages.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from couchreg.docstore.base import Database, Row
from couchreg.model.versions import LATEST, latest

TAGS, DEPRECATED, EVERY = "dist-tags", "deprecated", "*"


@dataclass(frozen=True, slots=True)
class Standing:
    """The members of a package's document; none when it has no document."""

    document: Mapping[str, Any] = field(default_factory=dict)

    def texts(self, member: str) -> dict[str, str]:
        """A member that maps texts to texts; what has another shape is not there."""
        found = self.document.get(member)
        pairs = found.items() if isinstance(found, dict) else ()
        return {key: value for key, value in pairs if isinstance(value, str)}

    def tags(self, versions: Sequence[str]) -> dict[str, str]:
        """Tag -> version, of those that lead to one of `versions`; `latest` is always among them."""
        known = set(versions)
        found = {tag: version for tag, version in self.texts(TAGS).items() if version in known}
        return {LATEST: latest(versions), **found} if versions else {}

    def deprecated(self, version: str) -> str | None:
        """Why a version should not be used any more: its own message, else the one for all versions."""
        messages = self.texts(DEPRECATED)
        return messages.get(version, messages.get(EVERY))


async def standings(database: Database, names: Sequence[str]) -> list[Standing]:
    """What is said of packages, in order."""
    return [_of(row) for row in await database.winners(names, bodies=True)]


def _of(row: Row | None) -> Standing:
    if row is None or row.deleted:
        return Standing()
    return Standing(row.body)


def texts_to_change(members: dict[str, Any], member: str) -> dict[str, Any]:
    """A member that maps texts, put there when it is absent or has another shape."""
    found = members.get(member)
    if not isinstance(found, dict):
        found = members[member] = {}
    return found


def drop_empty(members: dict[str, Any], member: str) -> None:
    if not members.get(member, True):
        del members[member]
