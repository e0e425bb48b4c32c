"""Owners at a page, and logins that are ended one by one."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.http.registry.pages.test_account_pages import Person
from tests.packages import small
from tests.served import ANNA, Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")
PLACE = "/-/owners/small"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def registry(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with serving(tmp_path_factory.mktemp("owning")) as serve:
        served = await serve(validation="off")
        assert (await served.put(small(), "1", auth=ANNA))[0] == 201
        yield served


async def entered(registry: Served, name: str) -> Person:
    person = Person(registry)
    assert await person.log_in(name) == 303
    await person.get("/-/account")  # its forms have the token of the login
    return person


async def test_an_owner_adds_and_removes_owners(registry: Served) -> None:
    anna, bob = await entered(registry, "anna"), await entered(registry, "bob")
    assert PLACE in (await anna.get("/-/account"))[2]
    assert (await bob.get(PLACE))[0] == 403
    assert (await bob.send(PLACE, do="add", user="bob"))[0] == 403
    for user, status in (("nobody<b>", 404), ("", 404)):
        found, _, text = await anna.send(PLACE, do="add", user=user)
        assert (found, 'role="alert"' in text, "<b>" in text) == (status, True, False)
    found, _, text = await anna.send(PLACE, do="remove", user="anna")
    assert (found, "last owner" in text) == (403, True)
    assert (await anna.send(PLACE, do="sell", user="bob"))[0] == 400
    assert (await anna.send(PLACE, do="add", user="bob"))[1]["Location"].endswith(f"{PLACE}?done=added")
    assert "The owner is added." in (await bob.get(f"{PLACE}?done=added"))[2]
    status, headers, _ = await anna.send(PLACE, do="remove", user="anna")
    assert (status, headers["Location"]) == (303, f"{registry.url}/small")
    assert (await anna.get(PLACE))[0] == 403
    assert (await bob.send(PLACE, do="remove", user="anna"))[0] == 404
    assert (await registry.get("/owner/ls/small"))[1] == [{"name": "bob"}]


async def test_a_form_of_nobody_s_page_changes_no_owner(registry: Served) -> None:
    admin = await entered(registry, "admin")
    admin.token = "0" * 64
    assert (await admin.send(PLACE, do="add", user="anna"))[0] == 403
    assert (await admin.get("/-/owners/No Name"))[0] == 400
    assert (await admin.get("/-/owners/nothing"))[0] == 404
    assert (await Person(registry).get(PLACE))[0] == 303  # to the login


def others(page: tuple[int, Any, str]) -> set[str]:
    """The ids of the logins that can be ended at an account's page."""
    return set(re.findall(r'name="do" value="end"><input type="hidden" name="id" value="(\w+)"', page[2]))


async def test_one_login_is_ended_from_another(registry: Served) -> None:
    here, stranger = await entered(registry, "bob"), await entered(registry, "anna")
    before = others(await here.get("/-/account"))
    there = await entered(registry, "bob")
    [key] = others(await here.get("/-/account")) - before
    assert (await stranger.send("/-/account", do="end", id=key))[0] == 404
    assert (await here.send("/-/account", do="end", id=key))[0] == 303
    assert (await there.get("/-/account"))[0] == 303
    assert (await here.get("/-/account"))[0] == 200
    assert (await here.send("/-/account", do="end", id=key))[0] == 404
