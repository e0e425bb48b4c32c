"""`[chttpd_auth] authentication_db`: people log in by another database than `_users`."""

import pytest

from couchreg.app import App
from couchreg.auth.users.accounts import Login
from tests.app.people import BOB, ID, Client

SETTING = "/_node/_local/_config/chttpd_auth/authentication_db"
ANN = {**BOB, "name": "ann", "password": "of ann"}
ANNS = "org.couchdb.user:ann"


@pytest.fixture
async def people(client: Client) -> str:
    """A database that holds the users now, with ann in it; bob is in `_users`."""
    assert (await client("PUT", f"/_users/{ID}", BOB))[0] == 201
    assert (await client("PUT", "/people"))[0] == 201
    assert await client("PUT", SETTING, "people") == (200, "")
    assert (await client("PUT", f"/people/{ANNS}", ANN))[0] == 201
    return "people"


async def name_of(client: Client, who: tuple[str, str]) -> str | None:
    status, session = await client("GET", "/_session", who=who)
    return str(session["userCtx"]["name"]) if status == 200 else None


async def test_its_users_log_in_at_once_and_no_others(client: Client, people: str) -> None:
    assert await name_of(client, ("ann", "of ann")) == "ann"
    assert await name_of(client, ("bob", "pw")) is None
    login = {"name": "ann", "password": "of ann"}
    assert (await client("POST", "/_session", login, who=None))[0] == 200
    _, session = await client("GET", "/_session")
    assert session["info"]["authentication_db"] == people
    await client("DELETE", SETTING)
    assert await name_of(client, ("ann", "of ann")) is None
    assert await name_of(client, ("bob", "pw")) == "bob"


async def test_the_rules_of_users_hold_in_it(client: Client, people: str) -> None:
    _, stored = await client("GET", f"/{people}/{ANNS}")
    assert "password" not in stored
    assert stored["password_scheme"] == "pbkdf2"
    assert "validate_doc_update" in (await client("GET", f"/{people}/_design/_auth"))[1]
    await client("PUT", f"/{people}/org.couchdb.user:eve", {**ANN, "name": "eve"})
    await client("DELETE", "/_node/_local/_config/couchdb/users_db_security_editable")
    assert (await client("PUT", f"/{people}/_security", {}))[0] == 403
    await client("PUT", "/_node/_local/_config/couchdb/users_db_security_editable", "true")
    assert (await client("PUT", f"/{people}/_security", {}))[0] == 200
    eve = ("eve", "of ann")
    assert (await client("GET", f"/{people}/{ANNS}", who=eve))[0] == 404
    assert (await client("GET", f"/{people}/_all_docs", who=eve))[0] == 401
    assert (await client("PUT", f"/{people}/{ANNS}", {**stored, "roles": ["x"]}, who=eve))[0] == 404


async def test_there_a_document_need_not_say_that_it_is_a_users(client: Client, people: str) -> None:
    dora = {"_id": "org.couchdb.user:dora", "name": "dora", "roles": [], "password": "of dora"}
    assert (await client("POST", f"/{people}", dora))[0] == 201
    assert await name_of(client, ("dora", "of dora")) == "dora"
    other = {**dora, "_id": "org.couchdb.user:d", "name": "d", "type": "dog"}
    assert (await client("POST", f"/{people}", other))[0] == 403
    assert (await client("POST", "/_users", dora))[0] == 403


async def test_one_that_is_made_later_has_the_rules_too(client: Client, people: str) -> None:
    await client("DELETE", f"/{people}")
    assert await name_of(client, ("ann", "of ann")) is None
    assert (await client("PUT", f"/{people}"))[0] == 201
    assert "validate_doc_update" in (await client("GET", f"/{people}/_design/_auth"))[1]


async def test_accounts_are_made_where_people_log_in(app: App, client: Client, people: str) -> None:
    await app.accounts.create("carl", Login(password="a long enough one"))
    assert (await client("GET", f"/{people}/org.couchdb.user:carl"))[0] == 200
    assert await name_of(client, ("carl", "a long enough one")) == "carl"


async def test_packages_and_people_are_kept_apart(client: Client) -> None:
    status, refused = await client("PUT", SETTING, "registry")
    assert (status, refused["reason"]) == (
        400,
        "The database of users cannot be the one that holds the packages.",
    )
