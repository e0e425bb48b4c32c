"""Reads of a cluster: never older than what was acknowledged, nor than what the feed has shown."""

import asyncio

import pytest
from aiohttp import ClientTimeout

from couchreg.docstore.base import BEGINNING, Range
from couchreg.docstore.remote import calls, copies, replicas, settling
from couchreg.errors import NotFound, NotImplementedHere
from tests.docstore.cluster import NODES
from tests.docstore.two_processes import Place, hurry
from tests.docstore.writing import edit, put_one


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)


async def test_what_is_read_is_never_older_than_the_feed(place: Place) -> None:
    """Whoever remembers it remembers it until the next change."""
    one, two = await place.databases()
    first = await put_one(one, edit("a", v=1))
    await one.update_seq()
    await two.update_seq()
    newer = settling.revision_of(edit("a", first, v=2))
    doc = {"_id": "a", "_rev": newer.rev, "_revisions": {"start": 2, "ids": list(newer.history)}, "v": 2}
    await place.cluster.put(1, place.physical, doc)  # the followed copy, before any other has it
    for up in ([2, 3, 1], [3, 2, 1], [1, 2, 3]):
        place.cluster.up = up
        [change] = [row async for found in two.changes(BEGINNING) for row in found.results]
        assert change.revs == (newer.rev,)
        assert (await two.revision("a")).rev == newer.rev
        [row] = await two.winners(["a"], bodies=True)
        assert row is not None
        assert (row.rev, row.body) == (newer.rev, {"v": 2})
        listed = [row.rev async for rows in two.all_docs(Range(), bodies=False) for row in rows]
        assert listed == [newer.rev]
        tree = await two.tree("a")
        assert tree is not None
        assert tree.winner().rev == newer.rev
        assert (await two.info()).doc_count == 1
    await put_one(one, edit("a", newer.rev, deleted=True))
    with pytest.raises(NotFound, match="deleted"):
        await two.revision("a")
    with pytest.raises(NotFound, match="missing"):
        await two.revision("b")
    file = {"f": {"content_type": "text/x", "data": "aGVsbG8="}}
    for node in NODES:  # by going straight to that CouchDB
        other = {"_id": "c", "_rev": "1-c", "_revisions": {"start": 1, "ids": ["c"]}, "_attachments": file}
        await place.cluster.put(node, place.physical, other)
    with pytest.raises(NotImplementedHere):
        await two.revision("c")


async def test_where_copies_agree_each_is_asked_once(place: Place) -> None:
    one = (await place.databases())[0]
    first = await put_one(one, edit("a", v=1))
    gone = await put_one(one, edit("b", v=1))
    await put_one(one, edit("b", gone, deleted=True))
    place.cluster.asked.clear()
    assert (await one.revision("a")).body == {"v": 1}
    assert [asked.rpartition("/")[2] for asked in place.cluster.asked] == ["a", "a"]
    place.cluster.asked.clear()
    [row] = await one.winners(["a"], bodies=True)
    assert row is not None
    assert (row.rev, row.body) == (first, {"v": 1})
    assert len(place.cluster.asked) == 2
    for missing, reason in (("b", "deleted"), ("c", "missing")):
        with pytest.raises(NotFound) as raised:
            await one.revision(missing)
        assert raised.value.reason == reason


async def test_a_node_that_stands_still_is_not_waited_for(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though it is the one that is asked, whichever copies are meant: another one can be."""
    monkeypatch.setitem(calls._WAITS, (False, True), ClientTimeout(total=None, sock_read=4.0))
    monkeypatch.setattr(replicas, "TIMEOUT", 6.0)
    one = (await place.databases())[0]
    first = await put_one(one, edit("a", v=1))
    assert place.stores[0].calls.has_several
    place.cluster.stuck = 2
    assert (await one.revision("a")).rev == first
    place.cluster.stuck = 3
    assert await put_one(one, edit("a", first, v=2))


async def test_a_followed_node_that_stands_still_is_followed_by_another(place: Place) -> None:
    """Though the cluster has not noticed, and waits for it whenever a place of its copy is asked for."""
    one, two = await place.databases()
    first = await put_one(one, edit("a", v=1))
    before = await two.update_seq()
    place.cluster.still = {1}
    async with asyncio.timeout(20):
        await put_one(one, edit("b", v=1))
        assert (await two.revision("a")).rev == first
        assert [row.id async for found in two.changes(before) for row in found.results][-1] == "b"
    place.cluster.still = set()
    assert before < await one.update_seq() == await two.update_seq()


async def test_a_copy_that_did_not_answer_is_asked_last_for_a_while(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = (await place.databases())[0]
    first = await put_one(one, edit("a", v=1))
    monkeypatch.setattr(replicas, "SLOW", 3600.0)
    place.cluster.deaf = {2}
    assert (await one.revision("a")).rev == first
    monkeypatch.setattr(replicas, "HEDGE", 3600.0)  # nobody is asked but those who have to be
    place.cluster.asked.clear()
    assert (await one.revision("a")).rev == first
    assert not [asked for asked in place.cluster.asked if "/_node/node2" in asked]


async def test_who_pages_through_two_processes_misses_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nodes are lost and come back in between, and the processes follow the same copy again."""
    monkeypatch.setattr(copies, "LOOK", 0.0)
    one, two = databases = await place.databases()
    written, seen, since = set[str](), set[str](), BEGINNING
    for step, up in enumerate(([1, 2, 3], [2, 3], [2, 3, 1], [3, 1], [1, 2, 3], [1, 2], [2, 1, 3])):
        place.cluster.up = up
        for n, database in enumerate(databases):
            written.add(f"{step}-{n}")
            await put_one(database, edit(f"{step}-{n}", v=1))
        for _ in range(2):
            database = databases[step % 2]
            since = await database.parse_since(since.text)
            async for found in database.changes(since, limit=3):
                seen.update(row.id for row in found.results)
                since = found.last_seq
        await place.cluster.level()
        assert (await one.update_seq()).number == (await two.update_seq()).number
    for database in (one, two) * 20:
        since = await database.parse_since(since.text)
        async for found in database.changes(since, limit=3):
            seen.update(row.id for row in found.results)
            since = found.last_seq
    assert seen == written
