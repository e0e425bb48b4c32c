"""What people see and change of what is not theirs, and the accounts they have."""

import json
from typing import Any

import aiohttp
import pytest

from couchreg.app import App
from couchreg.auth.users.accounts import Login
from couchreg.errors import BadRequest, Conflict, Forbidden, NotFound, Unauthorized
from couchreg.model.user import ANONYMOUS, User
from tests.app.people import BOB, ID, Client, configure, opened, stored
from tests.conftest import ServerFactory

# -- what people see


async def test_public_fields_are_seen_by_all(client: Client, bob: tuple[str, str]) -> None:
    await opened(client)
    await client("PUT", "/_users/org.couchdb.user:ann", {**BOB, "name": "ann", "city": "Rome", "roles": []})
    ann = "/_users/org.couchdb.user:ann"
    assert (await client("GET", ann, who=bob))[0] == 404
    await configure(client, chttpd_auth__public_fields="name, city,nothing")
    for who in (bob, None):
        status, doc = await client("GET", ann, who=who)
        shown = {key: value for key, value in doc.items() if key != "_rev"}
        assert (status, shown) == (200, {"_id": "org.couchdb.user:ann", "name": "ann", "city": "Rome"})
        for query in ("?revs=true", f"?rev={doc['_rev']}", "?conflicts=true&meta=true"):
            assert "derived_key" not in (await client("GET", ann + query, who=who))[1]
        accept = {"Accept": "application/json"}
        _, opened_revs = await client("GET", ann + "?open_revs=all", who=who, headers=accept)
        assert "derived_key" not in json.dumps(opened_revs)
    assert "derived_key" in (await client("GET", f"/_users/{ID}", who=bob))[1]
    _, copied = await client("COPY", ann, who=bob, headers={"Destination": ID})
    assert copied["error"] in ("forbidden", "conflict")


async def test_people_are_told_where_their_own_document_lies(client: Client, bob: tuple[str, str]) -> None:
    await opened(client)
    status, doc = await client("GET", f"/_users/{ID}?local_seq=true", who=bob)
    assert (status, type(doc["_local_seq"])) == (200, int)
    assert (await client("GET", f"/_users/{ID}?local_seq=true", who=None))[0] == 404


async def test_what_is_not_asked_for_in_public_stays_hidden(client: Client, bob: tuple[str, str]) -> None:
    """Whatever way one asks, no hash of somebody else comes out."""
    await opened(client)
    await client("PUT", "/_users/org.couchdb.user:ann", {**BOB, "name": "ann"})
    key = (await stored(client, "ann"))["derived_key"]
    ann = "/_users/org.couchdb.user:ann"
    bulk = {"docs": [{"id": "org.couchdb.user:ann"}]}
    for method, path, body in [
        ("GET", ann, None),
        ("GET", ann + "?open_revs=all", None),
        ("GET", ann + "?revs_info=true", None),
        ("POST", "/_users/_bulk_get", bulk),
        ("GET", "/_users/_all_docs?include_docs=true", None),
        ("GET", "/_users/_changes?include_docs=true", None),
        ("POST", "/_users/_find", {"selector": {}}),
        ("POST", "/_users/_revs_diff", {"org.couchdb.user:ann": ["1-a"]}),
        ("GET", "/_users/_local_docs?include_docs=true", None),
        ("GET", "/_users/_local/x", None),
        ("PUT", "/_users/_local/x", {}),
    ]:
        for who in (bob, None):
            status, answer = await client(method, path, body, who=who)
            assert status >= 400, (path, status)
            assert key not in json.dumps(answer)


async def test_keys_of_an_index_are_hidden_as_well(client: Client, bob: tuple[str, str]) -> None:
    """An index that an admin has made, and brought up to date, is not read by others."""
    await opened(client)
    await client("PUT", "/_users/org.couchdb.user:ann", {**BOB, "name": "ann"})
    key = (await stored(client, "ann"))["derived_key"]
    index = {"index": {"fields": ["derived_key"]}, "ddoc": "i", "name": "i"}
    assert (await client("POST", "/_users/_index", index))[1]["result"] == "created"
    wanted = {"selector": {"derived_key": {"$gt": None}}, "fields": ["derived_key"]}
    status, found = await client("POST", "/_users/_find", wanted)
    assert status == 200
    assert key in json.dumps(found)
    for who in (bob, None):
        for method, path, body in (
            ("POST", "_find", wanted),
            ("POST", "_find", {**wanted, "update": False}),
            ("POST", "_explain", wanted),
            ("GET", "_index", None),
            ("GET", "_design/i/_view/i?reduce=false", None),
        ):
            status, answer = await client(method, f"/_users/{path}", body, who=who)
            assert status in (401, 403), (path, status)
            assert key not in json.dumps(answer)


# -- the registry's database


async def test_registry_is_edited_by_server_admins_only(client: Client, bob: tuple[str, str]) -> None:
    assert (await client("PUT", "/registry/_local/point", {"seq": 1}, who=None))[0] == 201
    grafted = {"docs": [{"_id": "gdp", "_rev": "1-abc"}], "new_edits": False}
    ways: list[tuple[str, str, Any, dict[str, str]]] = [
        ("PUT", "/registry/gdp", {}, {}),
        ("PUT", "/registry/gdp?new_edits=false&rev=1-abc", {"_rev": "1-abc"}, {}),
        ("POST", "/registry", {"_id": "gdp"}, {}),
        ("POST", "/registry/_bulk_docs", {"docs": [{"_id": "gdp"}]}, {}),
        ("POST", "/registry/_bulk_docs", grafted, {}),
        ("COPY", "/registry/_local/point", None, {"Destination": "gdp"}),
        ("PUT", "/registry/gdp/file", None, {"Content-Type": "text/plain"}),
        ("PUT", "/registry/_design/d", {}, {}),
        ("COPY", "/registry/_local/point", None, {"Destination": "_design/d"}),
        ("POST", "/registry/_local/point", None, {}),
    ]
    for who, refusal in ((None, 401), (bob, 403)):
        for method, path, body, headers in ways:
            status, answer = await client(method, path, body, who=who, headers=headers)
            if body is grafted and who is bob:  # each document of them is judged
                assert (status, [row["error"] for row in answer]) == (201, ["forbidden"])
            else:
                assert status in (refusal, 400), (method, path, status)
    _, listed = await client("GET", "/registry/_all_docs")
    assert listed["rows"] == []


async def test_mirrors_keep_their_checkpoints_in_bounds(client: Client) -> None:
    checkpoint = "/registry/_local/" + "a" * 32
    assert (await client("PUT", checkpoint, {"history": [{"n": n} for n in range(50)]}, who=None))[0] == 201
    assert (await client("GET", checkpoint, who=None))[0] == 200
    assert (await client("PUT", "/registry/_local/big", {"x": "x" * 70_000}, who=None))[0] == 413
    assert (await client("PUT", "/registry/_local/" + "x" * 200, {}, who=None))[0] in (401, 403)
    assert (await client("GET", "/registry/_local_docs", who=None))[0] == 401
    for number in range(100):
        assert (await client("PUT", f"/registry/_local/n{number}", {}, who=None))[0] == 201
    _, rows = await client("GET", "/registry/_local_docs")
    assert len(rows["rows"]) == 100
    assert (await client("GET", checkpoint, who=None))[0] == 404  # the oldest of this address has gone


# -- accounts


async def test_accounts(app: App, client: Client) -> None:
    accounts = app.accounts
    await accounts.create("ann", Login("pw"), email="ann@example.org")
    assert await accounts.email("ann") == "ann@example.org"
    assert (await client("GET", "/_session", who=("ann", "pw")))[0] == 200
    with pytest.raises(Conflict):
        await accounts.create("ann", Login("other"))
    await accounts.change("ann", login=Login("new"))
    assert (await client("GET", "/_session", who=("ann", "pw")))[0] == 401
    assert (await client("GET", "/_session", who=("ann", "new")))[0] == 200
    assert await accounts.email("ann") == "ann@example.org"
    token, _ = await app.tokens.create(User("ann"), "read")
    await accounts.delete("ann")
    with pytest.raises(NotFound):
        await accounts.delete("ann")
    await accounts.create("ann", Login("pw"))
    with pytest.raises(Unauthorized):  # the next of that name gets nothing of the last one's
        await app.tokens.authenticate(token)


async def test_a_user_deleted_at_the_couch_door_leaves_no_token(app: App, client: Client) -> None:
    await app.accounts.create("ann", Login("pw"))
    token, _ = await app.tokens.create(User("ann"), "read")
    doc = await stored(client, "ann")
    await client("DELETE", f"/_users/org.couchdb.user:ann?rev={doc['_rev']}")
    await app.accounts.create("ann", Login("pw"))
    with pytest.raises(Unauthorized):
        await app.tokens.authenticate(token)


async def test_the_password_of_an_admin_changes(app: App, client: Client) -> None:
    await app.accounts.change("admin", login=Login("other"))
    assert (await client("GET", "/_all_dbs"))[0] == 401
    assert (await client("GET", "/_all_dbs", who=("admin", "other")))[0] == 200


@pytest.mark.parametrize(
    "name", ["", "Ann", "a b", "ann'", "_ann", ".ann", "a:b", "a/b", "ä", "a" * 215, None]
)
async def test_names_that_nobody_has(app: App, name: object) -> None:
    with pytest.raises(BadRequest):
        await app.accounts.create(name, Login("pw"))


async def test_logins_and_addresses_that_are_none(app: App) -> None:
    for login in (
        Login(),
        Login(""),
        Login("x" * 2000),
        Login(salt="s", password_sha="12"),
        Login(salt="", password_sha="0" * 40),
        Login(password_sha="0" * 40),
    ):
        with pytest.raises(BadRequest):
            await app.accounts.create("ann", login)
    for email in ("", "ann", "a@b@c", "a b@c", "<a@b>"):
        with pytest.raises(BadRequest):
            await app.accounts.create("ann", Login("pw"), email=email)
    with pytest.raises(Conflict):
        await app.accounts.create("admin", Login("pw"))


async def test_new_passwords_keep_the_rules_of_the_server(app: App, client: Client) -> None:
    await configure(client, chttpd_auth__password_regexp='["\\\\d"]')
    with pytest.raises(BadRequest, match="requirements"):
        await app.accounts.create("ann", Login("pw"))
    await app.accounts.create("ann", Login("pw1"))
    assert (await client("PUT", f"/_users/{ID}", BOB))[0] == 400


async def test_registration_can_be_closed(server: ServerFactory) -> None:
    app = await server(registration="closed")
    with pytest.raises(Forbidden, match="closed"):
        app.accounts.may_register(ANONYMOUS)
    app.accounts.may_register(User("admin", ("_admin",)))
    async with aiohttp.ClientSession() as session:
        client = Client(session, app.couch_url)
        await opened(client)
        status, answer = await client("PUT", f"/_users/{ID}", {**BOB, "roles": []}, who=None)
        assert (status, answer["reason"]) == (
            403,
            "Registration is closed here: ask an administrator for an account.",
        )


async def test_people_register_at_the_couch_door_where_it_is_open(client: Client) -> None:
    await opened(client)
    assert (await client("PUT", f"/_users/{ID}", {**BOB, "roles": ["boss"]}, who=None))[0] == 403
    assert (await client("PUT", f"/_users/{ID}", {**BOB, "roles": []}, who=None))[0] == 201
    assert (await client("GET", "/_session", who=("bob", "pw")))[0] == 200
    admin = {**BOB, "name": "admin", "roles": []}
    assert (await client("PUT", "/_users/org.couchdb.user:admin", admin, who=None))[0] == 409
