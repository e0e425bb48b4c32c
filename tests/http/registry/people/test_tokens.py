"""API tokens at the registry door: shown once, good for as much as they say, and ended at once."""

from typing import Any

import pytest

from tests.packages import small
from tests.served import ADMIN, ANNA, BOB, Serve, Served


async def make(served: Served, auth: str = ANNA, **members: Any) -> dict[str, Any]:
    status, answer = await served.ask("POST", "/-/tokens", auth=auth, json=members)
    assert status == 201, answer
    return {**answer, "auth": f"Bearer {answer['token']}"}


async def whoami(served: Served, auth: str) -> tuple[int, Any]:
    return await served.ask("GET", "/-/whoami", auth=auth)


async def test_a_token_stands_for_its_user_and_is_shown_once(served: Served) -> None:
    made = await make(served, scope="read", label="laptop")
    status, about = await whoami(served, made["auth"])
    assert (status, about["name"]) == (200, "anna")
    assert about["token"] == {"id": made["id"], "scope": "read", "packages": []}
    _, listed = await served.ask("GET", "/-/tokens", auth=ANNA)
    [row] = listed["tokens"]
    assert {key: row[key] for key in ("id", "label", "scope", "expires")} == {
        "id": made["id"],
        "label": "laptop",
        "scope": "read",
        "expires": None,
    }
    assert made["token"].rpartition("_")[2] not in str(listed)
    assert (await served.ask("GET", "/-/tokens", auth=BOB))[1] == {"tokens": []}


async def test_a_token_publishes_only_what_its_patterns_name(serve: Serve) -> None:
    served = await serve(validation="off")
    token = (await make(served, scope="publish", packages=["sm*"]))["auth"]
    assert (await served.put(small(), "1", auth=token))[0] == 201
    status, answer = await served.put(small("other"), "1", auth=token)
    assert (status, answer["reason"]) == (403, "This token is not for the package 'other'.")
    assert (await served.get("/other"))[0] == 404
    assert (await served.ask("DELETE", "/small/1", auth=token))[0] == 200


async def test_a_token_to_publish_does_not_give_packages_away(serve: Serve) -> None:
    served = await serve(validation="off")
    token = (await make(served, scope="publish"))["auth"]
    await served.put(small(), "1", auth=token)
    body = {"username": "bob", "dpkgName": "small"}
    assert (await served.ask("POST", "/owner/add", auth=token, json=body))[0] == 403
    full = (await make(served, scope="admin", packages=["small"]))["auth"]
    assert (await served.ask("POST", "/owner/add", auth=full, json=body))[0] == 200


async def test_less_than_everything_makes_no_administrator(serve: Serve) -> None:
    served = await serve(validation="off")
    await served.put(small(), "1", auth=ANNA)
    for scope, status in (("publish", 403), ("admin", 201)):
        token = (await make(served, ADMIN, scope=scope))["auth"]
        assert (await served.put(small(), "2", auth=token))[0] == status


async def test_a_token_ends_when_it_says(served: Served) -> None:
    token = (await make(served, scope="read", lifetime=3600))["auth"]
    assert (await whoami(served, token))[0] == 200
    served.people.now[0] += 3601
    assert (await whoami(served, token))[0] == 401
    assert (await served.ask("GET", "/-/tokens", auth=ANNA))[1] == {"tokens": []}


async def test_what_a_token_makes_does_not_outlive_it(served: Served) -> None:
    token = (await make(served, scope="admin", lifetime=3600))["auth"]
    ends = [(await make(served, token, scope="read", lifetime=wanted))["expires"] for wanted in (None, 9e6)]
    sooner = await make(served, token, scope="read", lifetime=60)
    served.people.now[0] += 61
    assert (await whoami(served, sooner["auth"]))[0] == 401
    kept = (await served.ask("GET", "/-/tokens", auth=ANNA))[1]["tokens"]
    assert [one["expires"] for one in kept] == [kept[0]["expires"], *ends] == [ends[0]] * 3


async def test_a_revoked_token_ends_at_once(served: Served) -> None:
    made = await make(served, scope="admin")
    for auth in (BOB, ADMIN):
        assert (await served.ask("DELETE", f"/-/tokens/{made['id']}", auth=auth))[0] == 404
    assert (await served.ask("DELETE", f"/-/tokens/{made['id']}", auth=ANNA))[0] == 200
    assert (await whoami(served, made["auth"]))[0] == 401
    assert (await served.ask("DELETE", f"/-/tokens/{made['id']}", auth=ANNA))[0] == 404


async def test_a_small_token_ends_itself_and_no_other(served: Served) -> None:
    one, other = await make(served, scope="read"), await make(served, scope="read")
    assert (await served.ask("DELETE", f"/-/tokens/{other['id']}", auth=one["auth"]))[0] == 403
    assert (await served.ask("DELETE", f"/-/tokens/{one['id']}", auth=one["auth"]))[0] == 200
    assert (await whoami(served, one["auth"]))[0] == 401


async def test_tokens_go_with_their_account(served: Served) -> None:
    token = (await make(served, scope="admin"))["auth"]
    await served.ask("DELETE", "/-/user/anna", auth=ANNA)
    assert (await whoami(served, token))[0] == 401
    await served.ask("PUT", "/adduser/anna", json={"password": "secret"})
    assert (await whoami(served, token))[0] == 401


async def test_a_token_cannot_take_the_account_over(served: Served) -> None:
    token = (await make(served, scope="admin"))["auth"]
    status, _ = await served.ask("PUT", "/-/user/anna", auth=token, json={"password": "mine"})
    assert status == 403
    assert (await whoami(served, ANNA))[0] == 200


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"scope": "all"},
        {"scope": ["read"]},
        {"scope": "read", "packages": "gdp"},
        {"scope": "read", "packages": ["GDP"]},
        {"scope": "read", "packages": [1]},
        {"scope": "read", "lifetime": 0},
        {"scope": "read", "lifetime": "1 h"},
        {"scope": "read", "label": "\n"},
    ],
)
async def test_what_is_no_token_is_refused(served: Served, members: dict[str, Any]) -> None:
    assert (await served.ask("POST", "/-/tokens", auth=ANNA, json=members))[0] == 400
