"""Publishing at pages without a script: files, a proposed descriptor, edits, what checks find, a version."""

import html
import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.http.registry.pages.test_account_pages import Person
from tests.packages import small, zipped
from tests.served import ANNA, BOB, Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")
TABLE = b"day,hive,bees\n31.01.2024,north,40000\n28.02.2024,south,35000\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def registry(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with serving(tmp_path_factory.mktemp("drafting")) as serve:
        yield await serve()


@pytest_asyncio.fixture(loop_scope="module")
async def person(registry: Served) -> Person:
    person = Person(registry)
    assert await person.log_in() == 303
    await person.get("/-/publish")
    return person


async def begin(
    person: Person, files: dict[str, bytes], name: str = "bees", version: str = "1.0.0", **more: Any
) -> tuple[int, str]:
    """Send files as a browser does; the status, and the path of the draft or the page."""
    form = aiohttp.FormData(quote_fields=False)  # as browsers, which send folders with slashes
    fields = {"form": person.token, "name": name, "version": version, **more}
    for field, text in fields.items():
        form.add_field(field, text)
    for path, data in files.items():
        form.add_field("files", data, filename=path, content_type="application/octet-stream")
    form.add_field("files", b"", filename="", content_type="application/octet-stream")  # nobody used it
    status, headers, text = await person._ask("POST", "/-/publish", headers={}, data=form)
    return status, headers["Location"].removeprefix(person.served.url) if status == 303 else text


def descriptor_in(text: str) -> str:
    [found] = re.findall(r'name="descriptor" value="(.*?)">', text, re.DOTALL)
    return html.unescape(found)


def fields_in(text: str) -> dict[str, str]:
    """Inputs and selects of the first form with a descriptor, as a browser would send them."""
    form = text.partition('name="descriptor"')[2].partition("</form>")[0]
    fields = dict(re.findall(r'<input [^>]*?name="([\w.]+)" value="(.*?)"', form))
    for name, options in re.findall(r'<select [^>]*?name="([\w.]+)".*?>(.*?)</select>', form):
        fields[name] = (re.findall(r"<option selected>(.*?)<", options) or [""])[0]
    fields["description"] = re.findall(r"<textarea .*?>(.*?)</textarea>", form, re.DOTALL)[0]
    return {name: html.unescape(value) for name, value in fields.items()}


async def test_files_become_a_version_with_what_was_said_of_them(person: Person) -> None:
    files = {"valley/hives.csv": TABLE, "valley/README.md": b"# Bees", "valley/.DS_Store": b"x"}
    status, place = await begin(person, files)
    assert (status, place.startswith("/-/publish/")) == (303, True)
    _, headers, text = await person.get(place)
    assert headers["Cache-Control"] == "no-store"
    fields = fields_in(text)
    assert (fields["name"], fields["title"], fields["type.0.0"]) == ("bees", "Bees", "date")
    said = {"title": "Beehives", "description": "All of them", "license": "CC0-1.0", "about.0.2": "How many"}
    said |= {"descriptor": descriptor_in(text), "do": "check"}
    status, _, text = await person.send(place, **{**fields, **said})
    assert (status, "Everything that was checked is as the descriptor says." in text) == (200, True)
    sent = {**fields_in(text), "descriptor": descriptor_in(text), "do": "publish"}
    status, headers, text = await person.send(place, **sent)
    assert (status, headers.get("Location")) == (303, f"{person.served.url}/bees/1.0.0"), text
    _, found = await person.served.get("/bees/1.0.0")
    assert (found["title"], found["description"]) == ("Beehives", "All of them")
    assert found["resources"][0]["schema"]["fields"][2]["description"] == "How many"
    assert [file["path"] for file in found["couchreg"]["files"]] == [
        "datapackage.json",
        "README.md",
        "hives.csv",
    ]
    assert (await person.get(place))[0] == 404  # the draft has gone


async def test_what_checks_find_is_shown_and_mended(person: Person) -> None:
    _, place = await begin(person, {"hives.csv": TABLE}, name="wasps")
    _, _, text = await person.get(place)
    wrong = {**fields_in(text), "descriptor": descriptor_in(text), "type.0.1": "integer"}
    for do in ("check", "publish"):
        status, _, text = await person.send(place, **wrong, do=do)
        assert status == 422
        assert "resource hives, field hive, row 2" in text
        assert fields_in(text)["type.0.1"] == "integer"  # what was said stays
    assert (await person.served.get("/wasps"))[0] == 404
    mended = {**fields_in(text), "descriptor": descriptor_in(text), "type.0.1": "string", "do": "publish"}
    assert (await person.send(place, **mended))[0] == 303
    assert (await person.served.get("/wasps"))[0] == 200


async def test_a_descriptor_that_came_along_or_is_written_by_hand_is_taken(person: Person) -> None:
    package = small("handmade", version="3")
    _, place = await begin(person, {"a.zip": zipped(package, prefix="x/")}, "handmade", "3")
    _, _, text = await person.get(place)
    assert '"version": "3"' in html.unescape(descriptor_in(text)).replace('":"', '": "')
    for bad in ("{", "[]", '{"name": "handmade"}'):
        status, _, text = await person.send(place, descriptor=bad, do="publish")
        assert status == 400
        assert 'role="alert"' in text
    assert (await person.send(place, descriptor='{"a": "' + "x" * 300_000 + '"}', do="check"))[0] in (
        400,
        413,
    )
    _, _, text = await person.get(place)
    assert (await person.send(place, descriptor=descriptor_in(text), do="publish"))[0] == 303


async def test_a_descriptor_gets_the_name_and_version_that_were_said_beside_it(person: Person) -> None:
    own = b'{"resources": [{"name": "hives", "path": "hives.csv", "weight": 1.10}]}'
    _, place = await begin(person, {"datapackage.json": own, "hives.csv": TABLE}, "unnamed", "7")
    _, _, text = await person.get(place)
    assert '"weight": 1.10' in descriptor_in(text)
    assert (fields_in(text)["name"], fields_in(text)["version"]) == ("unnamed", "7")
    assert (await person.send(place, descriptor=descriptor_in(text), do="publish"))[0] == 303
    assert (await person.served.get("/unnamed/7"))[0] == 200


async def test_a_draft_is_its_owners_alone(person: Person) -> None:
    _, place = await begin(person, {"hives.csv": TABLE}, name="hornets")
    assert place in (await person.get("/-/publish"))[2]
    bob = Person(person.served)
    await bob.log_in("bob")
    await bob.get("/-/account")
    assert (await bob.get(place))[0] == 404
    assert (await bob.send(place, do="forget"))[0] == 404
    assert place not in (await bob.get("/-/publish"))[2]
    assert (await person.send(place, do="nothing"))[0] == 400
    token, person.token = person.token, "0" * 64
    assert (await person.send(place, do="forget"))[0] == 403
    person.token = token
    assert (await person.send(place, do="forget"))[0] == 303
    assert (await person.get(place))[0] == 404


async def test_nothing_is_taken_that_could_not_be_published(person: Person) -> None:
    assert (await person.served.put(small("bobs"), "1", auth=BOB))[0] == 201
    files = {"hives.csv": TABLE}
    cases: list[tuple[int, dict[str, bytes], dict[str, Any], str]] = [
        (400, files, {"name": "No Name"}, "name"),
        (400, files, {"version": "../1"}, "version"),
        (400, {}, {}, "Choose at least one file."),
        (400, {"../../x.csv": TABLE, ".git/config": TABLE}, {}, "Choose at least one file."),
        (400, {"a/con": TABLE}, {}, "a/con"),
        (403, files, {"name": "bobs"}, "owner"),
        (403, files, {"form": "0" * 64}, "grown old"),
    ]
    for wanted, sent, more, words in cases:
        before = person.served.blobs()
        status, text = await begin(person, sent, **more)
        assert (status, words in text) == (wanted, True), (more, re.findall("alert.*", text))
        assert person.served.blobs() == before
    assert (await person._ask("POST", "/-/publish", headers={}, data={"form": person.token}))[0] == 415


async def test_files_that_nobody_understands_are_told(person: Person) -> None:
    _, place = await begin(
        person, {"broken.xlsx": b"no table", "evil.csv": TABLE.replace(b"hive", b"<b>")}, name="broken"
    )
    _, _, text = await person.get(place)
    assert "In some files nothing could be seen" in text
    assert "&lt;b&gt;" in text
    assert "<b>" not in text
    assert len(fields_in(text)) > 6


async def test_with_a_login_of_a_program_it_is_the_same_form(registry: Served) -> None:
    status, _ = await registry.ask("POST", "/-/publish", auth=ANNA, json={})
    assert status == 415
