"""Partitioned databases: which ids they take, what a partition holds, and how large it may become."""

from collections.abc import Awaitable, Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from couchreg.docstore.base import Database, Store
from couchreg.docstore.optional import PartitionInfo, checking, partitions, purging
from couchreg.docstore.sqlite import SqliteStore
from couchreg.errors import BadRequest, CouchregError, IllegalDocid, IllegalPartition, PartitionOverflow
from tests.docstore.conftest import OpenStore
from tests.docstore.writing import attachment, edit, put, put_one, replica, replicate

EMPTY = PartitionInfo(0, 0, 0)
BAD = {
    "a": "Doc id must be of form partition:id",
    "": "Doc id must be of form partition:id",
    ":a": "Partition must not be empty",
    "a:": "Document id must not be empty",
    "_a:b": "Partition must not start with an underscore",
    "a:_b": "Only reserved document ids may start with underscore.",
}


async def made(store: Store) -> Database:
    return await store.create("db", {"partitioned": True})


async def info(db: Database, name: str) -> PartitionInfo:
    return await partitions(db).partition_info(name)


@pytest.mark.parametrize("doc_id", BAD)
async def test_an_id_that_is_in_no_partition_is_refused_with_all_of_its_call(
    store: Store, doc_id: str
) -> None:
    db = await made(store)
    for write in (
        put(db, edit("a:1"), edit(doc_id)),
        replicate(db, replica("a:1", "1-a"), replica(doc_id, "1-a")),
    ):
        with pytest.raises((IllegalDocid, IllegalPartition), match=BAD[doc_id]):
            await write
    assert (await db.info()).doc_count == 0


READS: dict[str, Callable[[Database], Awaitable[object]]] = {
    "tree": lambda db: db.tree("a"),
    "revision": lambda db: db.revision("a"),
    "revisions": lambda db: db.revisions("a", ["1-a"]),
    "open_revs": lambda db: db.open_revs([("a:1", None), ("a", None)]),
    "winners": lambda db: db.winners(["a:1", "a"], bodies=False),
    "missing_revs": lambda db: db.missing_revs({"a": ["1-a"]}),
    "purge": lambda db: purging(db).purge({"a": ["1-a"]}),
}


@pytest.mark.parametrize("read", READS)
async def test_who_asks_by_an_id_that_is_in_no_partition_is_told(store: Store, read: str) -> None:
    db = await made(store)
    with pytest.raises(IllegalDocid, match="Doc id must be of form partition:id"):
        await READS[read](db)


async def test_design_and_local_documents_are_in_no_partition(store: Store) -> None:
    db = await made(store)
    await put(db, edit("_design/a"), edit("_design/a:b"), edit("a:1"))
    await db.update_local("_local/x", {})
    assert (await db.revision("_design/a")).rev
    assert await info(db, "_design/a") == EMPTY
    assert (await info(db, "a")).doc_count == 1


async def test_a_database_stays_what_it_was_made_as(open_store: OpenStore) -> None:
    store = open_store()
    db = await made(store)
    await put_one(db, edit("a:1", v="x"))
    await store.create("other")
    await store.close()
    again = open_store()
    db = await again.open("db")
    assert await db.setting("partitioned") is True
    assert await info(db, "a") == PartitionInfo(1, 0, len(b'"v":"x"'))
    with pytest.raises(BadRequest):
        await put_one(db, edit("a"))
    other = await again.open("other")
    assert await other.setting("partitioned") is None
    assert await put_one(other, edit("a"))
    assert await info(other, "a") == EMPTY
    for value in (True, False):
        with pytest.raises(BadRequest, match="Whether a database has partitions is said when it is made"):
            await other.set_setting("partitioned", value)


async def test_a_partition_is_counted(store: Store) -> None:
    db = await made(store)
    first = await put_one(db, edit("a:1", v="x"))
    await put(
        db, edit("a:2", attachments=(attachment("n"),)), edit("b:1", v=1), edit("a\0b:1"), edit("ä:1", v=22)
    )
    assert await info(db, "a") == PartitionInfo(2, 0, len('"v":"x"') + 3)
    assert await info(db, "ä") == PartitionInfo(1, 0, len('"v":22'))
    assert await info(db, "a\0b") == PartitionInfo(1, 0, 0)
    second = await put_one(db, edit("a:1", first, v="longer"))
    assert (await info(db, "a")).size == len('"v":"longer"') + 3
    gone = await put_one(db, edit("a:1", second, deleted=True))
    assert await info(db, "a") == PartitionInfo(1, 1, 3)
    await purging(db).purge({"a:1": [gone], "b:1": [(await db.revision("b:1")).rev]})
    assert await info(db, "a") == PartitionInfo(1, 0, 3)
    assert await info(db, "b") == await info(db, "c") == EMPTY
    assert await checking(db).check() == []


async def test_a_full_partition_grows_by_replication_alone(store: Store) -> None:
    db = await made(store)
    store.heed({"couchdb": {"max_partition_size": "20"}})
    rev = await put_one(db, edit("a:1", v="0123456789"))
    other = await put_one(db, edit("a:2", v="01234"))
    refused, taken = await put(db, edit("a:3"), edit("b:1", v=1))
    assert isinstance(taken, str)
    assert isinstance(refused, PartitionOverflow)  # empty as it is
    for grown in (
        edit("a:4", v=1),
        edit("a:1", rev, v="0123456789a"),
        edit("a:5", attachments=(attachment("n"),)),
    ):
        with pytest.raises(
            PartitionOverflow, match=f"Partition limit exceeded due to update on '{grown.id}'"
        ):
            await put_one(db, grown)
    await replicate(db, replica("a:6", "1-a", v="0"))
    await put_one(db, edit("_design/a", v="0123456789"))
    rev = await put_one(db, edit("a:1", rev, v="012345678x"))
    await put_one(db, edit("a:1", rev, deleted=True))
    await put_one(db, edit("a:2", other, v="01234567890123456789"))  # there is room again
    with pytest.raises(PartitionOverflow):
        await put_one(db, edit("a:7", v=1))
    store.heed({})
    assert await put_one(db, edit("a:7", v=1))


async def test_the_limit_of_partitions_survives_a_restart(open_store: OpenStore) -> None:
    store = open_store()
    await put_one(await made(store), edit("a:1", v=1))
    await store.set_config("couchdb", "max_partition_size", "3")
    await store.close()
    db = await open_store().open("db")
    with pytest.raises(PartitionOverflow):
        await put_one(db, edit("a:2", v=1))
    assert await put_one(db, edit("b:2", v=1))


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["edit", "delete", "conflict", "purge", "compact"]),
        st.sampled_from(["a:1", "a:2", "b:1", "b::", "ä:1", "_design/a:1"]),
        st.text("xyz", max_size=5),
    ),
    max_size=25,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_what_is_counted_is_what_is_there(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, str]]
) -> None:
    store = SqliteStore(tmp_path_factory.mktemp("partitions"))
    try:
        db = await made(store)
        for number, (what, doc_id, text) in enumerate(steps):
            [row] = await db.winners([doc_id], bodies=False)
            rev = row.rev if row is not None else None
            if what == "conflict":
                await replicate(db, replica(doc_id, f"1-{number:032x}", v=text))
            elif what == "compact":
                await db.compact()
            elif what == "purge":
                await db.purge({doc_id: [rev or "1-a"]})
            elif what == "edit" or rev is not None:
                live = rev if row is not None and not row.deleted else None
                outcome = (await put(db, edit(doc_id, live, deleted=what == "delete", v=text)))[0]
                assert isinstance(outcome, str | CouchregError)
        assert await checking(db).check() == []
        for name in ("a", "b", "ä"):
            rows = [
                one for one in await db.winners([f"{name}:1", f"{name}:2", f"{name}::"], bodies=False) if one
            ]
            found = await info(db, name)
            assert found.doc_count == sum(not one.deleted for one in rows)
            assert found.doc_del_count == sum(one.deleted for one in rows)
    finally:
        await store.close()
