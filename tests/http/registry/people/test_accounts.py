"""Accounts at the registry door: made as the registry's old clients make them, or with a password."""

import hashlib
from typing import Any

import pytest

from tests.packages import small
from tests.served import ADMIN, ANNA, BOB, Serve, Served, basic


def old_form(name: str, password: str, salt: str = "a1b2") -> dict[str, str]:
    """What the founding document's clients send."""
    sha = hashlib.sha1((password + salt).encode()).hexdigest()
    return {"name": name, "salt": salt, "password_sha": sha, "email": f"{name}@example.org"}


async def register(served: Served, name: str, body: Any, auth: str | None = None) -> int:
    return (await served.ask("PUT", f"/adduser/{name}", auth=auth, json=body))[0]


async def whoami(served: Served, auth: str | None) -> tuple[int, Any]:
    return await served.ask("GET", "/-/whoami", auth=auth)


@pytest.mark.parametrize("body", [old_form("carl", "pass"), {"name": "carl", "password": "pass"}])
async def test_whoever_registers_can_log_in_and_publish(serve: Serve, body: dict[str, str]) -> None:
    served = await serve(validation="off")
    status, answer = await served.ask("PUT", "/adduser/carl", json=body)
    assert (status, answer["id"], answer["rev"][:2]) == (201, "org.couchdb.user:carl", "1-")
    carl = basic("carl", "pass")
    assert (await whoami(served, carl))[1] == {
        "name": "carl",
        "username": "carl",
        "roles": [],
        "packages": [],
    }
    assert (await served.put(small(), "1", auth=carl))[0] == 201
    _, about = await whoami(served, carl)
    assert (about["packages"], about["roles"]) == (["small"], ["owner:small"])


async def test_wrong_password_unknown_user_and_nobody(served: Served) -> None:
    _, wrong = await whoami(served, basic("anna", "wrong"))
    _, unknown = await whoami(served, basic("nemo", "wrong"))
    assert wrong == unknown == {"error": "unauthorized", "reason": "Name or password is incorrect."}
    assert (await whoami(served, None))[0] == 401


async def test_after_many_wrong_passwords_the_door_is_shut_for_a_while(served: Served) -> None:
    for _ in range(5):
        assert (await whoami(served, basic("anna", "wrong")))[0] == 401
    async with served.client.get(f"{served.url}/-/whoami", headers={"Authorization": ANNA}) as response:
        assert response.status in (403, 429)
        assert 0 < int(response.headers["Retry-After"]) <= 300
    assert (await whoami(served, BOB))[0] == 200


async def test_a_name_is_given_once(served: Served) -> None:
    for name in ("anna", "admin"):
        assert await register(served, name, {"password": "mine"}) == 409
    assert (await whoami(served, ANNA))[0] == 200


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("Carl", {"password": "p"}, 400),
        (".carl", {"password": "p"}, 400),
        ("carl%20x", {"password": "p"}, 400),
        ("c" * 215, {"password": "p"}, 400),
        ("carl", {"password": ""}, 400),
        ("carl", {}, 400),
        ("carl", [], 400),
        ("carl", {"password": "p", "name": "other"}, 400),
        ("carl", {"password": "p", "email": "no address"}, 400),
        ("carl", {"salt": "x", "password_sha": "short"}, 400),
        ("carl", {"password_sha": "0" * 40}, 400),
        ("carl", {"password": "p", "roles": ["_admin"]}, 403),
        ("carl", {"password": "p" * 70_000}, 413),
    ],
)
async def test_what_is_no_account_is_refused(served: Served, name: str, body: Any, status: int) -> None:
    assert await register(served, name, body) == status
    assert (await served.ask("GET", "/-/user/carl", auth=ADMIN))[0] == 404


async def test_closed_registration_is_for_admins_only(serve: Serve) -> None:
    served = await serve(registration="closed")
    for auth in (None, ANNA):
        assert await register(served, "carl", {"password": "p"}, auth) == 403
    assert await register(served, "carl", {"password": "p"}, ADMIN) == 201
    assert (await whoami(served, basic("carl", "p")))[0] == 200


async def test_a_new_password_counts_at_once_and_the_old_one_no_more(served: Served) -> None:
    assert (await whoami(served, ANNA))[0] == 200
    assert (await served.ask("PUT", "/-/user/anna", auth=ANNA, json={"password": "new"}))[0] == 200
    assert (await whoami(served, ANNA))[0] == 401
    assert (await whoami(served, basic("anna", "new")))[0] == 200
    assert (await served.ask("PUT", "/-/user/anna", auth=ADMIN, json=old_form("anna", "newer")))[0] == 200
    assert (await whoami(served, basic("anna", "newer")))[0] == 200


async def test_people_see_and_change_their_own_account(served: Served) -> None:
    assert (await served.ask("PUT", "/-/user/anna", auth=ANNA, json={"email": "a@example.org"}))[0] == 200
    account = {"name": "anna", "email": "a@example.org", "packages": []}
    assert await served.ask("GET", "/-/user/anna", auth=ANNA) == (200, account)
    assert await served.ask("GET", "/-/user/anna", auth=ADMIN) == (200, account)
    for method, path in (("GET", "anna"), ("PUT", "anna"), ("DELETE", "anna"), ("GET", "nobody")):
        assert (await served.ask(method, f"/-/user/{path}", auth=BOB, json={"password": "x"}))[0] == 403
    assert (await whoami(served, ANNA))[0] == 200
    assert (await served.ask("PUT", "/-/user/anna", auth=ANNA, json={}))[0] == 400


async def test_the_own_account_is_deleted_and_another_ones_is_not(serve: Serve) -> None:
    served = await serve(validation="off")
    await served.put(small("alone"), "1", auth=ANNA)
    await served.put(small("shared"), "1", auth=ANNA)
    body = {"username": "bob", "dpkgName": "shared"}
    await served.ask("POST", "/owner/add", auth=ANNA, json=body)
    assert (await served.ask("DELETE", "/-/user/anna", auth=BOB))[0] == 403
    assert (await served.ask("DELETE", "/-/user/anna", auth=ANNA))[0] == 200
    assert (await whoami(served, ANNA))[0] == 401
    assert (await served.get("/owner/ls/shared"))[1] == [{"name": "bob"}]
    assert (await served.get("/alone/1"))[0] == 200


async def test_who_takes_a_free_name_gets_no_packages_with_it(serve: Serve) -> None:
    served = await serve(validation="off")
    await served.put(small(), "1", auth=ANNA)
    await served.ask("DELETE", "/-/user/anna", auth=ANNA)
    assert await register(served, "anna", {"password": "p"}) == 409
    await served.ask("DELETE", "/-/user/bob", auth=BOB)
    assert await register(served, "bob", {"password": "p"}) == 201


async def test_nothing_of_a_password_is_ever_answered(served: Served) -> None:
    secret = "correct horse"
    answers = [
        await served.ask("PUT", "/adduser/carl", json={"password": secret}),
        await served.ask("PUT", "/adduser/carl", json=old_form("carl", secret)),
        await served.ask("PUT", "/adduser/Carl", json={"password": secret}),
        await served.ask("GET", "/-/user/carl", auth=ADMIN),
        await served.ask("PUT", "/-/user/carl", auth=basic("carl", secret), json={"password": secret * 999}),
    ]
    assert [status for status, _ in answers] == [201, 409, 400, 200, 400]
    for word in (secret, "derived_key", "password_sha"):
        assert word not in str([answer for _, answer in answers[:4]])
    assert secret not in str(answers[4])
