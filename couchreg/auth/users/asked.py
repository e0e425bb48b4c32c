"""Which accounts other processes have changed: asked before what is remembered of them is believed."""

import asyncio
from typing import Final

from couchreg.auth.options import Options
from couchreg.auth.users.users import UserChanges
from couchreg.docstore.base import BEGINNING, ConfiguredStore, Database
from couchreg.errors import NotFound

MOST: Final = 5000  # changes that are looked at one by one


class AskedUsers:
    """Notes in `changes` whose documents have changed, whoever wrote them."""

    def __init__(self, store: ConfiguredStore, changes: UserChanges) -> None:
        self._store = store
        self._changes = changes
        self._options = Options(store.config)
        self._seq = BEGINNING
        self._name = ""
        self._reading = asyncio.Lock()

    async def refresh(self) -> None:
        """Know of everything that has been written before the call."""
        name = self._options.users_database
        try:
            database = await self._store.open(name)
            now = await database.update_seq()
            if (self._name, self._seq) != (name, now):
                async with self._reading:
                    await self._read_on(name, database)
        except NotFound:  # nobody is known while there is no such database
            self._seq = BEGINNING
            self._changes.note_all()

    async def _read_on(self, name: str, database: Database) -> None:
        now = await database.update_seq()
        since = self._seq if (self._name, self._seq.incarnation) == (name, now.incarnation) else None
        seen = 0
        if since is not None:
            async for stretch in database.changes(since):
                for change in stretch.results:
                    self._changes.note(change.id)
                seen += len(stretch.results)
                self._seq = stretch.last_seq
                if seen > MOST:
                    since = None
                    break
        if since is None:
            self._changes.note_all()
            self._name, self._seq = name, now
