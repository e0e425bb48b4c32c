"""Accounts in the hands of administrators: listed, disabled, restored."""

import pytest

from couchreg.auth.users.accounts import Login
from tests.packages import small
from tests.served import ADMIN, ANNA, BOB, Served, basic

NEW = "quite another one"


async def test_accounts_are_listed_page_by_page(served: Served) -> None:
    for number in range(3):
        await served.people.accounts.create(f"c{number}", Login("a long enough one"))
    found, start = [], ""
    while start is not None:
        _, page = await served.ask("GET", f"/-/users?limit=2&start={start}", auth=ADMIN)
        assert len(page["users"]) <= 2
        found += page["users"]
        start = page["next"]
    assert [row["name"] for row in found] == ["anna", "bob", "c0", "c1", "c2"]
    assert found[0] == {"name": "anna", "email": "anna@example.org", "roles": [], "disabled": False}


async def test_nobody_logs_in_with_a_disabled_account(served: Served) -> None:
    _, token = await served.ask("POST", "/-/tokens", auth=ANNA, json={"scope": "admin"})
    bearer = f"Bearer {token['token']}"
    for auth in (ANNA, bearer):
        assert (await served.ask("GET", "/-/whoami", auth=auth))[0] == 200
    assert (await served.ask("PUT", "/-/user/anna", auth=ADMIN, json={"disabled": True}))[0] == 200
    for auth in (ANNA, bearer):
        assert (await served.ask("GET", "/-/whoami", auth=auth))[0] == 401
    _, listed = await served.ask("GET", "/-/users", auth=ADMIN)
    assert [row["disabled"] for row in listed["users"]] == [True, False]
    taken = {"name": "anna", "password": NEW}
    assert (await served.ask("PUT", "/adduser/anna", json=taken))[0] == 409
    assert (await served.ask("PUT", "/-/user/anna", auth=ADMIN, json={"restore": True}))[0] == 200
    assert (await served.ask("GET", "/-/whoami", auth=ANNA))[0] == 200


async def test_who_owns_packages_and_has_no_account_gets_it_again(served: Served) -> None:
    assert (await served.put(small(), "1", auth=ANNA))[0] == 201
    await served.people.accounts.delete("anna")
    again = {"name": "anna", "password": NEW}
    assert (await served.ask("PUT", "/adduser/anna", json=again))[0] == 409  # nobody takes it
    status, told = await served.ask("PUT", "/-/user/anna", auth=ADMIN, json={"restore": True})
    assert (status, "password" in told["reason"]) == (400, True)
    body = {"restore": True, "password": NEW}
    assert (await served.ask("PUT", "/-/user/anna", auth=ADMIN, json=body))[0] == 200
    assert (await served.put(small(), "2", auth=basic("anna", NEW)))[0] == 201


@pytest.mark.parametrize(
    "body", [{"disabled": True}, {"restore": True}, {"disabled": False, "password": NEW}]
)
async def test_it_is_for_administrators(served: Served, body: dict[str, object]) -> None:
    status, told = await served.ask("PUT", "/-/user/anna", auth=ANNA, json=body)
    assert (status, "administrators" in told["reason"]) == (403, True)
    assert (await served.ask("PUT", "/-/user/anna", auth=BOB, json=body))[0] == 403


async def test_what_cannot_be_is_refused(served: Served) -> None:
    for body in ({"disabled": "yes"}, {"restore": False}, {"disabled": True, "password": NEW}):
        assert (await served.ask("PUT", "/-/user/anna", auth=ADMIN, json=body))[0] == 400
    assert (await served.ask("PUT", "/-/user/nobody", auth=ADMIN, json={"disabled": True}))[0] == 404
    taken = {"restore": True, "password": NEW}
    assert (await served.ask("PUT", "/-/user/admin", auth=ADMIN, json=taken))[0] == 409
