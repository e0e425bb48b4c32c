"""Random edits: a database agrees with a naive model, and replicas agree with each other."""

import random
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from couchreg.docstore.base import Database
from couchreg.docstore.sqlite import SqliteStore
from couchreg.errors import Conflict
from tests.docstore.writing import changes, edit, leafs, put_one, replica, replicate, rows

NAMES = ["a", "b", "c"]


async def spread(source: Database, target: Database, chance: random.Random) -> None:
    """What a replicator does, in an order of its own."""
    found = await changes(source, all_leafs=True)
    chance.shuffle(found)
    lacking = await target.missing_revs({change.id: change.revs for change in found})
    for doc_id, (missing, _) in lacking.items():
        tree = await source.tree(doc_id)
        assert tree is not None
        edits = []
        for rev in missing:
            stored = await source.revision(doc_id, rev)
            path = " ".join([rev, *[older.partition("-")[2] for older in tree.history(rev)[1:]]])
            wanted = replica(doc_id, path, deleted=stored.deleted, v=int(stored.members.partition(b":")[2]))
            edits.append(wanted)
        chance.shuffle(edits)
        await replicate(target, *edits)


async def edit_at_random(db: Database, chance: random.Random, n: int) -> None:
    name = chance.choice(NAMES)
    known = await leafs(db, name)
    rev = chance.choice([None, *known, "1-0123456789abcdef0123456789abcdef"])
    try:
        await put_one(db, edit(name, rev, deleted=chance.random() < 0.3, v=n))
    except Conflict:
        return


async def state(db: Database) -> dict[str, object]:
    found = await changes(db, all_leafs=True, bodies=True)
    return {change.id: (change.revs, change.deleted, change.members) for change in found}


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
async def test_three_replicas_converge(seed: int) -> None:
    chance = random.Random(seed)
    with TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder))
        replicas = [await store.create(name) for name in ("x", "y", "z")]
        for n in range(40):
            await edit_at_random(chance.choice(replicas), chance, n)
            if chance.random() < 0.3:
                await spread(*chance.sample(replicas, 2), chance)
        for _ in range(2):
            for source in chance.sample(replicas, 3):
                for target in replicas:
                    await spread(source, target, chance)
        states = [await state(db) for db in replicas]
        assert states[0] == states[1] == states[2]
        for db in replicas:
            assert await db.check() == []
        await store.close()


class Naive:
    """Documents as lists of leafs, each with what it descends from; no cleverness."""

    def __init__(self) -> None:
        self.leafs: dict[str, dict[str, tuple[bool, int]]] = {}
        self.order: list[str] = []

    def winner(self, name: str) -> str | None:
        found = self.leafs.get(name, {})
        return max(found, key=lambda rev: (not found[rev][0], int(rev.split("-")[0]), rev), default=None)

    def allows(self, name: str, rev: str | None, *, deleted: bool) -> bool:
        winner = self.winner(name)
        if winner is None:
            return rev is None or bool(self.order)  # only the very first document is looked at
        alive = not self.leafs[name][winner][0]
        return not (alive or deleted) if rev is None else alive and rev in self.leafs[name]

    def put(self, name: str, parent: str | None, rev: str, *, deleted: bool, v: int) -> None:
        replaced = parent or self.winner(name)
        self.leafs.setdefault(name, {}).pop(replaced or "", None)
        self.leafs[name][rev] = (deleted, v)
        self.order = [other for other in self.order if other != name] + [name]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 3), st.booleans()), max_size=40))
async def test_edits_agree_with_a_naive_model(script: list[tuple[str, int, bool]]) -> None:
    with TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder))
        db = await store.create("db")
        model = Naive()
        for v, (name, choice, deleted) in enumerate(script):
            parent = [None, *await leafs(db, name), "1-00"][: choice + 1][-1]
            allowed = model.allows(name, parent, deleted=deleted)
            try:
                rev = await put_one(db, edit(name, parent, deleted=deleted, v=v))
            except Conflict:
                assert not allowed
            else:
                assert allowed
                model.put(name, parent, rev, deleted=deleted, v=v)
        assert [change.id for change in await changes(db)] == model.order
        live = {name for name in model.order if not model.leafs[name][str(model.winner(name))][0]}
        assert [row.id for row in await rows(db)] == sorted(live)
        info = await db.info()
        assert (info.doc_count, info.doc_del_count) == (len(live), len(model.order) - len(live))
        for name in model.order:
            assert set(await leafs(db, name)) == set(model.leafs[name])
        assert await db.check() == []
        await store.close()
