"""Reads what packages' documents say of their versions. They are changed through `changing/packages.py`."""

from collections.abc import Sequence
from typing import Any

from couchreg.docstore.base import Database, Row
from couchreg.package.standing import Standing


async def standings(database: Database, names: Sequence[str]) -> list[Standing]:
    """What is said of packages, in order."""
    return [standing_of(row) for row in await database.winners(names, bodies=True)]


def standing_of(row: Row | None) -> Standing:
    """What a package's document, or its absence, says."""
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
