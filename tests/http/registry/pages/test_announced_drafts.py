"""Drafts whose files are announced and sent one by one, as the script of the page does."""

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.http.registry.pages.test_account_pages import Person
from tests.http.registry.pages.test_drafting import TABLE, descriptor_in
from tests.packages import small, zipped
from tests.served import ANNA, Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")
API = "/-/publishing"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def registry(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with serving(tmp_path_factory.mktemp("announced")) as serve:
        yield await serve()


@pytest_asyncio.fixture(loop_scope="module")
async def person(registry: Served) -> Person:
    person = Person(registry)
    assert await person.log_in() == 303
    await person.get("/-/publish")
    return person


async def ask(person: Person, method: str, path: str, **sent: Any) -> tuple[int, Any]:
    url = person.served.url + path
    headers = {"X-Couchreg-Form": person.token, "Cookie": f"couchreg={person.cookies['couchreg']}"}
    async with person.served.client.request(method, url, headers=headers, **sent) as response:
        return response.status, await response.json()


async def announce(person: Person, files: dict[str, bytes], name: str, **more: Any) -> tuple[int, Any]:
    said = {
        path: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for path, data in files.items()
    }
    manifest = {"name": name, "version": "1.0.0", "files": said, "draft": True, **more}
    return await ask(person, "POST", API, json=manifest)


async def sent(person: Person, files: dict[str, bytes], name: str) -> str:
    status, found = await announce(person, files, name)
    assert status == 201, found
    for path in found["missing"]:
        assert (await ask(person, "PUT", f"{API}/{found['id']}/{path}", data=files[path]))[0] == 201
    return str(found["id"])


async def test_files_that_were_sent_become_a_draft_and_a_version(person: Person) -> None:
    first = await sent(person, {"hives.csv": TABLE, "notes.txt": b""}, "bees")
    status, headers, _ = await person.send(f"/-/publish/{first}", do="describe")
    assert status == 303
    place = headers["Location"].removeprefix(person.served.url)
    assert first not in place
    assert (await ask(person, "GET", f"{API}/{first}"))[0] == 404
    _, _, text = await person.get(place)
    assert (await person.send(place, descriptor=descriptor_in(text), do="publish"))[0] == 303
    assert (await person.served.get("/bees/1.0.0"))[0] == 200


async def test_a_zip_file_is_unpacked_and_a_broken_one_stays_what_was_sent(person: Person) -> None:
    good = await sent(person, {"a.zip": zipped(small("zipped", version="1.0.0"), prefix="x/")}, "zipped")
    status, headers, _ = await person.send(f"/-/publish/{good}", do="describe")
    assert status == 303
    assert "words.csv" in (await person.get(headers["Location"].removeprefix(person.served.url)))[2]
    bad = await sent(person, {"a.zip": b"PK\x03\x04 and no more"}, "torn")
    for _ in range(2):
        status, _, text = await person.send(f"/-/publish/{bad}", do="describe")
        assert (status, 'role="alert"' in text) == (400, True)


async def test_nothing_is_described_or_published_before_it_is_there(person: Person) -> None:
    _, found = await announce(person, {"b.csv": TABLE + b"1,2,3\n"}, "hornets")
    place = f"/-/publish/{found['id']}"
    assert (await person.send(place, do="describe"))[0] == 409
    assert (await person.get(place))[0] == 409
    assert "1 file is missing" in (await person.get("/-/publish"))[2]
    path = f"{API}/{found['id']}/b.csv"
    assert (await ask(person, "PUT", path, data=TABLE + b"1,2,3\n"))[0] == 201
    assert (await person.get(place))[0] == 409  # it has no descriptor yet
    assert (await ask(person, "POST", f"{API}/{found['id']}"))[
        0
    ] == 401  # a login at pages publishes at pages
    assert (await ask(person, "DELETE", f"{API}/{found['id']}"))[0] == 200


async def test_a_manifest_is_no_draft_unless_it_says_so(person: Person) -> None:
    for draft in (False, None, "yes"):
        status, found = await announce(person, {"hives.csv": TABLE}, "ants", draft=draft)
        assert (status, found["error"]) == (400, "bad_request")
    status, found = await announce(person, {"../x.csv": TABLE}, "ants")
    assert status == 400


async def test_a_draft_without_a_descriptor_is_refused_where_a_program_publishes_it(person: Person) -> None:
    first = await sent(person, {"hives.csv": TABLE}, "moths")
    status, answer = await person.served.ask("POST", f"{API}/{first}", auth=ANNA)
    assert (status, answer["error"]) == (422, "invalid_package")
