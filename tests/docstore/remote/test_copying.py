"""Documents copied from a data directory into a CouchDB and back: revisions, conflicts, people, settings."""

from pathlib import Path
from typing import Any

import pytest

from couchreg.docstore.base import BEGINNING, Database, Store
from couchreg.docstore.maintenance.documents_copy import copy_documents, move_documents
from couchreg.docstore.remote import CouchAddress, RemoteStore
from couchreg.docstore.sqlite import SqliteStore
from couchreg.errors import Conflict, Unavailable
from tests.docstore import couchdbs
from tests.docstore.writing import attachment, edit, put, put_one, replica, replicate


async def filled(folder: Path) -> SqliteStore:
    store = SqliteStore(folder)
    db = await store.create("registry", {"security": {"members": {"names": ["é"]}}})
    await store.create("_users")
    await (await store.notes("_users")).write("tokens:anna", [{"id": 1}])
    await (await store.notes("_users")).write("trust-account:anna", {"id": "1"})
    await (await store.notes("registry")).write("follower", {"seq": "9"})
    await store.set_config("admins", "admin", "-pbkdf2-x")
    await db.set_setting("revs_limit", 20)
    rev = await put_one(db, edit("a", attachments=(attachment("f", key="a/1/f"),), v=1.0))
    rev = await put_one(db, edit("a", rev, attachments=(attachment("g", key="a/1/g"),), v=2))
    await replicate(db, *[replica("b", path, v=path[2]) for path in ("3-c b a", "2-z a", "1-q")])
    await put_one(db, edit("gone", deleted=True, why="x"))
    await put(db, *[edit(f"d{n:03}", text="é" * 100) for n in range(120)])
    return store


async def state(store: Store) -> dict[str, Any]:
    found: dict[str, Any] = {"config": await store.read_config(), "uuid": store.uuid}
    for name in await store.names():
        db = await store.open(name)
        found[name] = await documents(db), await db.setting("security")
    found["tokens"] = await (await store.notes("_users")).read("tokens:anna")
    found["trust"] = await (await store.notes("_users")).read("trust-account:anna")
    found["follower"] = await (await store.notes("registry")).read("follower")
    return found


async def documents(db: Database) -> dict[str, Any]:
    found = {}
    async for stretch in db.changes(BEGINNING, all_leafs=True):
        for change in stretch.results:
            [opened] = await db.open_revs([(change.id, change.revs)], histories=True)
            found[change.id] = sorted(
                (one.history, one.revision) for one in opened if one.revision is not None
            )
    return found


async def broken_off(name: str) -> Any:
    raise Unavailable("The line is cut.")


async def test_a_registry_moves_and_comes_back(
    tmp_path: Path, couch_door: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await filled(tmp_path / "first")
    wanted, uuid = await state(first), first.uuid
    prefix = couchdbs.new_prefix()
    remote = RemoteStore(CouchAddress.parse(f"{couch_door}/{prefix}"))
    await remote.prepare()
    with monkeypatch.context() as patch:
        patch.setattr(remote, "notes", broken_off)
        with pytest.raises(Unavailable):
            await move_documents(first, remote)
    assert first.uuid == uuid != remote.uuid  # half a copy is nobody's
    done = await move_documents(first, remote)  # what is there stays
    assert done is not None
    assert (done.databases, done.documents, done.revisions) == (2, 123, 125)
    assert first.uuid != uuid
    wanted["follower"] = None  # followers begin again
    assert await state(remote) == wanted
    assert await (await remote.open("registry")).setting("revs_limit") == 20
    await remote.close()
    remote = RemoteStore(CouchAddress.parse(f"{couch_door}/{prefix}"))
    await remote.prepare()
    back = SqliteStore(tmp_path / "back")
    assert await move_documents(remote, back) is not None
    assert await state(back) == wanted
    await back.close()
    again = SqliteStore(tmp_path / "back")
    assert again.uuid == uuid != remote.uuid
    for store in (again, first, remote):
        await store.close()
    await couchdbs.remove(couch_door, prefix)


async def test_another_registry_is_not_written_over(tmp_path: Path) -> None:
    first, other = await filled(tmp_path / "first"), SqliteStore(tmp_path / "other")
    await other.create("registry")
    with pytest.raises(Conflict, match="another registry"):
        await move_documents(first, other)
    await put_one(await other.open("registry"), edit("more"))
    with pytest.raises(Unavailable, match="somebody has written"):
        await copy_documents(first, other)
    await other.adopt(first.uuid)  # it was copied, and the last step is left
    assert await move_documents(first, other) is None
    assert first.uuid != other.uuid
    await first.close()
    await other.close()
