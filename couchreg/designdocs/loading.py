"""Design documents that a server keeps in its databases from folders: `<database>/<design document>/`.

Read at the start and when something in the folder has changed. The indexes of a new version are built first,
then it is written, so that nobody waits for them. One that is broken is told in the log; the old one stays.
"""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote

from couchreg.designdocs import folders
from couchreg.designdocs.folders import Folded, FolderError
from couchreg.designdocs.functions import JAVASCRIPT, text_of
from couchreg.designdocs.shape import check_design_document
from couchreg.designdocs.views.compiling import check_views
from couchreg.designdocs.views.engine import ViewEngine
from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.base import Database, Edit, Revision, Store
from couchreg.errors import Conflict, CouchregError, NotFound, Unavailable
from couchreg.journal.failing import tell
from couchreg.model import json
from couchreg.model.user import SYSTEM

log = logging.getLogger(__name__)

LOOK = 2.0  # seconds between two looks at the folder
LATER = (Conflict, NotFound, Unavailable)  # what another try may mend: the database is not there yet, say


class DesignFolder:
    """Keeps databases as a folder says; `start`, and `stop` at the end. `left` are those it never writes."""

    def __init__(
        self,
        folder: Path,
        store: Store,
        attachments: Attachments,
        views: ViewEngine,
        *,
        left: Sequence[tuple[str, str]] = (),
    ) -> None:
        self._folder = folder
        self._store = store
        self._attachments = attachments
        self._views = views
        self._left = frozenset(left)
        self._state: tuple[tuple[str, int, int], ...] | None = None
        self._pending: list[tuple[str, Folded]] = []
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except Exception as error:  # what is unforeseen must not be the end of looking
                tell(log, f"A look into {self._folder}", error)
            await asyncio.sleep(LOOK)

    async def look(self) -> None:
        """Bring the databases up to date with the folder, if it has changed or something was left."""
        state = await asyncio.to_thread(folders.state, self._folder)
        if state != self._state:
            self._state = state
            self._pending = await asyncio.to_thread(self._read)
        left = []
        for name, folded in self._pending:
            try:
                await self._load(name, folded)
            except LATER:
                left.append((name, folded))
            except CouchregError as error:
                log.error("%s of %s is not loaded from %s: %s", folded.id, name, self._folder, error.reason)
        self._pending = left

    def _read(self) -> list[tuple[str, Folded]]:
        """What the folder holds; a folder that is none is told and passed over."""
        found: list[tuple[str, Folded]] = []
        for path in sorted(self._folder.glob("[!.]*/[!.]*")):
            if not path.is_dir():
                continue
            try:
                pair = (unquote(path.parent.name), folders.read(path))
            except FolderError as error:
                log.error("%s is not loaded: %s", path, error.reason)
                continue
            if (pair[0], pair[1].id) not in self._left:
                found.append(pair)
        return found

    async def _load(self, name: str, folded: Folded) -> None:
        """Raises CouchregError."""
        database = await self._store.open(name)
        try:
            stored = await database.revision(folded.id)
        except NotFound:
            stored = None
        if stored is not None and await self._is_as(folded, stored):
            return
        check_design_document(folded.members)
        await check_views(self._views.functions, name, folded.members)
        await self._warm(database, folded)
        await self._write(database, folded, None if stored is None else stored.rev)
        log.info("%s of %s is loaded from %s", folded.id, name, self._folder)

    async def _is_as(self, folded: Folded, stored: Revision) -> bool:
        """The bytes are compared: digests are those of what is stored, which may be packed."""
        shown = json.decode(text_of(stored))
        for record in stored.attachments:
            pieces = [text async for text in self._attachments.base64(record)]
            shown[folders.ATTACHMENTS][record.name]["data"] = b"".join(pieces).decode()
        return folded.is_as(shown)

    async def _warm(self, database: Database, folded: Folded) -> None:
        if folded.members.get("views") and folded.members.get("language", JAVASCRIPT) == JAVASCRIPT:
            as_stored = Revision(folded.id, "0-", False, json.encode(folded.members)[1:-1])
            index, _ = await self._views.index(database, as_stored)
            await index.fresh(database)

    async def _write(self, database: Database, folded: Folded, rev: str | None) -> None:
        async with self._attachments.upload(database.name) as upload:
            inline = folded.body().get(folders.ATTACHMENTS, {})
            records = await upload.inline(folded.id, inline, new_edits=True) if inline else ()
            edit = Edit(folded.id, rev, False, folded.members, tuple(records))
            (await database.update([edit], new_edits=True, user=SYSTEM)).check()
