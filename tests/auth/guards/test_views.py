"""The views before `_users` and `registry`: every way into a database is closed to whom it is not open to."""

import inspect
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from couchreg.auth.guards.checkpoints import Checkpoints
from couchreg.auth.guards.registry_view import RegistryView
from couchreg.auth.guards.user_view import UserView
from couchreg.auth.policy import REGISTRY, REGISTRY_SECURITY, USERS
from couchreg.docstore.base import BEGINNING, Database, Edit, Range
from couchreg.docstore.proxy import DatabaseProxy
from couchreg.docstore.sqlite import SqliteStore
from couchreg.errors import Forbidden, NotFound, Unauthorized
from couchreg.model.user import SYSTEM, User

ANNA, BOB = User("anna"), User("bob")
OWN, OTHER = "org.couchdb.user:anna", "org.couchdb.user:bob"

READS: dict[str, tuple[Any, ...]] = {
    "update_seq": (),
    "parse_since": ("0",),
    "wait": (BEGINNING,),
    "info": (),
    "tree": (OTHER,),
    "revision": (OTHER,),
    "revisions": (OTHER, ["1-a"]),
    "open_revs": ([(OTHER, None)],),
    "winners": ([OTHER],),
    "all_docs": (Range(),),
    "count_before": (Range(start="a"),),
    "changes": (BEGINNING,),
    "pending": (BEGINNING,),
    "missing_revs": ({OTHER: ["1-a"]},),
    "purge_seq": (),
    "purged_infos": (),
    "purged_since": (BEGINNING,),
    "local": ("_local/x",),
    "locals": (Range(),),
    "setting": ("security",),
    "partition_info": ("a",),
    "referred": (["a"],),
    "check": (),
}
WRITES: dict[str, tuple[Any, ...]] = {
    "update": ([Edit(OTHER, None, False, {})],),
    "update_local": ("_local/x", {}),
    "purge": ({OTHER: ["1-a"]},),
    "set_setting": ("security", {}),
    "compact": (),
}
NAMED: dict[str, dict[str, Any]] = {
    "winners": {"bodies": True},
    "all_docs": {"bodies": True},
    "locals": {"bodies": True},
    "update": {"new_edits": True, "user": ANNA},
}
GATES = {"reading", "writing"}


async def ask(database: Database, method: str) -> Any:
    called = getattr(database, method)(*(READS | WRITES)[method], **NAMED.get(method, {}))
    if inspect.isasyncgen(called):
        return [chunk async for chunk in called]
    return await called


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path)
    yield store
    await store.close()


@pytest.fixture
async def users(store: SqliteStore) -> Database:
    database = await store.create(USERS)
    edits = [Edit(doc_id, None, False, {"secret": doc_id}) for doc_id in (OWN, OTHER)]
    (await database.update(edits, new_edits=True, user=SYSTEM)).check()
    return database


@pytest.fixture
async def registry(store: SqliteStore) -> Database:
    database = await store.create(REGISTRY)
    await database.set_setting("security", {**REGISTRY_SECURITY, "admins": {"names": ["bob"]}})
    await database.update([Edit(OTHER, None, False, {})], new_edits=True, user=SYSTEM)
    return database


def test_every_method_is_a_read_or_a_write() -> None:
    """A new one has to be put into one of the lists above, and so is tried on every view."""
    methods = {name for name in vars(DatabaseProxy) if not name.startswith("_")}
    assert methods == {*READS, *WRITES, *GATES}


@pytest.mark.parametrize("method", sorted(WRITES.keys() - {"update_local"}))
async def test_nothing_is_written_through_the_view_of_the_registry(registry: Database, method: str) -> None:
    view = RegistryView(registry, ANNA, Checkpoints(), b"anna")
    before = await registry.update_seq(), await registry.setting("security")
    with pytest.raises((Unauthorized, Forbidden)):
        await ask(view, method)
    assert (await registry.update_seq(), await registry.setting("security")) == before


@pytest.mark.parametrize("method", sorted(READS.keys() - {"local"}))
async def test_the_registry_is_there_to_be_read(registry: Database, method: str) -> None:
    await ask(RegistryView(registry, ANNA, Checkpoints(), b"anna"), method)


async def test_its_own_admins_look_after_the_registry_but_publish_like_others(registry: Database) -> None:
    view = RegistryView(registry, BOB, Checkpoints(), b"bob")
    await view.compact()
    await view.set_setting("revs_limit", 10)
    assert await registry.setting("revs_limit") == 10
    for method in ("update", "purge"):
        with pytest.raises(Forbidden, match="published through the registry"):
            await ask(view, method)


OPEN = {"update_seq", "parse_since", "wait", "info", "setting"}  # they say nothing of anybody


@pytest.mark.parametrize("method", sorted({*READS, *WRITES} - OPEN - {"update"}))  # it has the guard's rules
async def test_users_see_and_change_nothing_of_others(users: Database, method: str) -> None:
    before = await users.update_seq(), await users.setting("security")
    with pytest.raises((Unauthorized, Forbidden, NotFound)):
        await ask(UserView(users, ANNA, dict), method)
    assert (await users.update_seq(), await users.setting("security")) == before


async def test_users_see_themselves(users: Database) -> None:
    view = UserView(users, ANNA, dict)
    assert (await view.revision(OWN)).body == {"secret": OWN}
    [places] = [chunk.results async for chunk in view.changes(BEGINNING, ids=[OWN]) if chunk.results]
    assert [(change.id, change.members) for change in places] == [(OWN, None)]
    for asked in ({"ids": [OWN, OTHER]}, {"ids": [OWN], "bodies": True}):
        with pytest.raises((Unauthorized, NotFound)):
            [chunk async for chunk in view.changes(BEGINNING, **asked)]  # type: ignore[arg-type]
