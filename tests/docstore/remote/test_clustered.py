"""Edits of a cluster: of two of one revision one is acknowledged, and what was acknowledged stays, whichever
nodes are away and come back."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from couchreg.docstore.base import Database
from couchreg.docstore.optional import referring
from couchreg.errors import Conflict, NotFound, Unavailable, Unsure
from tests.docstore.cluster import LOST, NODES, Said
from tests.docstore.two_processes import DB, Place, hurry
from tests.docstore.writing import attachment, edit, put, put_one, replica, replicate


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)


async def test_an_edit_has_the_id_that_a_couchdb_gives(place: Place) -> None:
    one, two = await place.databases()
    first = await put_one(one, edit("a", v=1))
    assert first == "1-7a7e4b29f3af401e69b6f86e4c26b727"
    second = await put_one(two, edit("a", first, v=2))
    gone = await put_one(one, edit("a", second, deleted=True))
    again = await put_one(two, edit("a", v=3))
    assert again.startswith("4-")
    [leafs] = {frozenset(one) for one in await place.all_leafs("a")}
    assert leafs == {again}
    assert gone.startswith("3-")
    assert [
        type(one) for one in await put(one, edit("a", first, v=9), edit("b", "1-x", v=1), edit("a", v=1))
    ] == [Conflict] * 3


async def test_of_two_edits_of_a_revision_one_is_acknowledged(place: Place) -> None:
    databases = await place.databases()
    first = await put_one(databases[0], edit("a", v=0))
    found = await asyncio.gather(*[put(one, edit("a", first, v=n)) for n, one in enumerate(databases * 2)])
    outcomes = [outcome for [outcome] in found]
    assert sorted(map(type, outcomes), key=str) == [Conflict] * 3 + [str]
    assert await place.all_leafs("a") == [{one for one in outcomes if isinstance(one, str)}] * 3


async def test_what_only_a_node_that_lags_would_take_is_a_conflict(place: Place) -> None:
    """It lacks the newest revision. CouchDB answers 202 to such an edit, and spreads it."""
    one, two = await place.databases()
    first = await put_one(one, edit("a", v=1))
    place.cluster.up = [1, 2]
    second = await put_one(one, edit("a", first, v=2))
    for up in ([3, 1], [3, 2], [3, 2, 1]):
        place.cluster.up = up
        assert [type(found) for found in await put(two, edit("a", first, v=3))] == [Conflict]
    place.cluster.up = [3]
    with pytest.raises(Unavailable):
        await put_one(two, edit("a", first, v=3))
    place.cluster.up = list(NODES)
    await place.cluster.level()
    assert await place.all_leafs("a") == [{second}] * 3


async def leave_behind(
    place: Place, parents: Mapping[str, str | None], up: Sequence[int] = (1, 2), said: str = "Too few nodes"
) -> None:
    """Of each document an edit that node 3 alone has taken, which then is away."""
    one = (await place.databases())[0]
    edited = vars(one)["_edited"]
    edited._is_closed = True  # nobody looks what became of it before the node is away
    place.cluster.losing = {1, 2}
    for doc_id, rev in parents.items():
        with pytest.raises(Unsure, match=said):
            await put_one(one, edit(doc_id, rev, v="lost"))
    vars(place.cluster).update(up=list(up), losing=set(), mute=set(), bulks=None)
    edited._is_closed = False
    for doc_id in parents:
        edited._settle_later(doc_id)


async def settled(database: Database) -> None:
    edited = vars(database)["_edited"]
    async with asyncio.timeout(30):
        while edited._unsettled:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("is_dead", [False, True])
async def test_what_few_have_taken_has_no_effect_when_their_node_returns(place: Place, is_dead: bool) -> None:
    """Other edits are acknowledged meanwhile: they are the only leafs in the end, whichever revision sorts
    higher. So it is too when the process that sent them is dead."""
    one, two = await place.databases()
    names = [f"{kind}{n}" for n in range(3) for kind in ("new", "old")]
    parents = {name: await put_one(one, edit(name, v=0)) if name[0] == "o" else None for name in names}
    await leave_behind(place, parents)
    if is_dead:
        await place.stores[0].close()
        place.dead.add("one")
    else:
        await settled(one)
    revs = {}
    for name in names:
        if parents[name] is not None:
            with pytest.raises(Conflict):  # what was there is there again, as another revision
                await put_one(two, edit(name, parents[name], v=1))
            assert (await two.revision(name)).body == {"v": 0}
            revs[name] = await put_one(two, edit(name, (await two.revision(name)).rev, v=1))
        else:
            revs[name] = await put_one(two, edit(name, v=1))
    place.cluster.up = list(NODES)
    await place.cluster.level()
    assert {name: await place.all_leafs(name) for name in names} == {
        name: [{revs[name]}] * 3 for name in names
    }


async def test_nothing_is_done_to_a_document_before_it_is_known_what_became_of_its_edit(place: Place) -> None:
    one, two = await place.databases()
    first = await put_one(one, edit("a", v=0))
    await leave_behind(place, {"a": first}, up=[1])
    for database in (one, two):
        with pytest.raises(Unavailable):
            await put_one(database, edit("a", first, v=1))
    place.cluster.up = [1, 3]  # which has it
    await settled(one)
    assert (await two.revision("a")).body == {"v": "lost"}
    place.cluster.up = list(NODES)
    await place.cluster.level()
    [leafs] = {frozenset(leafs) for leafs in await place.all_leafs("a")}
    assert leafs == {(await two.revision("a")).rev}


NOT_NOW = {"error": "forbidden", "reason": "not now"}
REFUSALS: list[Said] = [(400, NOT_NOW), (413, NOT_NOW), (201, [{"id": "a", "rev": "2-a", **NOT_NOW}])]


@pytest.mark.parametrize(
    ("mute", "otherwise"), [(set(), LOST), ({3}, LOST), *[(set(), said) for said in REFUSALS]]
)
async def test_who_is_told_of_a_refusal_may_have_given_an_edit_to_a_node(
    place: Place, mute: set[int], otherwise: Said
) -> None:
    """One request before: that was answered 202, or 500 and was sent again."""
    one, two = await place.databases()
    first = await put_one(one, edit("a", v=0))
    vars(place.cluster).update(bulks=1, mute=mute, otherwise=otherwise)
    await leave_behind(place, {"a": first}, said="is away: progress" if otherwise == LOST else "not now")
    await settled(one)
    with pytest.raises(Conflict):
        await put_one(two, edit("a", first, v=1))
    second = await put_one(two, edit("a", (await two.revision("a")).rev, v=1))
    place.cluster.up = list(NODES)
    await place.cluster.level()
    assert await place.all_leafs("a") == [{second}] * 3


async def test_an_edit_goes_on_when_whoever_asked_for_it_has_left(place: Place) -> None:
    one, two = await place.databases()
    await put_one(one, edit("before", v=0))
    place.cluster.losing = {1, 2}
    work = asyncio.create_task(put_one(one, edit("a", v=0)))
    async with asyncio.timeout(30):
        while not await place.cluster.leafs(3, place.physical, "a"):
            await asyncio.sleep(0.01)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    other = asyncio.create_task(put(two, edit("a", v=1)))
    await asyncio.sleep(0.1)
    assert not other.done()
    place.cluster.losing = set()
    assert [type(found) for found in await other] == [Conflict]


async def test_an_edit_whose_process_died_is_made_certain_of(place: Place) -> None:
    one, two = await place.databases()
    first = await put_one(one, edit("a", v=1))
    place.cluster.mute = {1, 2, 3}  # it comes to all, and the answers are lost
    with pytest.raises(Unsure):
        await put_one(one, edit("a", first, v="there"))
    place.cluster.mute = set()
    [there] = {frozenset(leafs) for leafs in await place.all_leafs("a")}
    with pytest.raises(Conflict):
        await put_one(two, edit("a", first, v=2))
    second = await put_one(two, edit("a", *there, v=2))
    assert await place.all_leafs("a") == [{second}] * 3


async def test_replicated_revisions_are_kept_beside_others(place: Place) -> None:
    one, two = await place.databases()
    first = await put_one(one, edit("a", v=1))
    assert await replicate(two, replica("a", "1-b", v=2), replica("b", "2-d c", v=1)) == ["1-b", "2-d"]
    assert await place.all_leafs("a") == [{first, "1-b"}] * 3
    assert await put_one(two, edit("a", "1-b", v=3))
    missing = await one.missing_revs({"a": ["1-b", "1-z"]})
    assert missing["a"][0] == ["1-z"]
    place.cluster.up = [2]
    with pytest.raises(Unavailable):
        await replicate(two, replica("c", "1-b", v=2))


async def test_a_file_is_needed_that_any_copy_needs(place: Place) -> None:
    """Whoever asks one copy may ask one that lags."""
    one, two = await place.databases()
    for store in place.stores:
        store.calls._doubted_until = 0.0
    keys = ["a/1/f", "b/1/f", "c/1/f"]
    await put_one(one, edit("a", attachments=(attachment("f", key=keys[0]),)))
    place.cluster.up = [2, 3]
    await put_one(one, edit("b", attachments=(attachment("f", key=keys[1]),)))
    for up in ([1, 2, 3], [1, 3, 2]):
        place.cluster.up = up
        assert await referring(two).referred(keys) == {*keys[:2]}
    place.cluster.up = [1, 2, 3]
    await place.cluster.level()
    place.cluster.up = [2, 3]
    await put_one(one, edit("b", (await one.revision("b")).rev))
    place.cluster.up = [2, 3, 1]
    assert await referring(two).referred(keys) == {*keys[:2]}  # a copy lags still
    await place.cluster.level()
    assert await referring(two).referred(keys) == {keys[0]}
    place.cluster.deaf = {3}  # which is there, and answers nobody
    assert await referring(two).referred(keys) == {*keys}
    place.cluster.deaf, place.cluster.up = set(), [1, 2]
    assert await referring(two).referred(keys) == {*keys}
    place.cluster.up = [1, 2, 3]
    assert await referring(two).referred(keys) == {*keys}  # for a while after a node was away


async def test_of_two_who_make_a_database_one_does(place: Place) -> None:
    found = await asyncio.gather(*[store.create("other") for store in place.stores], return_exceptions=True)
    assert sorted(type(one).__name__ for one in found) == ["ClusterDatabase", "FileExists"]
    [made] = [one for one in found if not isinstance(one, BaseException)]
    assert {(await store.open("other")).life for store in place.stores} == {made.life}
    await asyncio.gather(*[store.delete("other") for store in place.stores], return_exceptions=True)
    assert await place.stores[0].names() == [DB]
    place.cluster.deaf = {1, 2}
    with pytest.raises(Unsure, match="Too few nodes"):
        await place.stores[0].create("other")


async def test_what_is_written_down_never_goes_back(place: Place) -> None:
    """Of `_local` documents each copy keeps what came last, and of two that differ any may be read."""
    notes = [await store.notes(DB) for store in place.stores]
    databases = await place.databases()
    for step, up in enumerate(([2, 3], [1, 3], [1, 2])):
        place.cluster.up = up
        await notes[step % 2].write("follower", {"seq": step})
        await databases[step % 2].set_setting("security", {"step": step})
        assert await databases[step % 2].update_local("_local/a", {"n": step}, f"0-{step}") == f"0-{step + 1}"
        for order in ([3, 1, 2], [1, 2, 3], [2, 3, 1], [2, 1], [3, 2], [1, 3]):
            place.cluster.up = order
            for one, store in zip(notes, place.stores, strict=True):
                assert await one.read("follower") == {"seq": step}
                assert (await (await store.open(DB)).local("_local/a")).body == {"n": step}
        place.cluster.up = [1, 2, 3]
        assert await databases[0]._read_setting("security") == {"step": step}  # type: ignore[attr-defined]
    assert await notes[1].names("") == ["follower"]
    await databases[0].update_local("_local/a", None, "0-3")
    with pytest.raises(NotFound):
        await databases[1].local("_local/a")
    with pytest.raises(NotFound):
        await databases[1].update_local("_local/a", None, "0-3")
    place.cluster.up = [1]
    with pytest.raises(Unavailable):
        await notes[0].read("follower")
