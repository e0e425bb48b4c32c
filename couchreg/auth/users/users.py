"""The users of `_users` (or of `[chttpd_auth] authentication_db`) as a source of credentials: who there is,
with which hash and which roles.

What may be written there is `users_guard.py`'s, what people see of it `user_view.py`'s.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable

from couchreg.auth.options import Options
from couchreg.auth.passwords.credentials import Credential
from couchreg.auth.passwords.hashes import PasswordHash, parse_members
from couchreg.auth.passwords.totp import parse_totp
from couchreg.auth.policy import USER_PREFIX
from couchreg.auth.users import documents as user_documents
from couchreg.docstore.base import ConfiguredStore, Database, Edit
from couchreg.errors import NotFound, Unauthorized
from couchreg.model.user import SYSTEM, User

CONFLICTED = (
    "User document conflicts must be resolved before the document is used for authentication purposes."
)
REMEMBERED = 10_000  # users of whom it is known when they changed, and whose credentials are kept at hand


class UserChanges:
    """When the document of each user was last written, as far as it is remembered."""

    def __init__(self) -> None:
        self._count = 0
        self._floor = 0  # of those not remembered
        self._changed: OrderedDict[str, int] = OrderedDict()

    def version(self, name: str) -> int:
        """Grows with every write; of users not remembered it may grow without one."""
        return self._changed.get(name, self._floor)

    def note(self, doc_id: str) -> None:
        self._count += 1
        self._changed[doc_id.removeprefix(USER_PREFIX)] = self._count
        while len(self._changed) > REMEMBERED:
            self._floor = max(self._floor, self._changed.popitem(last=False)[1])

    def note_all(self) -> None:
        """Any of them may have changed."""
        self._count += 1
        self._floor = self._count
        self._changed.clear()


class Users:
    """The documents of `_users` as a source of credentials."""

    def __init__(self, store: ConfiguredStore, changes: UserChanges) -> None:
        self._store = store
        self.version: Callable[[str], Hashable] = changes.version
        self._options = Options(store.config)
        self._found: OrderedDict[str, tuple[Hashable, Credential]] = OrderedDict()
        self._disabled: OrderedDict[str, tuple[Hashable, bool]] = OrderedDict()

    async def credential(self, name: str) -> Credential | None:
        """Raises Unauthorized for a user in conflict, as long as nobody has said who it is."""
        version = self.version(name)
        kept = self._found.get(name)
        if kept is not None and kept[0] == version:
            return kept[1]
        credential = await self._read(name)
        if credential is not None:
            self._found[name] = (version, credential)
            while len(self._found) > REMEMBERED:
                self._found.popitem(last=False)
        return credential

    async def disabled(self, name: str) -> bool:
        version = self.version(name)
        kept = self._disabled.get(name)
        if kept is None or kept[0] != version:
            kept = self._disabled[name] = (version, await self._is_disabled(name))
            while len(self._disabled) > REMEMBERED:
                self._disabled.popitem(last=False)
        return kept[1]

    async def _is_disabled(self, name: str) -> bool:
        try:
            found = await (await self._database()).revision(USER_PREFIX + name)
        except (NotFound, UnicodeEncodeError):
            return False
        return user_documents.is_disabled(found.body)

    async def mark(self, name: str) -> str | None:
        try:
            return (await (await self._database()).revision(USER_PREFIX + name)).rev
        except (NotFound, UnicodeEncodeError):
            return None

    async def follows(self, name: str, mark: str) -> bool:
        """Whether the document has come from that revision by edits that are known here, none a deletion."""
        try:
            tree = await (await self._database()).tree(USER_PREFIX + name)
        except (NotFound, UnicodeEncodeError):
            return False
        for node in tree.nodes_of(tree.winner().rev) if tree is not None else ():
            if node.deleted or node.body is None:
                return False
            if node.rev == mark:
                return True
        return False

    async def _database(self) -> Database:
        return await self._store.open(self._options.users_database)

    async def _read(self, name: str) -> Credential | None:
        try:
            database = await self._database()
            revision = await database.revision(USER_PREFIX + name)
        except (NotFound, UnicodeEncodeError):  # a name that is no UTF-8 is nobody's
            return None
        if not self._options.flag("allow_conflicted_user_docs"):
            await _refuse_conflict(database, revision.id)
        doc = revision.body
        hashed = parse_members(doc)
        if hashed is None or user_documents.is_disabled(doc):
            return None

        async def keep(better: PasswordHash) -> None:
            edit = Edit(revision.id, revision.rev, False, user_documents.with_hash(doc, better))
            # Whoever changes the document at this moment goes first; there will be another login.
            await database.update([edit], new_edits=True, user=SYSTEM)

        return Credential(User(name, user_documents.roles_of(doc)), hashed, parse_totp(doc), keep)


async def _refuse_conflict(database: Database, doc_id: str) -> None:
    tree = await database.tree(doc_id)
    if tree is not None and sum(not leaf.deleted for leaf in tree.leafs()) > 1:
        raise Unauthorized(CONFLICTED)
