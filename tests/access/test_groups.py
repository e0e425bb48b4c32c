"""Groups as they are kept."""

from typing import Any

import pytest

from couchreg.access import groups as module
from couchreg.access.groups import Groups
from couchreg.docstore.notes import NoteChange
from couchreg.errors import BadRequest, Conflict, Forbidden, NotFound, Unavailable
from couchreg.model.user import SYSTEM, User

ANNA, BOB = User("anna"), User("bob")


class Kept:
    """Notes in memory."""

    def __init__(self) -> None:
        self.notes: dict[str, Any] = {"token:x": {"not": "a group"}}

    async def read(self, name: str) -> Any:
        return self.notes.get(name)

    async def write(self, name: str, value: Any) -> None:
        if value is None:
            self.notes.pop(name)
        else:
            self.notes[name] = value

    async def change(self, name: str, change: NoteChange) -> Any:
        value = change(self.notes.get(name))
        if value is not None or name in self.notes:
            await self.write(name, value)
        return value

    async def state(self, kind: str) -> str:
        return repr(self.notes)

    async def all(self, front: str) -> dict[str, Any]:
        return {name: self.notes[name] for name in await self.names(front)}

    async def names(self, front: str) -> list[str]:
        return sorted(name for name in self.notes if name.startswith(front))


@pytest.fixture
def kept() -> Kept:
    return Kept()


async def test_they_are_there_after_a_start(kept: Kept) -> None:
    groups = Groups(kept)
    await groups.create("team", ANNA)
    await groups.put("team", "bob", ANNA, owner=False)
    await groups.put("team", "carla", ANNA, owner=True)
    again = Groups(kept)
    await again.load()
    assert again.get("team", ANNA).shown() == {
        "name": "team",
        "owners": ["anna", "carla"],
        "members": ["bob"],
    }
    assert [list(again.of(name)) for name in ("anna", "bob", "carla", "dora")] == [["team"]] * 3 + [[]]
    await again.delete("team", SYSTEM)
    assert list(again.of("anna")) == []
    assert await kept.names("group:") == []


async def test_who_may_change_one(kept: Kept) -> None:
    groups = Groups(kept)
    await groups.create("team", ANNA)
    with pytest.raises(NotFound):
        await groups.put("team", "bob", BOB, owner=False)
    await groups.put("team", "bob", ANNA, owner=False)
    with pytest.raises(Forbidden):
        await groups.put("team", "carla", BOB, owner=False)
    with pytest.raises(Forbidden):
        await groups.put("team", "anna", ANNA, owner=False)  # the last owner
    with pytest.raises(NotFound):
        await groups.remove("team", "carla", ANNA)
    assert (await groups.remove("team", "bob", BOB)).members == ()
    with pytest.raises(NotFound):
        groups.get("team", BOB)


async def test_there_are_bounds(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_OWNED", 2)
    monkeypatch.setattr(module, "MOST_MEMBERS", 2)
    groups = Groups(kept)
    for name in ("one", "two"):
        await groups.create(name, ANNA)
    with pytest.raises(Forbidden):
        await groups.create("three", ANNA)
    with pytest.raises(Conflict):
        await groups.create("one", BOB)
    with pytest.raises(Conflict):
        await groups.create("gone", BOB, is_named=True)
    with pytest.raises(BadRequest):
        await groups.create("No name", BOB)
    await groups.put("one", "bob", ANNA, owner=False)
    with pytest.raises(BadRequest):
        await groups.put("one", "carla", ANNA, owner=False)


async def test_what_could_not_be_read_is_read_again(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whom another process has removed does not stay in it for that."""
    groups, others = Groups(kept), Groups(kept)
    await groups.create("team", ANNA)
    await groups.put("team", "bob", ANNA, owner=False)
    await others.load()
    await groups.remove("team", "bob", ANNA)

    async def fail(name: str) -> Any:
        raise Unavailable("away")

    with monkeypatch.context() as away:
        away.setattr(kept, "all", fail)
        with pytest.raises(Unavailable):
            await others.refresh()
    await others.refresh()
    assert list(others.of("bob")) == []
