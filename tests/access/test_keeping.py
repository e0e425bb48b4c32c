"""What keeps a restricted package restricted, whoever writes."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from couchreg.access.keeping import KeptRestricted
from couchreg.docstore.base import Database, Edit
from couchreg.docstore.sqlite import SqliteStore
from couchreg.errors import Forbidden
from couchreg.model.user import SYSTEM

ACCESS: dict[str, Any] = {"access": {"restricted": True, "grants": {}}}
FIRST, OTHER, GONE = "5" * 32, "7" * 32, "e" * 32


def edit(rev: str, *before: str, deleted: bool = False, **body: Any) -> Edit:
    return Edit("bees", rev, deleted, body, (), (rev.partition("-")[2], *before))


GOES = edit(f"2-{GONE}", FIRST, deleted=True)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """Where `bees` is restricted, by one revision."""
    store = SqliteStore(tmp_path)
    made = await store.create("registry")
    await write(made, edit(f"1-{FIRST}", **ACCESS))
    yield made
    await store.close()


async def write(database: Database, *edits: Edit, together: bool = True) -> None:
    (await database.update(edits, new_edits=False, user=SYSTEM, together=together)).check()


async def leafs(database: Database) -> list[str]:
    tree = await database.tree("bees")
    assert tree is not None
    return [leaf.rev for leaf in tree.leafs() if not leaf.deleted]


async def test_a_document_takes_the_place_of_another_that_goes(database: Database) -> None:
    await write(KeptRestricted(database, files_are_public=False), edit(f"1-{OTHER}", **ACCESS), GOES)
    assert await leafs(database) == [f"1-{OTHER}"]


@pytest.mark.parametrize(
    ("edits", "together"),
    [
        ([GOES], True),
        ([edit(f"1-{OTHER}"), GOES], True),
        ([edit(f"1-{OTHER}", **ACCESS), GOES], False),
        ([edit(f"1-{OTHER}", **ACCESS), edit(f"2-{OTHER}", OTHER, deleted=True), GOES], True),
        ([edit(f"1-{'1' * 32}", **ACCESS), GOES], True),  # behind a conflict that says nothing
        ([edit(f"1-{'4' * 32}", **ACCESS), GOES], True),  # which is that conflict, and stays as it is
    ],
)
async def test_nothing_goes_that_would_open_it(
    database: Database, edits: list[Edit], *, together: bool
) -> None:
    await write(database, edit(f"1-{'4' * 32}"))
    kept = KeptRestricted(database, files_are_public=False)
    with pytest.raises(Forbidden):
        await write(kept, *edits, together=together)
    assert f"1-{FIRST}" in await leafs(database)
