"""Deletions of versions that come by replication: what was published is remembered, its bytes go.

Whoever deletes with a tool that knows no registry sends a deletion that says nothing. Then the registry
writes one of its own upon it, so that the version never comes back with other content.
"""

from typing import Any

import msgspec

from couchreg.docstore.base import Database, Edit, Row
from couchreg.errors import BadRequest
from couchreg.journal.asking import record
from couchreg.model import json
from couchreg.model.revid import revision_id
from couchreg.model.user import User
from couchreg.package.descriptor import OWN
from couchreg.package.moments import moment_text, utc_now
from couchreg.package.names import split_version_id
from couchreg.registry.changing.packages import Packages
from couchreg.registry.changing.tombstones import tombstone
from couchreg.registry.changing.unpublish import Unpublisher
from couchreg.registry.publishing.publish import Confirm
from couchreg.registry.reading.catalog import Version
from couchreg.registry.replicated.shapes import demand, descends

LARGEST = 4 << 20  # bytes of what a deletion says; paths and hashes of 20,000 files
_REMEMBERED = ("hashes", "descriptor")


class Deletions:
    """Stores deletions of versions."""

    def __init__(self, database: Database, packages: Packages, unpublisher: Unpublisher) -> None:
        self._database = database
        self._packages = packages
        self._unpublisher = unpublisher

    async def write(self, edit: Edit, user: User, confirm: Confirm) -> None:
        """Raises Forbidden, BadRequest, Unavailable; and what `confirm` raises."""
        found = split_version_id(edit.id)
        if found is None:
            raise BadRequest("The id of a document is a package, or package@version.")
        name, version = found
        demand(len(json.encode(edit.body)) <= LARGEST, f"A deletion may have at most {LARGEST} bytes.")
        async with self._packages.locks.hold(name):
            package = await self._packages.allow_publishing(name, user)
            demand(package is not None, f"There is no package {name!r} here of which a version could go.")
            assert package is not None
            self._packages.require(package, user)  # who may only publish deletes nothing
            [row] = await self._database.winners([edit.id], bodies=True)
            if row is not None and row.deleted:
                kept = _memory(row.body)
                demand(kept is None or kept == _memory(edit.body), f"{edit.id} has been deleted already.")
            await confirm()
            if row is None or row.deleted:
                (await self._database.update([edit], new_edits=False, user=user)).check()
            else:
                demand(descends(edit, row.rev), f"{edit.id} is deleted in another revision than it has here.")
                await self._unpublisher.bury(_remembering(edit, name, version, row, user), user)
                await self._unpublisher.forget_tags(name, [version], user)
        record("unpublish", package=name, versions=[version], by=user.name)


def _memory(body: dict[str, Any]) -> list[Any] | None:
    own = body.get(OWN)
    found = [own.get(member) for member in _REMEMBERED] if isinstance(own, dict) else []
    return found if all(found) else None


def _remembering(edit: Edit, name: str, version: str, row: Row, user: User) -> Edit:
    """The deletion as it came where it says what is to be remembered, else ours upon it."""
    there = Version(name, version, row.rev, row.body, row.attachments)
    body = tombstone(there, at=moment_text(utc_now()), by=user.name)
    if _memory(edit.body) == _memory(body):
        return edit
    rev = revision_id(deleted=True, parent=edit.rev, body=body, attachments=())
    history = (rev.partition("-")[2], *edit.history)
    return msgspec.structs.replace(edit, rev=rev, body=body, history=history)
