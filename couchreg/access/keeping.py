"""What keeps a restricted package restricted, whoever writes: a document that says so is not replaced by one
that says nothing, and does not go while there are versions whose right it states. A revision of it goes where
another that says who may read comes in the same write."""

from collections.abc import Mapping, Sequence

from couchreg.docstore.base import Database, Edit, Outcome, Updated
from couchreg.docstore.optional import purging
from couchreg.docstore.proxy import DatabaseProxy
from couchreg.errors import Forbidden
from couchreg.model.user import User
from couchreg.package.access import ACCESS, access_of
from couchreg.package.names import is_package_name

SILENT = (
    "{0!r} is restricted, and its document says who may read it: leave the member “access” as it is, or make "
    "the package public first (couchreg access public {0})."
)
OPEN = (
    "The files of this registry are public in its bucket (--redirect public), so no package can be "
    "restricted here."
)


class KeptRestricted(DatabaseProxy):
    """`registry` for every writer. With `files_are_public` no package is restricted."""

    def __init__(self, inner: Database, *, files_are_public: bool) -> None:
        super().__init__(inner)
        self._files_are_public = files_are_public

    async def update(
        self, edits: Sequence[Edit], *, new_edits: bool, user: User, together: bool = False
    ) -> Updated:
        refused = await self._refused(edits, are_replicated=together and not new_edits)
        if not refused:
            return await self.inner.update(edits, new_edits=new_edits, user=user, together=together)
        if together:
            raise next(iter(refused.values()))
        rest = [edit for place, edit in enumerate(edits) if place not in refused]
        written = await self.inner.update(rest, new_edits=new_edits, user=user)
        outcomes: list[Outcome] = list(written.outcomes)
        for place in sorted(refused):
            outcomes.insert(place, refused[place])
        return Updated(outcomes, written.seq)

    async def purge(self, wanted: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
        """Raises Forbidden for the document of a restricted package."""
        names = [doc_id for doc_id in wanted if is_package_name(doc_id)]
        closed = await self._closed(names)
        if closed:
            raise Forbidden(SILENT.format(closed[0]))
        return await purging(self.inner).purge(wanted)

    async def _refused(self, edits: Sequence[Edit], *, are_replicated: bool) -> dict[int, Forbidden]:
        """By their places. With `are_replicated` all of them are written as they are, or none."""
        packages = [(place, edit) for place, edit in enumerate(edits) if is_package_name(edit.id)]
        refused: dict[int, Forbidden] = {}
        if self._files_are_public:
            stated = [(place, access_of(edit.body)) for place, edit in packages if not edit.deleted]
            refused = {place: Forbidden(OPEN) for place, access in stated if access and access.is_restricted}
        silent = [(place, edit.id) for place, edit in packages if edit.deleted or ACCESS not in edit.body]
        closed = await self._closed(sorted({name for _, name in silent}))
        for name in closed.copy() if are_replicated else ():
            if await self._says_still([edit for _, edit in packages if edit.id == name]):
                closed.remove(name)
        return refused | {place: Forbidden(SILENT.format(name)) for place, name in silent if name in closed}

    async def _says_still(self, edits: Sequence[Edit]) -> bool:
        """Whether these revisions of a restricted package leave it with one of them that says `access`."""
        tree, stated = await self.inner.tree(edits[0].id), set()
        if tree is None:
            return False
        for edit in edits:
            generation, _, _ = (edit.rev or "").partition("-")
            line = [f"{int(generation) - back}-{name}" for back, name in enumerate(edit.history)]
            if not edit.deleted and ACCESS in edit.body and tree.find(line[0]) is None:
                stated.add(line[0])
            tree.merge(line, deleted=edit.deleted, body=None)
        return tree.lives and tree.winner().rev in stated

    async def _closed(self, names: Sequence[str]) -> list[str]:
        """Those of these packages that are restricted."""
        found = []
        for row in await self.inner.winners(names, bodies=True) if names else ():
            access = None if row is None or row.deleted else access_of(row.body)
            if row is not None and access is not None and access.is_restricted:
                found.append(row.id)
        return found


class KeepsRestricted:
    """The layer of a store that puts it before the database of this name."""

    def __init__(self, name: str, *, files_are_public: bool) -> None:
        self._name = name
        self._files_are_public = files_are_public

    def before(self, database: Database) -> Database:
        if database.name != self._name:
            return database
        return KeptRestricted(database, files_are_public=self._files_are_public)

    def changed(self, name: str) -> None:
        """It is the same for every database of the name."""
