"""What of the datastore is still needed, asked of every database while others go on."""

import asyncio

from couchreg.docstore.base import Edit
from couchreg.docstore.maintenance.sweeper import referred
from tests.docstore.conftest import OpenStore
from tests.docstore.writing import attachment, put_one

DATABASES, KEYS = 20, 20_000


async def test_others_have_their_turn_while_databases_are_asked_for_keys(open_store: OpenStore) -> None:
    store = open_store()
    for number in range(DATABASES):
        database = await store.create(f"db{number}")
        await put_one(database, Edit("a", None, False, {}, (attachment("x", key=f"k{number}"),)))
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    ticking = asyncio.create_task(others())
    found = await referred(store, {f"k{number}" for number in range(KEYS)})
    ticking.cancel()
    assert found == {f"k{number}" for number in range(DATABASES)}
    assert turns >= DATABASES - 1
