"""What only some stores can do: there where it is, refused with 501's error where it is not."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from couchreg.auth.guards.checkpoints import Checkpoints
from couchreg.docstore import base, optional
from couchreg.docstore.base import Database, Store
from couchreg.docstore.proxy import DatabaseProxy
from couchreg.docstore.sqlite import SqliteStore
from couchreg.errors import NotImplementedHere
from tests.docstore.stores import CORE, CoreStore, core_of
from tests.docstore.writing import edit, ids, put_one

PARTS: list[Callable[[Database], Any]] = [
    optional.purging,
    optional.compacting,
    optional.referring,
    optional.checking,
    optional.listing_locals,
    optional.counting,
    optional.partitions,
]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = SqliteStore(tmp_path)
    yield store
    await store.close()


def methods(protocol: type) -> set[str]:
    return {name for name, member in vars(protocol).items() if callable(member) and not name.startswith("_")}


def test_core_and_parts_are_the_whole_port() -> None:
    assert methods(base.Database) == set(CORE)
    own = [one for one in vars(optional).values() if getattr(one, "__module__", "") == optional.__name__]
    parts = [methods(one) for one in own if isinstance(one, type) and methods(one) - set(CORE)]
    assert len(parts) == len(PARTS)
    assert set(CORE).union(*parts) == methods(DatabaseProxy) - {"reading", "writing"}


@pytest.mark.parametrize("part", PARTS)
async def test_a_part_is_there_or_refused(store: Store, part: Callable[[Database], Any]) -> None:
    database = await store.create("x")
    for there in (database, DatabaseProxy(DatabaseProxy(database))):
        assert part(there) is there
    for lacking in (core_of(database), DatabaseProxy(core_of(database))):
        with pytest.raises(NotImplementedHere, match="The document store behind this server cannot"):
            part(lacking)


async def test_a_file_is_needed_where_the_store_cannot_tell(store: Store) -> None:
    database = await store.create("x")
    keys = ["_blobs/aa/aa"]
    assert await optional.referred_in(database, keys) == set()
    assert await optional.referred_in(core_of(database), keys) == set(keys)


async def test_the_core_alone_is_a_database(store: Store) -> None:
    database = await CoreStore(store).create("x")
    rev = await put_one(database, edit("a", v=1))
    await put_one(database, edit("a", rev, v=2))
    assert await ids(database) == ["a"]
    assert await Checkpoints().write(database, "_local/a", {}, None, sender=b"anna") == "0-1"
