"""Notes that several processes change: each knows what kind another one has changed, and reads it at once."""

import pytest

from couchreg.access.groups import Groups
from couchreg.docstore.named import NamedNotes
from couchreg.docstore.remote import RemoteStore
from couchreg.docstore.remote.calls import CouchAnswer
from couchreg.model.user import User

ANNA = User("anna")


async def test_what_is_of_another_kind_is_not_read_again(remote: RemoteStore) -> None:
    here = RemoteStore(remote.address)
    await remote.create("_users")
    ours, theirs = NamedNotes(here, "_users"), NamedNotes(remote, "_users")
    try:
        assert await ours.state("group") is None
        await theirs.write("tokens:anna", 1)
        kinds = ("tokens", "group", "trust", "trust-exchanged")
        seen = [await ours.state(kind) for kind in kinds]
        assert None not in seen
        for written, name in enumerate(("tokens:anna", "group:a", "trust:a", "trust-exchanged")):
            await theirs.write(name, {"v": 2})
            before, seen = seen, [await ours.state(kind) for kind in kinds]
            assert [number for number in range(4) if before[number] != seen[number]] == [written]
    finally:
        await here.close()


async def test_groups_are_read_in_few_requests(remote: RemoteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    here = RemoteStore(remote.address)
    await remote.create("_users")
    groups, others = Groups(NamedNotes(here, "_users")), Groups(NamedNotes(remote, "_users"))
    asked: list[str] = []
    ask = here.calls.ask

    async def counted(method: str, path: str, **more: object) -> CouchAnswer:
        asked.append(path)
        return await ask(method, path, **more)  # type: ignore[arg-type]

    try:
        await groups.load()
        for number in range(8):
            await others.create(f"team{number}", ANNA)
        monkeypatch.setattr(here.calls, "ask", counted)
        await groups.refresh()
        assert sorted(groups.of("anna")) == [f"team{number}" for number in range(8)]
        assert sum("_all_docs" in path for path in asked) == 1
        assert len(asked) < 8
        asked.clear()
        await NamedNotes(remote, "_users").write("tokens:anna", 1)
        await groups.refresh()
        assert not any("_all_docs" in path for path in asked)
    finally:
        await here.close()
