"""Drafts where they are pulled at from two sides, come with a narrow token, or are odd in themselves."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from couchreg.errors import Conflict, NotFound, Unavailable
from couchreg.registry.publishing import drafts
from couchreg.registry.publishing.records import PublishState, Record
from tests.http.registry.pages.test_account_pages import Person
from tests.http.registry.pages.test_drafting import TABLE, begin, descriptor_in
from tests.served import ANNA, Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")
FILES = {"hives.csv": TABLE}
LONG = 100.0  # seconds that nothing here takes, whatever else the machine does


class Program(Person):
    """Somebody with a token instead of a login."""

    def __init__(self, served: Served, token: str) -> None:
        super().__init__(served)
        self.bearer = {"Authorization": f"Bearer {token}"}

    async def _ask(
        self, method: str, path: str, *, headers: Mapping[str, str], **sent: Any
    ) -> tuple[int, Mapping[str, str], str]:
        return await super()._ask(method, path, headers={**headers, **self.bearer}, **sent)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def registry(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with serving(tmp_path_factory.mktemp("edges")) as serve:
        yield await serve(validation="off")


@pytest_asyncio.fixture(loop_scope="module")
async def person(registry: Served) -> Person:
    person = Person(registry)
    assert await person.log_in() == 303
    await person.get("/-/publish")
    return person


async def begun(person: Person, name: str, files: dict[str, bytes] | None = None) -> tuple[str, Record]:
    """A draft: its place and its record."""
    status, place = await begin(person, files or FILES, name)
    assert status == 303, place
    return place, person.served.registry.sessions.get(place.rpartition("/")[2])


class Held:
    """Publishing that waits until it is let go on."""

    def __init__(self, registry: Served, monkeypatch: pytest.MonkeyPatch) -> None:
        self.waits, self.go = asyncio.Event(), asyncio.Event()
        publisher = registry.registry.publisher
        publish = publisher.publish

        async def held(*args: Any, **options: Any) -> Any:
            self.waits.set()
            await self.go.wait()
            return await publish(*args, **options)

        monkeypatch.setattr(publisher, "publish", held)


async def test_a_draft_that_is_checked_by_itself_is_ended_when_it_is_thrown_away(
    registry: Served, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, record = await begun(person, "ended")
    Held(registry, monkeypatch)
    assert (await registry.ask("POST", f"/-/publishing/{record.id}?wait=0", auth=ANNA))[0] == 202
    assert registry.registry.runs.under_way == 1
    assert (await person.send(place, do="forget"))[0] == 303
    assert registry.registry.runs.under_way == 0
    assert (await person.get(place))[0] == 404


async def ended(registry: Served) -> None:
    async with asyncio.timeout(LONG):
        while registry.registry.runs.under_way:
            await asyncio.sleep(0.01)


async def test_nothing_is_kept_of_what_was_removed_meanwhile(
    registry: Served, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, record = await begun(person, "removed")
    held = Held(registry, monkeypatch)
    assert (await registry.ask("POST", f"/-/publishing/{record.id}?wait=0", auth=ANNA))[0] == 202
    await held.waits.wait()
    await registry.registry.sessions.remove(record)
    held.go.set()
    await ended(registry)
    with pytest.raises(NotFound):
        await registry.registry.sessions.save(record, PublishState.FAILED)


async def test_what_is_removed_while_the_disk_is_full_is_waited_for_no_longer(
    registry: Served, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, record = await begun(person, "full")
    held, tried = Held(registry, monkeypatch), threading.Event()
    assert (await registry.ask("POST", f"/-/publishing/{record.id}?wait=0", auth=ANNA))[0] == 202

    def full(record: Record) -> None:
        tried.set()
        raise Unavailable("The disk is full.", retry_after=0)

    monkeypatch.setattr(registry.registry.sessions.shelf, "save", full)
    held.go.set()
    await asyncio.to_thread(tried.wait, LONG)
    await registry.registry.sessions.remove(record)
    await ended(registry)


async def test_what_is_being_published_is_nobody_elses_to_commit_or_to_remove(
    registry: Served, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, record = await begun(person, "alone")
    _, _, text = await person.get(place)
    sent = {"descriptor": descriptor_in(text), "do": "publish"}
    held = Held(registry, monkeypatch)
    publishing = asyncio.create_task(person.send(place, None, **sent))
    await held.waits.wait()
    path = f"/-/publishing/{record.id}"
    assert (await registry.ask("POST", path + "?wait=0", auth=ANNA))[0] == 409
    assert (await registry.ask("DELETE", path, auth=ANNA))[0] == 409
    assert [(await person.send(place, None, do=do, **one))[0] for do, one in DOINGS] == [409, 409]
    assert (await person.get(place))[0] == 200
    held.go.set()
    assert (await publishing)[0] == 303
    assert (await person.get(place))[0] == 404
    assert (await registry.get("/alone/1.0.0"))[0] == 200


DOINGS: list[tuple[str, dict[str, str]]] = [("forget", {}), ("check", {"descriptor": "{}"})]


async def test_what_a_program_has_committed_is_not_published_at_the_page(
    registry: Served, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, record = await begun(person, "committed")
    Held(registry, monkeypatch)
    assert (await registry.ask("POST", f"/-/publishing/{record.id}?wait=0", auth=ANNA))[0] == 202
    with pytest.raises(Conflict), registry.registry.runs.alone(record):
        pytest.fail("it has a run")
    await registry.registry.runs.cancel(record)


async def test_a_token_for_some_packages_publishes_no_others(registry: Served, person: Person) -> None:
    user = await registry.people.auth.user("anna")
    assert user is not None
    text, _ = await registry.people.tokens.create(user, scope="admin", packages=["narrow*"])
    program = Program(registry, text)
    await program.get("/-/publish")
    status, page = await begin(program, FILES, "wide")
    assert (status, "token is not for the package" in page) == (403, True)
    place, _ = await begun(program, "narrow", FILES)
    described = descriptor_in((await program.get(place))[2])
    other = described.replace('"narrow"', '"wide"')
    for do in ("check", "publish"):
        assert (await program.send(place, descriptor=other, do=do))[0] == 403
    assert (await registry.get("/wide"))[0] == 404
    wide, _ = await begun(person, "wide", FILES)
    for do in ("check", "publish", "forget"):
        assert (await program.send(wide, descriptor=described, do=do))[0] == 403
    assert (await program.send(place, descriptor=described, do="publish"))[0] == 303
    assert (await registry.get("/narrow/1.0.0"))[0] == 200


async def test_a_descriptor_that_is_too_long_is_neither_edited_nor_shown(person: Person) -> None:
    place, _ = await begun(person, "long")
    said = '{"mine": "' + "again" * 60_000 + '"}'
    status, _, text = await person.send(place, descriptor=said, title="a", do="check")
    assert (status, "againagain" in text) == (413, False)


async def test_half_a_character_is_told_and_mended(person: Person) -> None:
    odd = b'{"name": "odd", "version": "1.0.0", "title": "\\ud800"}'
    place, _ = await begun(person, "odd", {"datapackage.json": odd, **FILES})
    status, _, text = await person.get(place)
    assert (status, "\\ud800" in text) == (200, True)
    assert (await person.send(place, descriptor=odd.decode(), title="a", do="check"))[0] == 400


async def test_what_could_not_be_published_as_it_lies_is_refused_at_once(person: Person) -> None:
    long = json.dumps({"mine": "x" * drafts.LONGEST}).encode()
    cases: list[tuple[dict[str, bytes], str]] = [
        ({"x/a/b.csv": TABLE, "x/a": TABLE, "x/a-b": TABLE}, "both a file and the folder"),
        ({"x/_a.csv": TABLE, "x/b.csv": TABLE}, "begins with"),
        ({"datapackage.json": long, **FILES}, "may have at most"),
    ]
    for files, words in cases:
        before = person.served.blobs()
        status, text = await begin(person, files, "refused")
        assert (status, words in text) == (400, True), words
        assert person.served.blobs() == before


async def test_a_field_that_follows_the_files_counts_for_nothing(person: Person) -> None:
    boundary = "x" * 20
    parts = [("form", person.token), ("name", "first"), ("version", "1"), ("files", "a"), ("name", "second")]
    lines = []
    for name, value in parts:
        filename = '; filename="a.csv"' if name == "files" else ""
        lines += [f"--{boundary}", f'Content-Disposition: form-data; name="{name}"{filename}', "", value]
    body = "\r\n".join([*lines, f"--{boundary}--", ""])
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    status, _, text = await person._ask("POST", "/-/publish", headers=headers, data=body)
    assert (status, "come before its files" in text) == (400, True)


async def test_a_proposal_that_is_too_long_is_refused_where_it_is_made(
    registry: Served, tmp_path: Path
) -> None:
    for folder in ("files", "scratch"):
        (tmp_path / folder).mkdir()
    (tmp_path / "files" / "hives.csv").write_bytes(TABLE)
    propose, folders = registry.registry.checker.propose, (tmp_path / "files", tmp_path / "scratch")
    found, unread = await propose(*folders, ["hives.csv"], ("bees", "1"), longest=10_000)
    assert found is not None
    assert (json.loads(found)["resources"][0]["path"], unread) == ("hives.csv", [])
    assert await propose(*folders, ["hives.csv"], ("bees", "1"), longest=len(found) - 1) == (None, [])


async def test_an_answer_that_no_honest_child_gives_is_not_read(
    registry: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def endless(*args: Any, **options: Any) -> bytes:
        return b" " * (2 << 20)

    checker = registry.registry.checker
    monkeypatch.setattr(checker._pool, "ask", endless)
    assert await checker.propose(tmp_path, tmp_path, ["a.csv"], ("a", "1"), longest=100) == (None, [])


async def test_a_draft_of_too_much_is_refused(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafts, "LONGEST", 100)
    status, text = await begin(person, FILES, "refused")
    assert (status, "may have at most" in text) == (400, True)


async def test_work_on_a_draft_keeps_it(registry: Served, person: Person) -> None:
    place, record = await begun(person, "kept")
    sessions = registry.registry.sessions
    record.touched -= sessions.limits.lasts - 1000
    await sessions.save(record, record.state)
    record.touched = before = record.touched - sessions.limits.lasts + 1000
    assert (await person.get(place))[0] == 200
    assert record.touched > before + 1000
    [stored] = [one for one in await asyncio.to_thread(sessions.shelf.load) if one.id == record.id]
    assert stored.touched == record.touched
