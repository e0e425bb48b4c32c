"""Users at the couch door of a whole server: made, logged in, kept to what is theirs."""

from typing import Any

from couchreg.app import App
from couchreg.auth.passwords.hashes import parse_members
from tests.app.people import BOB, ID, Client, configure, opened
from tests.conftest import ADMIN


async def test_a_password_is_hashed_and_works(client: Client, bob: tuple[str, str]) -> None:
    _, doc = await client("GET", f"/_users/{ID}")
    assert "password" not in doc
    assert (doc["password_scheme"], doc["pbkdf2_prf"], doc["iterations"]) == ("pbkdf2", "sha256", 1000)
    status, session = await client("GET", "/_session", who=bob)
    assert (status, session["userCtx"]) == (200, {"name": "bob", "roles": ["reader"]})
    assert (await client("GET", "/_session", who=("bob", "no")))[0] == 401


async def test_passwords_are_hashed_on_every_way_in(client: Client) -> None:
    bulk = [{**BOB, "_id": ID}, {**BOB, "_id": "org.couchdb.user:eve"}]
    _, outcomes = await client("POST", "/_users/_bulk_docs", {"docs": bulk})
    assert [outcome.get("error") for outcome in outcomes] == [None, "forbidden"]
    replicated = {**BOB, "_id": "org.couchdb.user:ann", "name": "ann", "_rev": "1-abc"}
    await client("POST", "/_users/_bulk_docs", {"docs": [replicated], "new_edits": False})
    await client(
        "PUT", "/_users/org.couchdb.user:kim?new_edits=false", {**BOB, "name": "kim", "_rev": "1-abc"}
    )
    for name in ("bob", "ann", "kim"):
        _, doc = await client("GET", f"/_users/org.couchdb.user:{name}")
        assert "password" not in doc
        assert (await client("GET", "/_session", who=(name, "pw")))[0] == 200


async def test_a_changed_password_counts_at_once(client: Client, bob: tuple[str, str]) -> None:
    await client("GET", "/", who=bob)
    _, doc = await client("GET", f"/_users/{ID}")
    before = doc["salt"], doc["derived_key"]
    assert (await client("PUT", f"/_users/{ID}", {**doc, "password": "new"}))[0] == 201
    assert (await client("GET", "/", who=bob))[0] == 401
    assert (await client("GET", "/", who=("bob", "new")))[0] == 200
    _, doc = await client("GET", f"/_users/{ID}")
    assert not {*before} & {doc["salt"], doc["derived_key"]}
    await client("DELETE", f"/_users/{ID}?rev={doc['_rev']}")
    assert (await client("GET", "/", who=("bob", "new")))[0] == 401


async def test_users_are_kept_out_of_users_by_default(client: Client, bob: tuple[str, str]) -> None:
    assert (await client("GET", f"/_users/{ID}", who=bob))[0] == 403
    assert (await client("GET", f"/_users/{ID}", who=None))[0] == 401


async def test_people_see_and_change_only_themselves(client: Client, bob: tuple[str, str]) -> None:
    await opened(client)
    await client("PUT", "/_users/org.couchdb.user:ann", {**BOB, "name": "ann"})
    ann = "/_users/org.couchdb.user:ann"
    for who in (bob, None):
        assert (await client("GET", ann, who=who))[0] == 404
        assert (await client("GET", ann + "/file", who=who))[0] == 404
        # Nobody in particular may register, but not under a name that is taken.
        taken = (409, "conflict") if who is None else (404, "not_found")
        assert (await client("PUT", ann, {**BOB, "name": "ann"}, who=who))[0] == taken[0]
        assert (await client("GET", "/_users/_design/_auth", who=who))[0] == 403
        assert (await client("PUT", "/_users/_design/x", {}, who=who))[0] == 404
        for path in ("/_users/_all_docs", "/_users/_changes", "/_users/_local_docs"):
            assert (await client("GET", path, who=who))[0] == 401
        assert (await client("POST", "/_users/_bulk_get", {"docs": [{"id": ID}]}, who=who))[0] == 401
        _, outcomes = await client(
            "POST", "/_users/_bulk_docs", {"docs": [{**BOB, "_id": "org.couchdb.user:ann"}]}, who=who
        )
        assert outcomes[0]["error"] == taken[1]
    _, own = await client("GET", f"/_users/{ID}", who=bob)
    assert own["name"] == "bob"
    assert (await client("PUT", f"/_users/{ID}", {**own, "roles": ["boss"]}, who=bob))[0] == 403
    assert (await client("PUT", f"/_users/{ID}", {**own, "password": "mine"}, who=bob))[0] == 201
    assert (await client("GET", f"/_users/{ID}", who=("bob", "mine")))[0] == 200


async def test_a_session(client: Client, bob: tuple[str, str]) -> None:
    login = {"name": "bob", "password": "pw"}
    status, body = await client("POST", "/_session", login, who=None)
    assert (status, body) == (200, {"ok": True, "name": "bob", "roles": ["reader"]})
    cookie = client.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    headers = {"Cookie": cookie.partition(";")[0]}
    _, session = await client("GET", "/_session", who=None, headers=headers)
    assert (session["userCtx"]["name"], session["info"]["authenticated"]) == ("bob", "cookie")
    _, session = await client("GET", "/_session", who=ADMIN, headers=headers)
    assert session["userCtx"]["name"] == "bob"
    assert (await client("DELETE", "/_session", who=None, headers=headers))[0] == 200
    assert client.headers["Set-Cookie"].startswith("AuthSession=;")


async def test_failed_logins_are_alike(client: Client, bob: tuple[str, str]) -> None:
    wrong = [{"name": name, "password": "no"} for name in ("bob", "eve")]
    answers = [await client("POST", "/_session", login, who=None) for login in wrong]
    assert answers[0] == answers[1]
    assert answers[0][0] == 401


async def test_a_login_leads_only_to_pages_of_this_server(client: Client, bob: tuple[str, str]) -> None:
    login = {"name": "bob", "password": "pw"}
    status, _ = await client("POST", "/_session?next=/db/doc", login, who=None)
    assert (status, client.headers["Location"]) == (302, client.base + "/db/doc")
    for target in ("http://example.org", "//example.org", "/%5Cexample.org", "x"):
        assert (await client("POST", f"/_session?next={target}", login, who=None))[0] == 400


async def test_a_hash_of_ones_own_costs_as_much_and_obeys_the_rules(app: App, client: Client) -> None:
    await opened(client)
    hashed: list[str] = []
    inner = app.passwords.hash

    async def counted(password: str, **given: Any) -> Any:
        hashed.append(password)
        return await inner(password, **given)

    app.passwords.hash = counted  # type: ignore[method-assign]
    doc = {"type": "user", "roles": [], "salt": "x"}
    pbkdf2 = {**doc, "password_scheme": "pbkdf2", "derived_key": "aa" * 20, "iterations": 10}
    simple = {**doc, "password_sha": "aa" * 20}
    for number, members in enumerate((pbkdf2, simple)):
        name = f"u{number}"
        sent = {**members, "name": name}
        assert (await client("PUT", f"/_users/org.couchdb.user:{name}", sent, who=None))[0] == 201
        assert len(hashed) == number + 1
    costly = {**pbkdf2, "name": "u2", "iterations": 10_000_000}
    status, refusal = await client("PUT", "/_users/org.couchdb.user:u2", costly, who=None)
    assert (status, "600000 iterations" in refusal["reason"]) == (403, True)
    await configure(client, chttpd_auth__password_regexp='[".{10,}"]')
    for members in (pbkdf2, simple):
        status, refusal = await client(
            "PUT", "/_users/org.couchdb.user:u3", {**members, "name": "u3"}, who=None
        )
        assert (status, "the password itself" in refusal["reason"]) == (403, True)
    door = Client(client.session, app.registry_url)
    old = {"salt": "x", "password_sha": "aa" * 20}
    assert (await door("PUT", "/adduser/u4", old, who=None))[0] == 403
    assert (await client("PUT", "/_users/org.couchdb.user:u5", {**costly, "name": "u5"}))[
        0
    ] == 201  # an admin


async def test_no_hash_keeps_the_threads_busy(client: Client) -> None:
    doc = {"type": "user", "name": "u", "roles": [], "salt": "x", "password_scheme": "pbkdf2"}
    hashed = {"derived_key": "aa" * 20, "iterations": 9_000_000}
    assert (await client("PUT", "/_users/org.couchdb.user:u", {**doc, **hashed}))[0] == 201
    status, answer = await client("GET", "/_session", who=("u", "x"))
    assert (status, answer["reason"]) == (403, "Iteration count is too high for this server")
    # Each digest's length of a key costs all iterations again.
    assert parse_members({**doc, "derived_key": "aa" * 65, "iterations": 10}) is None
    assert parse_members({**doc, "derived_key": "aa" * 64, "iterations": 10}) is not None
    assert parse_members({**doc, "derived_key": "aa" * 20, "iterations": int("9" * 4000) ** 2}) is None
