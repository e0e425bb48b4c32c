"""Listings: by id, by sequence, of local documents, and who waits for the next change."""

import asyncio
from typing import Any

import pytest

from couchreg.docstore.base import BEGINNING, Database, Range, Seq, Store, Updated
from couchreg.errors import BadRequest, Conflict, NotFound
from couchreg.model.user import SYSTEM
from tests.docstore.writing import at, changes, edit, ids, pending, put, put_one, replica, replicate, rows

ODD = ["A", "a", "a\0", "a\0b", "a\x01", "ab", "e\u0301", "\u00e9", "\uffff", "\U00010000", "_design/x"]


async def test_ids_are_ordered_by_bytes(db: Database) -> None:
    await put(db, *[edit(doc_id) for doc_id in ODD])
    expected = sorted(ODD, key=str.encode)
    assert await ids(db) == expected
    assert await ids(db, descending=True) == expected[::-1]
    for doc_id in expected:
        assert (await db.revision(doc_id)).id == doc_id
        assert await ids(db, start=doc_id, limit=1) == [doc_id]


async def test_ranges(db: Database) -> None:
    await put(db, *[edit(f"d{n}") for n in range(8)], edit("x", deleted=True))
    assert await ids(db, start="d2", end="d4") == ["d2", "d3", "d4"]
    assert await ids(db, start="d2", end="d4", inclusive_end=False) == ["d2", "d3"]
    assert await ids(db, start="d4", end="d2", descending=True) == ["d4", "d3", "d2"]
    assert await ids(db, start="d4", end="d2", descending=True, inclusive_end=False) == ["d4", "d3"]
    assert await ids(db, start="d6") == ["d6", "d7"]
    assert await ids(db, skip=6, limit=1) == ["d6"]
    assert await ids(db, start="d1", skip=1, limit=2) == ["d2", "d3"]
    assert await ids(db, skip=100) == []
    assert await ids(db, limit=0) == []
    assert await ids(db, start="d4", end="d2") == []


async def test_what_comes_before_a_range_is_counted(db: Database) -> None:
    await put(db, *[edit(f"d{n}") for n in range(8)], edit("x", deleted=True))
    assert await db.count_before(Range(start="d3")) == 3
    assert await db.count_before(Range(start="d3", descending=True)) == 4
    assert await db.count_before(Range()) == 0


async def test_listings_longer_than_a_chunk(db: Database) -> None:
    await put(db, *[edit(f"d{n:04}", n=n) for n in range(2500)])
    for bodies in (False, True):
        assert [row.id for row in await rows(db, bodies=bodies)] == [f"d{n:04}" for n in range(2500)]
        assert [change.id for change in await changes(db, bodies=bodies)] == [f"d{n:04}" for n in range(2500)]
    numbers = [change.seq.number for change in await changes(db, descending=True)]
    assert numbers == sorted(set(numbers), reverse=True)
    assert len(numbers) == 2500
    assert (await rows(db, bodies=True, skip=2499))[0].members == b'"n":2499'


async def test_winners_come_in_the_order_asked(db: Database) -> None:
    await put(db, edit("a", v=1), edit("b", deleted=True, v=2))
    found = await db.winners(["b", "none", "a", "a"], bodies=True)
    assert [row and (row.id, row.deleted, row.members) for row in found] == [
        ("b", True, b'"v":2'),
        None,
        ("a", False, b'"v":1'),
        ("a", False, b'"v":1'),
    ]
    assert [row and row.members for row in await db.winners(["a"], bodies=False)] == [None]


async def test_a_document_comes_once_at_its_latest_place(db: Database) -> None:
    first = await put_one(db, edit("a", v=1))
    await put(db, edit("b"), edit("c"))
    second = await put_one(db, edit("a", first, v=2))
    found = await changes(db)
    assert [(change.id, change.seq.number) for change in found] == [("b", 2), ("c", 3), ("a", 4)]
    assert found[-1].revs == (second,)
    assert [change.id for change in await changes(db, 2)] == ["c", "a"]
    assert [change.id for change in await changes(db, 2, until=await at(db, 3))] == ["c"]
    assert [change.id for change in await changes(db, limit=2)] == ["b", "c"]
    assert [change.id for change in await changes(db, ids=["a", "b", "none"])] == ["b", "a"]
    assert [change.id for change in await changes(db, 2, ids=["a", "b"], descending=True)] == ["a"]
    assert [await pending(db, since) for since in (0, 2, 3, 9)] == [3, 2, 1, 0]


async def test_changes_carry_bodies_and_leafs(db: Database) -> None:
    await replicate(db, *[replica("a", path, v=path[2]) for path in ("2-b r", "2-c r", "1-d")])
    [change] = await changes(db, bodies=True, all_leafs=True)
    assert (change.revs, change.members) == (("2-c", "2-b", "1-d"), b'"v":"c"')
    [change] = await changes(db, ids=["a"])
    assert (change.revs, change.members) == (("2-c",), None)


async def test_missing_revs(db: Database) -> None:
    await replicate(db, replica("a", "3-c b x", v=1), replica("a", "2-y x", v=2))
    assert await db.missing_revs({"b": ["1-x", "2-x"]}) == {"b": (["1-x", "2-x"], [])}
    assert sorted((await db.missing_revs({"a": ["5-e"]}))["a"][1]) == ["2-y", "3-c"]
    assert await db.missing_revs({"a": ["3-c"]}) == {}
    assert await db.missing_revs({"a": ["1-q", "3-c", "2-y", "2-b"]}) == {"a": (["1-q"], [])}


async def test_what_is_still_to_come_is_counted(db: Database) -> None:
    first = await put(db, *[edit(f"d{n}") for n in range(10)])
    await put(db, *[edit(f"d{n}", str(first[n]), v=2) for n in (2, 3, 4)])

    async def counts() -> list[int]:
        return [await pending(db, since) for since in range(15)]

    expected = [len(await changes(db, since)) for since in range(15)]
    assert await counts() == expected
    assert [await pending(db, since) for since in range(14, -1, -1)] == expected[::-1]
    await put_one(db, edit("new"))
    assert await counts() == [len(await changes(db, since)) for since in range(15)]


async def test_large_bodies_come_in_small_chunks(db: Database) -> None:
    await put(db, *[edit(f"d{n}", text="x" * 400_000) for n in range(8)])
    sizes = [len(chunk.results) async for chunk in db.changes(BEGINNING, bodies=True)]
    assert max(sizes) <= 4
    assert sum(sizes) == 8
    assert max([len(chunk) async for chunk in db.all_docs(Range(), bodies=True)]) <= 4


# -- sequences
async def test_a_stamp_of_another_life_starts_again(store: Store) -> None:
    db = await store.create("x")
    await put(db, edit("a"), edit("b"))
    now = await db.update_seq()
    assert await db.parse_since(now.text) == now
    assert await db.parse_since(f'"{now.text}"') == now
    assert await db.parse_since("now") == now
    assert BEGINNING < await db.parse_since("1") < now
    await store.delete("x")
    again = await store.create("x")
    assert await again.parse_since(now.text) == await again.parse_since("0") == await again.update_seq()
    await put(again, edit("c"))
    assert [change.id async for chunk in again.changes(now) for change in chunk.results] == ["c"]
    assert await again.pending(now) == 1
    await again.wait(now)


async def test_a_write_tells_the_sequence_to_settle_on(db: Database) -> None:
    first = await db.update([edit("a"), edit("b")], new_edits=True, user=SYSTEM)
    assert [change.seq for change in await changes(db)][-1] == first.seq == await db.update_seq()
    refused = await db.update([edit("a")], new_edits=True, user=SYSTEM)
    assert (refused.seq, type(refused.outcomes[0])) == (first.seq, Conflict)
    with pytest.raises(Conflict):
        refused.check()
    assert await db.update([], new_edits=True, user=SYSTEM) == Updated([], first.seq)


async def test_a_listing_tells_where_to_go_on(db: Database) -> None:
    async def lasts(since: Seq = BEGINNING, **how: Any) -> list[Seq]:
        return [chunk.last_seq async for chunk in db.changes(since, **how)]

    assert await lasts() == [await db.update_seq()]  # nothing, but so far
    outcomes = await put(db, *[edit(doc_id) for doc_id in "abc"])
    assert await lasts() == await lasts(ids=["c"]) == [await at(db, 3)]
    assert await lasts(limit=2) == [await at(db, 2)]
    assert await lasts(descending=True) == [await at(db, 1)]
    assert await lasts(await at(db, 3)) == [await at(db, 3)]
    assert await lasts(ids=["a"]) == [await at(db, 1), await at(db, 3)]
    await db.purge({"c": [str(outcomes[2])]})
    assert await lasts() == [await at(db, 2), await db.update_seq()]
    assert BEGINNING < await at(db, 3) < await db.update_seq()


@pytest.mark.parametrize("since", ["", "nonsense", "-1", "1.5", "1-", '"', "٣"])
async def test_malformed_since(db: Database, since: str) -> None:
    with pytest.raises(BadRequest, match="Malformed sequence"):
        await db.parse_since(since)


# -- waiting
async def test_thousands_wait_for_the_next_change(db: Database) -> None:
    waiters = [asyncio.create_task(db.wait(BEGINNING)) for _ in range(5000)]
    await asyncio.sleep(0)
    waiters[0].cancel()
    await put_one(db, edit("a"))
    done = await asyncio.gather(*waiters, return_exceptions=True)
    assert isinstance(done[0], asyncio.CancelledError)
    assert set(done[1:]) == {None}
    await db.wait(BEGINNING)  # it has come already


async def test_waiters_hear_of_the_deletion(store: Store, db: Database) -> None:
    waiter = asyncio.create_task(db.wait(BEGINNING))
    await asyncio.sleep(0)
    await store.delete("db")
    with pytest.raises(NotFound):
        await waiter
    with pytest.raises(NotFound):
        await db.wait(BEGINNING)


# -- local documents
async def test_local_documents_count_as_the_client_says(db: Database) -> None:
    assert await db.update_local("_local/x", {"n": 1}) == "0-1"
    assert await db.update_local("_local/x", {"n": 2}) == "0-1"
    assert await db.update_local("_local/x", {"n": 3}, "0-99") == "0-100"
    assert (await db.local("_local/x")).members == b'"n":3'
    assert (await db.update_seq()).number == 0
    with pytest.raises(BadRequest):
        await db.update_local("_local/x", {}, "bad")
    assert await db.update_local("_local/x", None) == "0-0"
    for gone in (db.local("_local/x"), db.update_local("_local/x", None)):
        with pytest.raises(NotFound, match="missing"):
            await gone


async def test_local_documents_are_listed(db: Database) -> None:
    for name in "bac":
        await db.update_local(f"_local/{name}", {"n": name})

    async def listed(*, bodies: bool = False, **wanted: object) -> list[tuple[str, bytes]]:
        chunks = db.locals(Range(**wanted), bodies=bodies)  # type: ignore[arg-type]
        return [(doc.id[7:], doc.members) async for chunk in chunks for doc in chunk]

    assert await listed() == [("a", b""), ("b", b""), ("c", b"")]
    assert await listed(descending=True, limit=2, bodies=True) == [("c", b'"n":"c"'), ("b", b'"n":"b"')]
    assert await listed(start="_local/b", skip=1) == [("c", b"")]
