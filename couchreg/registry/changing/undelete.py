"""Bringing deleted versions back, as long as they are kept: same document, same files, a new revision.

Its number, its hashes and its publisher are as they were, and who had pinned it gets the same bytes again.
What the package's document said of it is said again, unless something else is said there by now. Who has
come to own the package since does not see what others took away: that is for those who owned it then.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.attachments.upload import Upload
from couchreg.docstore.base import Attachment, Database, Edit, Row
from couchreg.errors import Conflict, CouchregError, DigestMismatch, Forbidden, NotFound
from couchreg.journal.asking import record
from couchreg.model.user import User
from couchreg.package.descriptor import descriptor_of
from couchreg.package.names import check_package_name, check_version, version_id
from couchreg.package.standing import DEPRECATED, TAGS, YANKED
from couchreg.package.versions import sort_versions
from couchreg.registry.changing.packages import Packages
from couchreg.registry.changing.settling import Settled, bounded
from couchreg.registry.changing.tombstones import may_return
from couchreg.registry.changing.trash import Kept, Trash, spooled_of
from couchreg.registry.reading.standing import drop_empty, texts_to_change

log = logging.getLogger(__name__)

Room = Callable[[Mapping[str, Any], int, User], AbstractAsyncContextManager[None]]  # of a document, its bytes


class Undeleter:
    """Brings back to one `registry` database what is kept in `trash`.

    `room` is held while one is written, and refuses what its publisher has no room for. `settled` is awaited
    with a sequence before a version counts as brought back, as for publishing.
    """

    def __init__(
        self,
        database: Database,
        attachments: Attachments,
        packages: Packages,
        trash: Trash,
        *,
        room: Room,
        settled: Settled | None = None,
    ) -> None:
        self._room = room
        self._database = database
        self._attachments = attachments
        self._packages = packages
        self._trash = trash
        self._settled = bounded(settled)

    async def undelete(self, name: str, version: str | None, user: User) -> list[str]:
        """Bring a version back, or with None all that this user may have back; these, from oldest to latest.

        Raises BadRequest, NotFound for what is not kept, Conflict for what is there, Forbidden also for what
        was deleted before this one owned the package, TooLarge
        where whoever published it has no room for it, Unavailable.
        """
        check_package_name(name)
        if version is not None:
            check_version(version)
        async with self._packages.locks.hold(name):
            self._packages.require(await self._packages.get(name), user)
            wanted = [version] if version is not None else await self._theirs(name, user)
            for item in wanted:
                await self._restore(name, item, user)
                record("undelete", package=name, version=item, by=user.name)
                await self._trash.clear(name, item)
        return wanted

    async def _deleted(self, name: str) -> list[str]:
        """The versions of a package that are kept and are not there again."""
        versions = sort_versions(await self._trash.versions(name))
        rows = await self._database.winners([version_id(name, item) for item in versions], bodies=False)
        return [item for item, row in zip(versions, rows, strict=True) if row is None or row.deleted]

    async def _theirs(self, name: str, user: User) -> list[str]:
        """Those of them that this user may have back. Raises NotFound where nothing is kept, Forbidden where
        all that is was deleted before this one owned the package."""
        found: list[str] = []
        refused: CouchregError = _not_kept(name)
        for item in await self._deleted(name):
            try:
                await self._kept(name, item, user)
                found.append(item)
            except Forbidden as error:
                refused = error
            except NotFound as error:  # it was purged, or its time ends in this moment
                log.info("Not brought back: %s", error.reason)
        if not found:
            raise refused
        return found

    async def _kept(self, name: str, version: str, user: User) -> Kept:
        """What comes back. Raises Conflict, NotFound and Forbidden as `undelete`."""
        doc_id = version_id(name, version)
        [row] = await self._database.winners([doc_id], bodies=True)
        if row is not None and not row.deleted:
            raise Conflict(f"{doc_id} is there: nothing has to be brought back.")
        kept = await self._trash.find(name, version)
        if kept is None or not _is_it(kept.edit, row):
            raise _not_kept(doc_id)
        if not user.is_admin and user.name not in kept.owners:
            raise Forbidden(
                f"{doc_id} was deleted before you owned this package: it can be brought back by an owner of "
                "that time, if they still are, or by an administrator."
            )
        return kept

    async def _restore(self, name: str, version: str, user: User) -> None:
        """What was said of a version is said again first: one that was yanked is never offered."""
        doc_id, kept = version_id(name, version), await self._kept(name, version, user)
        size = sum(file.length for file in _files(kept.edit))
        async with (
            self._room(kept.edit.body, size, user),
            self._attachments.upload(self._database.name) as upload,
        ):
            await self._say_again(name, version, kept.said, user)
            try:
                files = await self._stored(upload, kept)
            except (NotFound, DigestMismatch):  # its time ended in this moment
                raise _not_kept(doc_id) from None
            edit = Edit(doc_id, None, False, kept.edit.body, tuple(files))
            written = await self._database.update([edit], new_edits=True, user=user)
            written.check()
        await self._settled(written.seq)

    async def _stored(self, upload: Upload, kept: Kept) -> list[Attachment]:
        return [
            await upload.store(
                kept.edit.id,
                file.name,
                file.content_type,
                spooled_of(file, f"{kept.folder}{place}"),
                encoding=file.encoding,
                identity_length=file.length,
            )
            for place, file in enumerate(_files(kept.edit))
        ]

    async def _say_again(self, name: str, version: str, said: Mapping[str, Any], user: User) -> None:
        """Tags that lead nowhere now lead to it again; and why it is deprecated or yanked."""

        def change(members: dict[str, Any]) -> None:
            tags = texts_to_change(members, TAGS)
            for tag in said.get(TAGS, ()):
                tags.setdefault(tag, version)
            for member in (DEPRECATED, YANKED):
                if isinstance(said.get(member), str):
                    texts_to_change(members, member).setdefault(version, said[member])
            drop_empty(members, TAGS)

        await self._packages.change_held(name, user, change)


def _files(edit: Edit) -> Sequence[Attachment]:
    return [file for file in edit.attachments if isinstance(file, Attachment)]


def _is_it(edit: Edit, row: Row | None) -> bool:
    """Whether what is kept is what the database remembers as deleted."""
    if row is None:
        return False  # it was purged, which an administrator means
    if not row.members:
        return True
    return may_return(row.body, descriptor_of(edit.body), {file.name: file.sha256 for file in _files(edit)})


def _not_kept(what: str) -> NotFound:
    return NotFound(
        f"Nothing of {what[:400]!r} can be brought back: it was not deleted here, or has gone for good since."
    )
