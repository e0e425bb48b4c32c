"""Conveniences composed of the port's primitives, the same over every engine.

Owns only what several rooms would otherwise write for themselves. Knows no engine.
"""

from couchreg.docstore.base import Database, Store
from couchreg.errors import FileExists, NotFound


async def ensure(store: Store, name: str) -> Database:
    """The database of this name, made when there is none; two callers at once get the same one."""
    try:
        return store.database(name)
    except NotFound:
        pass
    try:
        return await store.create(name)
    except FileExists:
        return await _made_elsewhere(store, name)


async def _made_elsewhere(store: Store, name: str) -> Database:
    """Somebody else is making it: its event says when it is there."""
    while name not in store.names():
        await store.wait_event(store.events_seq)
    return store.database(name)
