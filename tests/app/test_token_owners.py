"""Whose tokens they are: an account's, as long as it lasts, and never the next one's of the same name."""

from pathlib import Path
from typing import Any

import pytest

from couchreg.app import App
from couchreg.auth.users.accounts import Login
from tests.app.people import Client, configure, stored
from tests.conftest import ServerFactory

ANNA = {"name": "anna", "type": "user", "roles": [], "password": "pw"}
DOC = "/_users/org.couchdb.user:anna"


async def token(app: App, name: str, scope: str = "admin") -> str:
    user = await app.auth.user(name)
    assert user is not None
    return (await app.tokens.create(user, scope))[0]


async def works(app: App, text: str, client: Client) -> bool:
    door = Client(client.session, app.registry_url)
    status, _ = await door("GET", "/-/whoami", who=None, headers={"Authorization": f"Bearer {text}"})
    assert status in (200, 401)
    return status == 200


async def made(client: Client, **members: Any) -> str:
    status, answer = await client("PUT", DOC, {**ANNA, **members})
    assert status == 201
    return str(answer["rev"])


async def deleted(client: Client) -> None:
    assert (await client("DELETE", f"{DOC}?rev={(await stored(client, 'anna'))['_rev']}"))[0] == 200


async def purged(client: Client) -> None:
    revs = [(await stored(client, "anna"))["_rev"]]
    assert (await client("POST", "/_users/_purge", {"org.couchdb.user:anna": revs}))[0] == 201


async def replicated_away(client: Client) -> None:
    doc = await stored(client, "anna")
    generation, digest = doc["_rev"].split("-")
    gone = {
        "_id": doc["_id"],
        "_rev": f"{int(generation) + 1}-{'d' * 32}",
        "_deleted": True,
        "_revisions": {"start": int(generation) + 1, "ids": ["d" * 32, digest]},
    }
    assert (await client("POST", "/_users/_bulk_docs", {"new_edits": False, "docs": [gone]}))[0] == 201


async def gone_with_the_database(client: Client) -> None:
    assert (await client("DELETE", "/_users"))[0] == 200
    assert (await client("PUT", "/_users"))[0] == 201


@pytest.mark.parametrize("end", [deleted, purged, replicated_away, gone_with_the_database])
async def test_they_end_with_the_account_however_it_goes(app: App, client: Client, end: Any) -> None:
    await made(client)
    text = await token(app, "anna")
    assert await works(app, text, client)
    await end(client)
    assert not await works(app, text, client)
    await made(client, password="somebody else's")
    assert not await works(app, text, client)
    assert await app.tokens.list("anna") == []


async def test_they_end_when_somebody_elses_document_replicates_over_it(app: App, client: Client) -> None:
    rev = await made(client)
    text = await token(app, "anna")
    doc = await stored(client, "anna")
    history = {"start": 3, "ids": ["c" * 32, "b" * 32, rev.partition("-")[2]]}  # the second was a deletion
    new = {**doc, "_rev": f"3-{'c' * 32}", "_revisions": history}
    assert (await client("POST", "/_users/_bulk_docs", {"new_edits": False, "docs": [new]}))[1] == []
    assert not await works(app, text, client)
    other = await token(app, "anna")
    lone = {**doc, "_rev": f"9-{'e' * 32}", "_revisions": {"start": 9, "ids": ["e" * 32]}}
    assert (await client("POST", "/_users/_bulk_docs", {"new_edits": False, "docs": [lone]}))[1] == []
    await configure(client, chttpd_auth__allow_conflicted_user_docs="true")
    assert not await works(app, other, client)


async def test_a_crash_before_they_were_taken_away_changes_nothing(app: App, client: Client) -> None:
    await made(client)
    text = await token(app, "anna")
    kept = await app.tokens._notes.read("tokens:anna")
    await deleted(client)
    await app.tokens._notes.write("tokens:anna", kept)
    await made(client)
    assert not await works(app, text, client)


async def test_edits_of_the_same_account_keep_them(app: App, client: Client) -> None:
    await made(client)
    text = await token(app, "anna")
    for members in ({"email": "a@b.org"}, {"password": "new"}, {"roles": ["r"]}):
        doc = await stored(client, "anna")
        assert (await client("PUT", DOC, {**doc, **members}))[0] == 201
        await (await app.store.open("_users")).compact()  # forgets what the revisions before were
        assert await works(app, text, client)
    doc = await stored(client, "anna")
    generation, digest = doc["_rev"].split("-")
    history = {"start": int(generation) + 1, "ids": ["f" * 32, digest]}
    edit = {**doc, "_rev": f"{int(generation) + 1}-{'f' * 32}", "_revisions": history}
    assert (await client("POST", "/_users/_bulk_docs", {"new_edits": False, "docs": [edit]}))[1] == []
    assert await works(app, text, client)


async def test_they_are_no_server_admins(app: App, client: Client) -> None:
    """Neither a user's when the name becomes an admin's, nor an admin's when the name is a user's again."""
    await made(client)
    users = await token(app, "anna")
    await configure(client, admins__anna="power")
    assert not await works(app, users, client)
    admins = await token(app, "anna")
    assert await works(app, admins, client)
    await client("DELETE", "/_node/_local/_config/admins/anna")
    assert not await works(app, admins, client)
    await configure(client, admins__anna="power")
    assert not await works(app, admins, client)
    assert not await works(app, users, client)


async def test_an_admin_of_the_same_name_gets_nothing(app: App, client: Client) -> None:
    await configure(client, admins__second="power")
    text = await token(app, "second")
    await client("DELETE", "/_node/_local/_config/admins/second")
    await configure(client, admins__second="power")
    assert not await works(app, text, client)
    again = await token(app, "second")
    await configure(client, admins__second="another password of the same")
    assert await works(app, again, client)


async def test_a_password_may_end_them(app: App, client: Client) -> None:
    await app.accounts.create("anna", Login("pw"))
    door = Client(client.session, app.registry_url)
    texts = [await token(app, "anna"), await token(app, "anna", "read")]
    assert (await door("PUT", "/-/user/anna", {"password": "new"}, who=("anna", "pw")))[0] == 200
    assert all([await works(app, text, client) for text in texts])
    wrong = {"password": "newer", "revoke_tokens": "yes"}
    assert (await door("PUT", "/-/user/anna", wrong, who=("anna", "new")))[0] == 400
    sent = {"password": "newer", "revoke_tokens": True}
    assert (await door("PUT", "/-/user/anna", sent, who=("anna", "new")))[0] == 200
    assert not any([await works(app, text, client) for text in texts])


async def test_they_outlive_a_restart_but_not_another_password_of_the_flag(
    server: ServerFactory, client: Client, tmp_path: Path
) -> None:
    data = tmp_path / "other"
    app = await server(data_dir=data)
    text = await token(app, "admin")
    await app.stop()
    app = await server(data_dir=data)
    assert await works(app, text, client)
    await app.stop()
    app = await server(data_dir=data, admin="admin:another")
    assert not await works(app, text, client)
