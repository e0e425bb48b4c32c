"""Pages of `_changes` in which a package comes that somebody had not seen before."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from couchreg.access.known import PrivatePackages
from couchreg.access.seen import SeenDatabase, public_view
from couchreg.docstore.base import BEGINNING, Database, Seq
from couchreg.docstore.sqlite import SqliteStore
from tests.access.conftest import ANNA as ANNAS
from tests.access.conftest import BOB as BOBS
from tests.access.conftest import Door, secret
from tests.access.test_seen import ANNA, BOB, CLOSED, SERVER, STRANGER, Calls, package, seen, write

TO_BOB = {**CLOSED, "grants": {"bob": "read-only"}}
VERSIONS = [f"birds@{number}" for number in range(6)]


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """`birds` is anna's alone, with six versions; `bees` is public."""
    store = SqliteStore(tmp_path)
    made = await store.create("registry")
    await package(made, "birds", CLOSED)
    await package(made, "bees")
    for doc_id in VERSIONS:
        await write(made, doc_id)
    yield made
    await store.close()


@pytest.fixture
def private(database: Database) -> PrivatePackages:
    return PrivatePackages(database)


async def read(view: SeenDatabase, since: Seq, **options: Any) -> tuple[list[tuple[int, str]], Seq]:
    """The rows, and where to go on; each stretch ends behind its rows, and none goes back."""
    rows, last = [], since
    async for stretch in view.changes(since, **options):
        rows += [(one.seq.number, one.id) for one in stretch.results]
        assert all(one.seq <= stretch.last_seq for one in stretch.results)
        assert last <= stretch.last_seq
        last = stretch.last_seq
    assert rows == sorted(rows, key=lambda row: row[0])
    return rows, last


async def paged(view: SeenDatabase, since: Seq, limit: int) -> list[str]:
    found, end = list[str](), await view.update_seq()
    for _ in range(50):
        rows, last = await read(view, since, limit=limit)
        if not rows:
            assert last == end
            return found
        assert since < last
        found, since = found + [doc_id for _, doc_id in rows], last
    raise AssertionError("the pages have no end")


@pytest.mark.parametrize("limit", range(1, 14))
@pytest.mark.parametrize("is_moved", [False, True])
async def test_pages_end_and_lose_nothing(
    database: Database, private: PrivatePackages, limit: int, is_moved: bool
) -> None:
    await private.refresh()
    since = await database.update_seq()
    for doc_id in ("newone", "newone@1"):
        await write(database, doc_id)
    await package(database, "birds", TO_BOB)
    await private.refresh()  # in a server somebody is always asking
    await write(database, "newtwo")
    if is_moved:
        await package(database, "birds", TO_BOB, tags={"gamma": "1"})
    await write(database, "newtwo@1")
    own = ["newtwo", "birds", "newtwo@1"] if is_moved else ["birds", "newtwo", "newtwo@1"]
    expected = ["newone", "newone@1", *VERSIONS, *own]
    view = seen(database, private, BOB)
    assert [doc_id for _, doc_id in (await read(view, since))[0]] == expected
    assert await paged(view, since, limit) == expected
    ours = [one for one in expected if one not in VERSIONS]
    assert await paged(seen(database, private, SERVER), since, limit) == ours
    assert await paged(seen(database, private, STRANGER), since, limit) == [
        one for one in ours if one != "birds"
    ]


async def test_a_place_among_what_comes_again_is_before_all_of_it(
    database: Database, private: PrivatePackages
) -> None:
    """A follower keeps such a place when it ends; the document has moved on since the rights changed."""
    await private.refresh()
    since = await database.update_seq()
    await package(database, "birds", TO_BOB)
    await private.refresh()
    await write(database, "newone")
    await package(database, "birds", TO_BOB, tags={"gamma": "1"})
    view = seen(database, private, BOB)
    rows = [one async for stretch in view.changes(since) for one in stretch.results]
    for one in rows[:6]:
        again, _ = await read(view, one.seq)
        assert [doc_id for _, doc_id in again] == [*VERSIONS, "newone", "birds"]


async def test_versions_come_again_only_where_the_right_to_read_has_changed(
    database: Database, private: PrivatePackages
) -> None:
    await package(database, "birds", TO_BOB)
    await package(database, "bees", {**CLOSED, "restricted": False})
    await write(database, "bees@1")
    await private.refresh()
    since = await database.update_seq()
    await package(database, "birds", TO_BOB, tags={"gamma": "1"})
    await package(database, "bees", {"restricted": False, "grants": {"bob": "read-write"}})
    for asker in (ANNA, BOB):
        rows, _ = await read(seen(database, private, asker), since)
        assert [doc_id for _, doc_id in rows] == ["birds", "bees"]
    rows, _ = await read(public_view(database, private), since)
    assert [doc_id for _, doc_id in rows] == ["birds", "bees"]
    await package(database, "birds", {**TO_BOB, "changed": "2026-11-29T12:00:00.000Z"})  # of a group
    rows, _ = await read(seen(database, private, BOB), since)
    assert [doc_id for _, doc_id in rows] == ["bees", *VERSIONS, "birds"]


class Growing(Calls):
    """An engine whose listing goes on with what is written meanwhile, as a remote one's may."""

    async def changes(self, since: Seq, *, ids: Any = None, **options: Any) -> AsyncIterator[Any]:
        last = since
        async for stretch in self._inner.changes(since, ids=ids, **options):
            last = stretch.last_seq
            yield stretch
        if ids is None:
            await package(self._inner, "birds", TO_BOB)
            async for stretch in self._inner.changes(last, **options):
                yield stretch


async def test_what_is_opened_while_everything_is_read_is_not_lost(
    database: Database, private: PrivatePackages
) -> None:
    view = SeenDatabase(Growing(database), private, lambda: BOB)  # type: ignore[arg-type]
    rows, _ = await read(view, BEGINNING)
    assert [doc_id for _, doc_id in rows] == ["bees", *VERSIONS, "birds"]


async def test_at_the_couch_door_every_page_leads_on(door: Door) -> None:
    for number in range(3):
        assert (await door.publish(secret("closed"), f"1.0.{number}"))[0] == 201
    await door.restrict("closed")
    since = await (await door.app.store.open("registry")).update_seq()
    assert (await door.publish(secret("open")))[0] == 201
    await door.grant("closed", "bob")
    assert (await door.ask("PUT", "/-/dist-tags/closed/gamma", ANNAS, json={"version": "1.0.0"}))[0] < 300
    expected = {"open", "open@1.0.0", "closed", *(f"closed@1.0.{number}" for number in range(3))}
    for query in ("", "&include_docs=true", "&filter=_selector"):
        for limit in (1, 2, 4):
            found, place = set[str](), since.text
            for _ in range(20):
                path = f"/registry/_changes?since={place}&limit={limit}{query}"
                sent = {"json": {"selector": {}}} if "selector" in query else {}
                asked = await door.raw("POST" if sent else "GET", path, BOBS, couch=True, **sent)
                status, page = asked[0], json.loads(asked[2])
                assert status == 200, page
                if not page["results"]:
                    break
                assert page["last_seq"] != place
                found, place = found | {row["id"] for row in page["results"]}, page["last_seq"]
            assert (found, page["results"]) == (expected, [])
