"""The view of a database that leaves out what somebody may not read."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from couchreg.access.asking import SERVER, STRANGER, Asker, asker_of
from couchreg.access.known import PrivatePackages
from couchreg.access.seen import SeenDatabase, is_narrowed, public_view
from couchreg.docstore.base import BEGINNING, Database, Edit, Range, Seq
from couchreg.docstore.sqlite import SqliteStore
from couchreg.errors import Forbidden, NotFound
from couchreg.model.user import SYSTEM, User
from tests.auth.guards.test_views import READS, ask

ANNA, BOB = Asker("anna"), Asker("bob")
CLOSED: dict[str, Any] = {"restricted": True, "grants": {}}
EVERY = Range()
ABSENT = "ghost"  # as long as "birds"


async def write(database: Database, doc_id: str, **body: Any) -> Seq:
    [row] = await database.winners([doc_id], bodies=False)
    rev = None if row is None or row.deleted else row.rev
    written = await database.update([Edit(doc_id, rev, False, body)], new_edits=True, user=SYSTEM)
    written.check()
    return written.seq


async def package(database: Database, name: str, access: Any = None, **more: Any) -> Seq:
    told = {} if access is None else {"access": access}
    return await write(database, name, name=name, owners=["anna"], **told, **more)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """`bees` is public, `birds` anna's alone."""
    store = SqliteStore(tmp_path)
    made = await store.create("registry")
    await package(made, "bees")
    await package(made, "birds", CLOSED)
    for doc_id in ("bees@1", "birds@1", "birds@2"):
        await write(made, doc_id, title=doc_id)
    yield made
    await store.close()


@pytest.fixture
def private(database: Database) -> PrivatePackages:
    return PrivatePackages(database, lambda name: ("team",) if name == "carla" else ())


def seen(database: Database, private: PrivatePackages, asker: Asker) -> SeenDatabase:
    return SeenDatabase(database, private, lambda: asker)


async def listed(database: Database, wanted: Range = EVERY) -> list[str]:
    return [row.id async for rows in database.all_docs(wanted, bodies=False) for row in rows]


async def changed(database: Database, since: Seq = BEGINNING, **options: Any) -> list[tuple[str, bool]]:
    stretches = database.changes(since, **options)
    return [(one.id, one.deleted) async for stretch in stretches for one in stretch.results]


async def test_who_sees_what(database: Database, private: PrivatePackages) -> None:
    everything = ["bees", "bees@1", "birds", "birds@1", "birds@2"]
    for asker in (SERVER, ANNA, asker_of(User("x", ("_admin",)))):
        assert await listed(seen(database, private, asker)) == everything
    for asker in (STRANGER, BOB, Asker("anna", patterns=("bee*",)), Asker("x", True, ("bee*",))):
        assert await listed(seen(database, private, asker)) == ["bees", "bees@1"]
    await package(database, "birds", {**CLOSED, "grants": {"group:team": "read-only"}})
    assert await listed(seen(database, private, Asker("carla"))) == everything
    assert await listed(seen(database, private, BOB)) == ["bees", "bees@1"]


@pytest.mark.parametrize("access", [CLOSED, None, [], "x", {}, {"restricted": "no"}, {"restricted": None}])
async def test_what_cannot_be_read_closes(database: Database, private: PrivatePackages, access: Any) -> None:
    await write(database, "birds", name="birds", owners=5, access=access)
    assert await listed(seen(database, private, ANNA)) == ["bees", "bees@1"]


async def test_counts_and_ranges_are_of_what_is_seen(database: Database, private: PrivatePackages) -> None:
    view = seen(database, private, BOB)
    assert (await view.info()).doc_count == 2
    assert await view.count_before(Range(start="zebra")) == 2
    assert await view.count_before(Range(start="a", descending=True)) == 2
    assert await listed(view, Range(skip=1)) == ["bees@1"]
    assert await listed(view, Range(limit=1)) == ["bees"]
    assert await listed(view, Range(descending=True, limit=1)) == ["bees@1"]
    assert await listed(view, Range(limit=0)) == []
    assert await changed(view, limit=1) == [("bees", False)]
    assert await changed(view, descending=True, limit=1) == [("bees@1", False)]
    assert await changed(view, limit=0) == []
    assert await changed(view, ids=["birds@1", "bees@1"]) == [("bees@1", False)]


class Calls:
    """What a database is asked, without the ids."""

    def __init__(self, inner: Any) -> None:
        self._inner, self.made = inner, []  # type: ignore[var-annotated]
        self.name = inner.name

    def __getattr__(self, name: str) -> Any:
        self.made.append(name)
        return getattr(self._inner, name)


def reads(name: str) -> dict[str, tuple[Any, ...]]:
    """What is asked of one package and its version."""
    return {
        "tree": (name,),
        "revision": (f"{name}@1",),
        "revisions": (f"{name}@1", ["1-a"]),
        "open_revs": ([(name, None), (f"{name}@1", ["1-a"])],),
        "winners": ([name, f"{name}@1"],),
        "all_docs": (Range(start=f"{name}@", end=f"{name}@~"),),
        "missing_revs": ({name: ["1-a"]},),
    }


@pytest.mark.parametrize("method", sorted(reads("")))
async def test_a_hidden_document_costs_what_an_absent_one_costs(
    database: Database, private: PrivatePackages, method: str
) -> None:
    await private.refresh()
    made = []
    for name in ("birds", ABSENT):
        calls = Calls(database)
        view = SeenDatabase(calls, private, lambda: BOB)  # type: ignore[arg-type]
        options = {"bodies": True} if method in ("winners", "all_docs") else {}
        try:
            found = getattr(view, method)(*reads(name)[method], **options)
            told = [one async for one in found] if hasattr(found, "__aiter__") else await found
        except NotFound as error:
            told = error.reason
        made.append((calls.made, str(told).replace(name, "…")))
    assert made[0] == made[1]


async def test_a_read_that_is_yet_to_come_is_refused(database: Database, private: PrivatePackages) -> None:
    own = set(vars(SeenDatabase))
    assert {name for name in READS if name not in own} == set()
    with pytest.raises(Forbidden):
        await seen(database, private, SERVER).reading()
    with pytest.raises(NotFound):
        await ask(seen(database, private, BOB), "revision")


async def test_what_somebody_comes_to_see_comes_with_what_was_before(
    database: Database, private: PrivatePackages
) -> None:
    view = seen(database, private, BOB)
    before = await database.update_seq()
    await package(database, "birds", {**CLOSED, "grants": {"bob": "read-only"}})
    every = [("birds@1", False), ("birds@2", False), ("birds", False)]
    assert await changed(view, before) == every
    assert await changed(view, before, limit=1) == every
    assert await changed(view, before, ids=["birds@2"]) == []  # its package is not asked for
    [last] = [one.last_seq async for one in view.changes(before, limit=1)][-1:]
    assert last == await database.update_seq()
    assert await changed(seen(database, private, STRANGER), before) == []


async def test_what_is_built_for_everybody_hears_of_what_is_closed(
    database: Database, private: PrivatePackages
) -> None:
    view = public_view(database, private)
    everything = [one[0] for one in await changed(database)]
    gone = {(name, name.startswith("birds")) for name in everything}
    assert set(await changed(view)) == gone
    before = await database.update_seq()
    await package(database, "bees", CLOSED)
    assert await changed(view, before) == [("bees@1", True), ("bees", True)]
    assert [one async for rows in view.changes(before, bodies=True) for one in [rows.results[0].members]] == [
        b"",
        b"",
    ]
    before = await database.update_seq()
    await package(database, "bees", {**CLOSED, "restricted": False})
    assert await changed(view, before) == [("bees@1", False), ("bees", False)]


async def test_in_a_mirror_a_version_waits_for_its_package(database: Database) -> None:
    private = PrivatePackages(database, is_mirror=True)
    await write(database, "moths@1")
    view, admin = seen(database, private, BOB), seen(database, private, Asker("x", True))
    assert await listed(view) == ["bees", "bees@1"]
    assert "moths@1" in await listed(admin)
    before = await database.update_seq()
    await package(database, "moths")
    assert await changed(view, before) == [("moths@1", False), ("moths", False)]
    assert await listed(view) == ["bees", "bees@1", "moths", "moths@1"]


async def test_a_database_that_is_made_anew_begins_anew(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    await package(await store.create("registry"), "birds", CLOSED)
    private = PrivatePackages(await store.open("registry"))
    await private.refresh()
    assert private.restricted() == ["birds"]
    await store.delete("registry")
    again = await store.create("registry")
    private._database = again
    await package(again, "birds")
    await private.refresh()
    assert private.restricted() == []
    await store.close()


async def test_where_nothing_is_restricted_a_read_is_asked_as_it_is(
    database: Database,
) -> None:
    """The sequence is looked at once, skip and limit are passed on; to give a right restricts nothing."""
    looked = Calls(database)
    private = PrivatePackages(looked)  # type: ignore[arg-type]
    await package(database, "birds", {**CLOSED, "restricted": False})
    await private.refresh()
    assert (private.are_restricted, private.hides(STRANGER, "birds@1")) == (False, False)
    calls = Calls(database)
    view = SeenDatabase(calls, private, lambda: STRANGER)  # type: ignore[arg-type]
    assert not await is_narrowed(view)
    for method in ("revision", "winners", "all_docs", "tree"):
        calls.made.clear()
        looked.made.clear()
        options = {"bodies": True} if method in ("winners", "all_docs") else {}
        found = getattr(view, method)(*reads("birds")[method], **options)
        assert [one async for one in found] if hasattr(found, "__aiter__") else await found
        assert (calls.made, looked.made) == ([method], ["update_seq"])
    given = []

    async def all_docs(wanted: Range, *, bodies: bool) -> AsyncIterator[Any]:
        given.append(wanted)
        async for rows in database.all_docs(wanted, bodies=bodies):
            yield rows

    calls.all_docs = all_docs  # type: ignore[attr-defined]
    assert await listed(view, Range(skip=1, limit=2)) == ["bees@1", "birds"]
    assert given == [Range(skip=1, limit=2)]
    await package(database, "bees", CLOSED)
    assert await is_narrowed(view)
    assert await listed(view, Range(skip=1, limit=2)) == ["birds@1", "birds@2"]
