"""The order of changes in a cluster: what is compared, and what happens when a node is lost."""

import asyncio
from typing import Any

import pytest

from couchreg.docstore.base import BEGINNING, Seq
from couchreg.docstore.remote import copies
from couchreg.docstore.remote.asking import DatabaseCalls
from couchreg.docstore.remote.calls import CouchAnswer
from couchreg.docstore.remote.copies import NEAR, Copies, FollowedCopy, NoAgreement
from couchreg.docstore.remote.places import CopyPlace
from couchreg.errors import BadRequest, Failure, Unsure
from couchreg.model import json

LIFE = "abc"
MODEL = CopyPlace.parse(
    "g2wAAAABaANkAA9ub2RlMUAxMjcuMC4wLjFsAAAAAmEAbgQA_____2poA2EEbQAAAAc4NWZmYWVhZAAPbm9kZTFAMTI3LjAuMC4xag"
)


def place_at(node: int, number: int) -> CopyPlace:
    before = MODEL.before.replace(b"node1", b"node%d" % node)
    return CopyPlace(before, number, MODEL.behind.replace(b"node1", b"node%d" % node))


def text(node: int, number: int) -> str:
    return f"{number}-{place_at(node, number).opaque}"


class Cluster:
    """Of two nodes: the documents of each in the order in which its copy has them. Reads go on at the node of
    the place, or from the beginning of the other one where that is lost."""

    decoded = staticmethod(DatabaseCalls.decoded)

    def __init__(self) -> None:
        self.rows: dict[int, list[tuple[str, str]]] = {1: [], 2: []}
        self.lost: set[int] = set()
        self.slow: dict[int, float] = {}  # seconds that a node is waited for
        self.noted: str | None = None

    async def ask(self, method: str, path: str, **more: Any) -> CouchAnswer:
        await asyncio.sleep(0)
        if path == "/_changes":
            since = more["query"]["since"]
            if since != "now":
                await asyncio.sleep(self.slow.get(int(CopyPlace.parse(since.partition("-")[2]).node[4]), 0))
            return self._changes(**more["query"])
        if method == "PUT":
            self.noted = more["value"]["seq"]
            return CouchAnswer(201, b"{}")
        if self.noted is None:
            return CouchAnswer(404, b"{}")
        return CouchAnswer(200, json.encode({"seq": self.noted}))

    def _changes(self, since: str, limit: str, style: str) -> CouchAnswer:
        node = next(one for one in self.rows if one not in self.lost and one not in self.slow)
        start = len(self.rows[node])
        if since != "now":
            place = CopyPlace.parse(since.partition("-")[2])
            wanted = int(place.node[4])
            node, start = (node, 0) if wanted in self.lost else (wanted, place.number)
        found = [
            {"id": doc_id, "seq": text(node, number), "changes": [{"rev": rev}]}
            for number, (doc_id, rev) in enumerate(self.rows[node], 1)
            if number > start
        ][: int(limit)]
        last = found[-1]["seq"] if found else text(node, start)
        return CouchAnswer(200, json.encode({"results": found, "last_seq": last}))

    def write(self, *ids: str, nodes: tuple[int, ...] = (1, 2)) -> None:
        for node in nodes:
            self.rows[node] += [(doc_id, "1-a") for doc_id in ids]


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def followed(cluster: Cluster) -> Copies:
    return Copies(cluster, LIFE)  # type: ignore[arg-type]


async def test_places_of_the_followed_copy_are_in_order(cluster: Cluster, followed: Copies) -> None:
    first = await followed.now()
    assert first == Seq(0, "0-abc.-", LIFE)
    cluster.write("a", "b")
    second = await followed.now()
    assert first < second == await followed.now()
    assert second.number == NEAR + 2
    assert followed.since(second) == text(1, 2)
    assert followed.since(BEGINNING) == text(1, 0)
    assert followed.stamp(text(1, 1)) < second
    assert followed.parse(second.text) == second
    assert followed.stamp(text(2, 700)) < followed.stamp(text(1, 1))  # nobody knows what it has seen


async def test_those_who_come_together_share_an_answer(cluster: Cluster, followed: Copies) -> None:
    await followed.now()
    cluster.write("a")
    found = await asyncio.gather(*[followed.now() for _ in range(20)])
    assert {one.number for one in found} == {NEAR + 1}


async def test_a_node_that_is_lost_is_followed_by_another(cluster: Cluster, followed: Copies) -> None:
    cluster.write("a", "b", "c")
    await followed.now()
    cluster.write("d")
    before = await followed.now()
    between = followed.stamp(text(1, 2))
    cluster.rows[2].reverse()  # the order of each copy is its own
    cluster.lost = {1}
    after = await followed.now()
    assert before < after
    assert CopyPlace.parse(after.text.partition(".")[2]).node[:5] == "node2"
    # Who had seen everything goes on where the new one was begun; who had not, from the beginning.
    assert followed.since(before) == text(2, 0)
    assert followed.since(between) == text(2, 0)
    # What comes while all is read again is behind whatever anybody waits for.
    assert followed.stamp(text(2, 3)) < between < before < followed.stamp(text(2, 4)) == after
    cluster.write("e", nodes=(2,))
    assert after < await followed.now()
    assert followed.since(after) == text(2, 4)


async def test_a_node_is_slow_as_long_as_its_copy_answers(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "STILL", 0.01)
    asked: list[str] = []

    async def is_silent(node: str) -> bool:
        asked.append(node)
        return len(asked) > 2

    followed = Copies(cluster, LIFE, None, is_silent)  # type: ignore[arg-type]
    cluster.write("a", "b")
    await followed.now()
    cluster.write("c")
    cluster.slow = {1: 0.025}
    slowly = await followed.now()
    assert len(asked) in (1, 2)
    assert followed.since(slowly) == text(1, 3)
    cluster.slow = {1: 3600.0}
    assert slowly < await followed.now()
    assert followed.since(slowly) == text(2, 0)
    cluster.slow = {}
    assert followed.since(await followed.now()) == text(2, 3)


@pytest.fixture
def seen_by_another(cluster: Cluster) -> Cluster:
    """The same cluster, of which another process reaches other nodes."""
    other = Cluster()
    other.rows = cluster.rows
    return other


async def test_all_processes_follow_the_same_copy(
    cluster: Cluster, seen_by_another: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where one does not see that a node is lost for another; and a client that asks both misses
    nothing."""
    monkeypatch.setattr(copies, "LOOK", 0.0)
    agreement = NoAgreement()
    one = Copies(cluster, LIFE, agreement)  # type: ignore[arg-type]
    two = Copies(seen_by_another, LIFE, agreement)  # type: ignore[arg-type]
    cluster.write("a")
    assert await one.now() == await two.now()
    cluster.write("b")
    before = await two.now()
    cluster.lost = {1}
    after = await one.now()
    assert before < after == await two.now()
    assert two.since(before) == one.since(before)
    assert two.since(after) == one.since(after) == text(2, 2)
    cluster.write("c")
    seen_by_another.lost, cluster.lost = {2}, {2}
    found = await asyncio.gather(one.now(), two.now())
    assert found[0].number == found[1].number > after.number
    assert one.node == two.node == "node1@127.0.0.1"
    third = Copies(cluster, LIFE, agreement)  # type: ignore[arg-type]
    assert await third.now() == await one.now()
    assert third.since(after) == one.since(after)


async def test_of_two_who_see_it_at_once_one_says_what_is_followed(
    cluster: Cluster, seen_by_another: Cluster
) -> None:
    class Slow(NoAgreement):
        async def propose(self, followed: FollowedCopy) -> FollowedCopy:
            await asyncio.sleep(0.01)
            there = await self.read()
            if there is not None and there.turn >= followed.turn:
                return there
            return await super().propose(followed)

    agreement = Slow()
    one = Copies(cluster, LIFE, agreement)  # type: ignore[arg-type]
    two = Copies(seen_by_another, LIFE, agreement)  # type: ignore[arg-type]
    for write, lost in (("a", {1}), ("b", {2}), ("c", {1})):
        cluster.write(write)
        cluster.lost = seen_by_another.lost = lost
        found = await asyncio.gather(one.now(), two.now())
        assert found[0].number == found[1].number
        assert one.node == two.node


async def test_how_far_it_is_is_written_down_now_and_then(
    cluster: Cluster, followed: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "PAGE", 3)
    monkeypatch.setattr(copies, "OFTEN", 5)
    await followed.now()
    cluster.write(*"abcd")
    assert (await followed.now()).number == NEAR + 4
    assert cluster.noted == text(1, 0)
    cluster.write("e")
    await followed.now()
    assert cluster.noted == text(1, 5)


async def test_what_was_written_is_waited_for(cluster: Cluster, followed: Copies) -> None:
    await followed.now()
    with followed.awaiting(["a", "b"]) as seen:
        cluster.write("a", nodes=(1,))
        waiting = asyncio.create_task(followed.shown([("a", "1-a"), ("b", "1-a")], seen))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        cluster.rows[1].append(("b", "2-b"))  # edited since
        assert (await waiting).number == NEAR + 2


async def test_a_copy_that_stays_behind_leaves_it_unsure(
    cluster: Cluster, followed: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "SHOWN", 0.05)
    await followed.now()
    with followed.awaiting(["a"]) as seen, pytest.raises(Unsure):
        await followed.shown([("a", "1-a")], seen)


async def test_what_is_no_place(cluster: Cluster, followed: Copies) -> None:
    await followed.now()
    with pytest.raises(BadRequest):
        followed.parse(f"3-{LIFE}.nonsense")
    with pytest.raises(Failure, match="several shards"):
        followed.stamp("3-nonsense")
    bare = followed.parse("7")
    assert bare is not None
    assert followed.since(bare) == "7"  # for CouchDB to refuse
    assert followed.parse("now") is None
    assert followed.parse("0") == BEGINNING
