"""Writes before which design documents are asked."""

import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from couchreg.designdocs.validating import ValidatedDatabase
from couchreg.docstore.base import Database
from couchreg.docstore.sqlite import SqliteStore
from couchreg.errors import CouchregError, Forbidden
from couchreg.model.user import SYSTEM
from tests.docstore.writing import edit


class RefusesBad:
    """In the place of `Validators`: one design document, which refuses what has a member `bad`."""

    functions: Any

    def __init__(self) -> None:
        self.functions = self
        self.known: dict[str, Any] = {}
        self.others_write = bool

    async def of(self, _: Database) -> Sequence[str]:
        return ["_design/d"]

    async def validate(self, _: str, cases: Sequence[Sequence[bytes]]) -> list[CouchregError | None]:
        return [Forbidden("bad") if b'"bad"' in case[0] else None for case in cases]

    def changed(self, name: str) -> None: ...


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    store = SqliteStore(tmp_path)
    validators: Any = RefusesBad()
    yield ValidatedDatabase(await store.create("x"), validators)
    await store.close()


async def test_what_is_refused_stops_only_itself(database: Database) -> None:
    wanted = [edit("a", good=1), edit("b", bad=1)]
    outcomes = (await database.update(wanted, new_edits=True, user=SYSTEM)).outcomes
    assert [isinstance(outcome, Forbidden) for outcome in outcomes] == [False, True]
    assert [row is None for row in await database.winners(["a", "b"], bodies=False)] == [False, True]


async def test_what_is_refused_stops_all_that_goes_together(database: Database) -> None:
    wanted = [edit("a", good=1), edit("b", bad=1)]
    with pytest.raises(Forbidden, match="bad"):
        await database.update(wanted, new_edits=True, user=SYSTEM, together=True)
    assert await database.winners(["a", "b"], bodies=False) == [None, None]


async def test_functions_see_the_history_of_what_has_one(database: Database) -> None:
    shown: list[list[dict[str, Any] | None]] = []

    async def validate(_: str, cases: Sequence[Sequence[bytes]]) -> list[CouchregError | None]:
        shown.extend([json.loads(text) for text in case[:2]] for case in cases)
        return [None] * len(cases)

    database._validators.validate = validate  # type: ignore[attr-defined]
    [rev] = (await database.update([edit("a", n=1)], new_edits=True, user=SYSTEM)).outcomes
    assert isinstance(rev, str)
    await database.update([edit("a", rev, n=2)], new_edits=True, user=SYSTEM)
    history = {"start": 1, "ids": [rev[2:]]}
    assert shown == [
        [{"_id": "a", "n": 1}, None],
        [
            {"_id": "a", "_rev": rev, "n": 2, "_revisions": history},
            {"_id": "a", "_rev": rev, "n": 1, "_revisions": history},
        ],
    ]
