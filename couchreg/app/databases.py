"""The databases that every server has, made and looked into when it starts."""

from pathlib import Path

from couchreg.app.refusing import open_database, reading
from couchreg.auth.policy import GLOBAL_CHANGES, REGISTRY, REGISTRY_SECURITY, REPLICATOR, USERS
from couchreg.auth.users.design import ensure_auth_design
from couchreg.docstore.base import Store


async def ensure_databases(store: Store, folder: Path) -> None:
    """Make them, and of a new server those that a CouchDB has after its set-up. `folder` is where their files
    are. Raises CannotStart, of a damaged one DamagedDatabase."""
    there = set(await store.names())
    first = () if there else (GLOBAL_CHANGES,)  # whoever deletes it later does so on purpose
    for name in (*first, USERS, REPLICATOR, REGISTRY):
        if name not in there:
            await store.create(name)
    registry = await open_database(store, REGISTRY, folder)
    with reading(REGISTRY, folder):
        if await registry.setting("security") is None:
            await registry.set_setting("security", dict(REGISTRY_SECURITY))
    users = await open_database(store, USERS, folder)
    with reading(USERS, folder):
        await ensure_auth_design(users)
