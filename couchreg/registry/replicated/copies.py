"""Copies of another registry's packages: stored as they are there, once their bytes are what they should be.

Nobody is asked who may: a mirror has what its source has. But no version comes in with a file whose size or
hash is not the one that its descriptor, or the registry that published it, states.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from couchreg.docstore.base import Attachment, Database, Edit, Updated
from couchreg.errors import Forbidden
from couchreg.model.user import SYSTEM
from couchreg.package.descriptor import OWN, Descriptor, descriptor_of, resources_of
from couchreg.package.names import package_of, split_version_id
from couchreg.registry.changing.packages import Packages
from couchreg.registry.changing.unpublish import Unpublisher
from couchreg.registry.publishing.intake import Intake, content_type_of
from couchreg.registry.publishing.publish import Publisher
from couchreg.registry.publishing.threads import whole
from couchreg.registry.replicated.incoming import refusing
from couchreg.registry.replicated.shapes import check_files, demand, descends

ASKERS = ("mirror",)  # whose turn it is to have files hashed

Coming = tuple[str, str, int, AsyncIterator[bytes]]  # name, content type, revpos, plain bytes


class MirrorCopies:
    """Keeps documents of another registry, bodies and files."""

    def __init__(
        self,
        database: Database,
        packages: Packages,
        publisher: Publisher,
        unpublisher: Unpublisher,
        intake: Callable[[], Intake],
    ) -> None:
        self._database = database
        self._packages = packages
        self._publisher = publisher
        self._unpublisher = unpublisher
        self._intake = intake

    package_of = staticmethod(package_of)

    async def keep(self, edit: Edit, files: Sequence[Coming]) -> None:
        """Store a document and, of a version, its files. Raises Forbidden for what is not as it should be,
        what reading the files raises, and Unavailable."""
        found = split_version_id(edit.id)
        if found is None:
            (await self._database.update([edit], new_edits=False, user=SYSTEM)).check()
        elif edit.deleted:
            await self._bury(edit, found[0])
        else:
            await self._store(edit, *found, files)

    async def _bury(self, edit: Edit, name: str) -> None:
        async with self._packages.locks.hold(name):
            [row] = await self._database.winners([edit.id], bodies=False)
            if row is not None and not row.deleted and descends(edit, row.rev):
                await self._unpublisher.bury(edit, SYSTEM)
            else:
                (await self._database.update([edit], new_edits=False, user=SYSTEM)).check()

    async def _store(self, edit: Edit, name: str, version: str, files: Sequence[Coming]) -> None:
        check_files([file[0] for file in files])
        positions = {file: revpos for file, _, revpos, _ in files}
        async with self._intake() as intake:
            for path, content_type, _, chunks in files:
                with refusing():
                    content_type_of("file", content_type)
                await intake.receive(path, content_type, chunks)
                intake.files[path] = intake.files[path]._replace(content_type=content_type)
            await self._verify(edit, name, version, intake)
            async with self._packages.locks.hold(name):
                write = partial(self._write, edit, positions)
                await whole(self._publisher.store(edit.id, intake, write))

    async def _verify(self, edit: Edit, name: str, version: str, intake: Intake) -> None:
        """Sizes and hashes as the descriptor states them, and the hashes that were published."""
        members = descriptor_of(edit.body)
        descriptor = Descriptor(name, version, members, resources_of(members))
        with refusing():
            await self._publisher.completed(descriptor, intake, ASKERS)
        own = edit.body.get(OWN)
        stated = own.get("hashes") if isinstance(own, dict) else None
        for path, expected in stated.items() if isinstance(stated, dict) else ():
            _check_hash(path, expected, {key: file.spooled.sha256 for key, file in intake.files.items()})

    async def _write(
        self, edit: Edit, positions: Mapping[str, int], attached: Sequence[Attachment]
    ) -> Updated:
        files = [msgspec.structs.replace(file, revpos=positions[file.name]) for file in attached]
        return await self._updated(msgspec.structs.replace(edit, attachments=tuple(files)))

    async def _updated(self, edit: Edit) -> Updated:
        written = await self._database.update([edit], new_edits=False, user=SYSTEM)
        written.check()
        return written


def _check_hash(path: str, expected: Any, found: Mapping[str, str]) -> None:
    """Raises Forbidden."""
    demand(path in found, f"The file {path!r} is not there, which was published.")
    if expected != f"sha256:{found[path]}":
        raise Forbidden(f"The file {path!r} has other bytes than were published: sha256:{found[path]}.")
