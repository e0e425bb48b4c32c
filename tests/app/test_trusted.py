"""Trusted publishing over a whole server, with an issuer of its own on this machine."""

import asyncio
import json
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest
from aiohttp import web
from click.testing import CliRunner

from couchreg.app import App
from couchreg.app.trusting import MOST, KeyFetcher
from couchreg.auth.trust import publishers
from couchreg.auth.trust.publishers import MOST_TOKENS
from couchreg.auth.users.accounts import Login
from couchreg.cli.main import cli
from couchreg.errors import Unavailable
from tests.conftest import ServerFactory
from tests.http.registry.pages.test_account_pages import Person
from tests.issuing import OTHER, TestIssuer
from tests.packages import related, small
from tests.served import Served

PASSWORD = "a long enough one"
US = "https://data.example.org"
ADMIN = aiohttp.encode_basic_auth("admin", "secret")
ANNA = aiohttp.encode_basic_auth("anna", PASSWORD)
BOB = aiohttp.encode_basic_auth("bob", PASSWORD)


@pytest.fixture
async def issuer() -> AsyncIterator[TestIssuer]:
    async with TestIssuer().served() as found:
        yield found


class Asking:
    """A client of the registry door."""

    def __init__(self, app: App, session: aiohttp.ClientSession) -> None:
        self.app = app
        self.session = session

    async def __call__(self, method: str, path: str, auth: str | None = None, **sent: Any) -> tuple[int, Any]:
        headers = {**sent.pop("headers", {}), **({"Authorization": auth} if auth else {})}
        url = self.app.registry_url + path
        async with self.session.request(method, url, headers=headers, **sent) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else None

    async def publish(self, name: str, auth: str, version: str = "1.0.0") -> int:
        body, headers = related(small(name))
        return (await self("PUT", f"/{name}/{version}", auth, data=body, headers=headers))[0]

    async def exchange(self, token: str, **more: Any) -> tuple[int, Any]:
        return await self("POST", "/-/oidc/token", json={"token": token, **more})

    async def trust(self, name: str, issuer: TestIssuer, auth: str = ANNA, **claims: str) -> Any:
        value = {"issuer": issuer.url, "claims": claims or {"repository": "bees/hives"}}
        status, found = await self("POST", f"/-/trust/{name}", auth, json=value)
        assert status == 201, found
        return found


@pytest.fixture
async def ask(server: ServerFactory, issuer: TestIssuer) -> AsyncIterator[Asking]:
    app = await server(validation="off", oidc_issuers=issuer.url, public_url=US)
    for name in ("anna", "bob"):
        await app.accounts.create(name, Login(PASSWORD))
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        asking = Asking(app, session)
        assert await asking.publish("bees", ANNA) == await asking.publish("honey", ANNA) == 201
        yield asking


async def test_a_job_publishes_what_trusts_it_for_a_while(ask: Asking, issuer: TestIssuer) -> None:
    us = ask.app.trust.audience
    assert (await ask("GET", "/-/oidc/audience"))[1] == {"audience": US, "issuers": [issuer.url]}
    assert (await ask.exchange(issuer.token(us)))[0] == 403
    await ask.trust("bees", issuer)
    token = issuer.token(us)
    status, made = await ask.exchange(token)
    assert (status, made["packages"]) == (201, ["bees"])
    job = f"Bearer {made['token']}"
    assert [await ask.publish(name, job, "1.1.0") for name in ("bees", "honey", "other")] == [201, 403, 403]
    who = (await ask("GET", "/-/whoami", job))[1]
    assert who["name"] == "anna"
    [kept] = (await ask("GET", "/-/tokens", ANNA))[1]["tokens"]
    assert kept["scope"] == "publish"
    assert kept["label"] == "trusted publisher: repo:bees/hives:ref:refs/heads/main"
    assert (await ask("POST", "/-/trust/honey", job, json={}))[0] == 403
    destroyed = [(await ask("DELETE", f"/bees{what}", job))[0] for what in ("?for-good=true", "/1.1.0")]
    assert destroyed == [403, 200], "what a job destroys can be brought back"
    [record] = await ask.app.tokens.list("anna")
    assert record.expires is not None
    assert 890 < record.expires - record.created <= 900
    again, said = await ask.exchange(token)
    assert (again, said["reason"]) == (401, "This token has been used already.")
    await ask.app.tokens.revoke_all("anna")
    assert (await ask.exchange(token))[0] == 401, "also once the token that it gave has gone"
    assert await ask.publish("bees", job, "1.2.0") == 401


async def test_the_same_token_at_once_is_good_once(ask: Asking, issuer: TestIssuer) -> None:
    await ask.trust("bees", issuer)
    token = issuer.token(ask.app.trust.audience)
    found = await asyncio.gather(*(ask.exchange(token) for _ in range(8)))
    assert sorted(status for status, _ in found) == [201] + [401] * 7


async def test_a_used_token_stays_used_after_a_restart(
    ask: Asking, issuer: TestIssuer, server: ServerFactory
) -> None:
    await ask.trust("bees", issuer)
    us = ask.app.trust.audience
    token = issuer.token(us)
    assert (await ask.exchange(token))[0] == 201
    await ask.app.stop()
    ask.app = await server(validation="off", oidc_issuers=issuer.url, public_url=US)
    assert (await ask.exchange(token))[0] == 401
    assert (await ask.exchange(issuer.token(us)))[0] == 201


async def test_only_the_jobs_that_are_meant_are_trusted(ask: Asking, issuer: TestIssuer) -> None:
    us = ask.app.trust.audience
    await ask.trust(
        "bees",
        issuer,
        repository="bees/hives",
        job_workflow_ref="bees/hives/.github/workflows/publish.yml@*",
        environment="release",
    )
    assert (await ask.exchange(issuer.token(us)))[0] == 403
    assert (await ask.exchange(issuer.token(us, environment="release")))[0] == 201
    for wrong in (
        {"repository": "bees/hives2"},
        {"repository": ["bees/hives"]},
        {"job_workflow_ref": "bees/hives/.github/workflows/test.yml@refs/heads/main"},
        {"job_workflow_ref": "bees/hives/.github/workflows/publish.yml"},
        {"environment": "release2"},
    ):
        status, _ = await ask.exchange(issuer.token(us, **{"environment": "release", **wrong}))
        assert status == 403, wrong
    forged = issuer.token(us, OTHER, environment="release")
    assert (await ask.exchange(forged))[0] == 401


async def test_trust_is_the_owners_and_ends_with_them(ask: Asking, issuer: TestIssuer) -> None:
    us = ask.app.trust.audience
    wanted = {"issuer": issuer.url, "claims": {"repository": "bees/hives"}}
    assert (await ask("POST", "/-/trust/bees", json=wanted))[0] == 401
    assert (await ask("POST", "/-/trust/bees", BOB, json=wanted))[0] == 403
    assert (await ask("GET", "/-/trust/bees", BOB))[0] == 403
    assert (await ask("POST", "/-/trust/nothing", ANNA, json=wanted))[0] == 404
    made = await ask.trust("bees", issuer)
    assert (await ask("GET", "/-/trust/bees", ANNA))[1] == {"publishers": [made]}
    assert (await ask("POST", "/-/trust/bees", ANNA, json=wanted))[0] == 409
    for claims in (
        {},
        {"ref": "refs/heads/main"},
        {"repository": "*"},
        {"repository": "bees/*"},
        {"repository": "a*b"},
        {"repository": 5},
        {f"c{number}": "x" for number in range(20)},
        [],
    ):
        bad = {"issuer": issuer.url, "claims": claims}
        assert (await ask("POST", "/-/trust/bees", ANNA, json=bad))[0] == 400, claims
    other = {**wanted, "issuer": "https://evil.example"}
    assert (await ask("POST", "/-/trust/bees", ANNA, json=other))[0] == 400
    await ask("POST", "/owner/add", ANNA, json={"username": "bob", "dpkgName": "bees"})
    status, made_by = await ask.exchange(issuer.token(us))
    assert status == 201
    await ask("POST", "/owner/rm", BOB, json={"username": "anna", "dpkgName": "bees"})
    assert (await ask.exchange(issuer.token(us)))[0] == 403
    assert await ask.publish("bees", f"Bearer {made_by['token']}", "3.0.0") == 403
    [left] = (await ask("GET", "/-/trust/bees", BOB))[1]["publishers"]
    assert (await ask("DELETE", f"/-/trust/bees/{left['id']}", BOB))[0] == 200
    assert (await ask("DELETE", f"/-/trust/bees/{left['id']}", BOB))[0] == 404
    await ask.trust("honey", issuer)
    assert (await ask("PUT", "/-/user/anna", ADMIN, json={"disabled": True}))[0] == 200
    assert (await ask.exchange(issuer.token(us)))[0] == 403


async def test_a_job_of_several_owners_says_which_package(ask: Asking, issuer: TestIssuer) -> None:
    us = ask.app.trust.audience
    assert await ask.publish("wax", BOB) == 201
    await ask.trust("bees", issuer)
    await ask.trust("honey", issuer)
    await ask.trust("wax", issuer, BOB)
    token = issuer.token(us)
    assert (await ask.exchange(token))[0] == 400
    status, made = await ask.exchange(token, package="wax")
    assert (status, made["packages"]) == (201, ["wax"])
    assert (await ask.exchange(issuer.token(us), package="nothing"))[0] == 403
    assert (await ask.exchange(issuer.token(us), package=["wax"]))[0] == 400


async def test_jobs_leave_their_owner_some_tokens(ask: Asking, issuer: TestIssuer) -> None:
    await ask.trust("bees", issuer)
    us = ask.app.trust.audience
    for _ in range(MOST_TOKENS):
        assert (await ask.exchange(issuer.token(us)))[0] == 201
    assert (await ask.exchange(issuer.token(us)))[0] == 429
    assert (await ask("POST", "/-/tokens", ANNA, json={"scope": "read"}))[0] == 201


async def test_trust_is_of_no_account_but_the_one_that_gave_it(ask: Asking, issuer: TestIssuer) -> None:
    await ask.trust("bees", issuer)
    users = await ask.app.store.open("_users")
    for email in ("a@example.org", "b@example.org"):  # the same account, whatever a compaction forgets
        await ask.app.accounts.change("anna", email=email)
        await users.compact()
    await ask.app.accounts.change("anna", login=Login("another one"))
    await users.compact()
    assert (await ask.exchange(issuer.token(US)))[0] == 201
    before = await ask.app.trust._notes.read("trust-account:anna")
    await ask.app.accounts.delete("anna")
    await ask.app.trust._notes.write("trust-account:anna", before)  # as if killed before it was told
    assert (await ask.exchange(issuer.token(US)))[0] == 403
    await ask.app.accounts.create("anna", Login(PASSWORD), returning=True)
    assert (await ask.exchange(issuer.token(US)))[0] == 403
    assert (await ask("GET", "/-/trust/bees", ANNA))[1] == {"publishers": []}
    made = await ask.trust("bees", issuer)
    assert (await ask.exchange(issuer.token(US)))[0] == 201
    assert (await ask("GET", "/-/trust/bees", ANNA))[1] == {"publishers": [made]}


async def test_trust_ends_with_a_password_that_ends_tokens(ask: Asking, issuer: TestIssuer) -> None:
    await ask.trust("bees", issuer)
    await ask.app.accounts.change("anna", login=Login("another one"))
    assert (await ask.exchange(issuer.token(US)))[0] == 201
    await ask.app.accounts.change("anna", login=Login(PASSWORD), revoke_tokens=True)
    assert (await ask.exchange(issuer.token(US)))[0] == 403
    assert (await ask("GET", "/-/trust/bees", ANNA))[1] == {"publishers": []}


async def test_the_page_of_an_account_shows_whom_it_trusts_and_ends_that(
    ask: Asking, issuer: TestIssuer
) -> None:
    mine, theirs = await ask.trust("bees", issuer), await ask.trust("honey", issuer, sub="hives")
    await ask("POST", "/owner/add", ANNA, json={"username": "bob", "dpkgName": "bees"})
    bobs = await ask.trust("bees", issuer, BOB)
    await ask("POST", "/owner/rm", BOB, json={"username": "anna", "dpkgName": "bees"})
    anna = Person(cast(Served, SimpleNamespace(url=ask.app.registry_url, client=ask.session)))
    assert await anna.log_in("anna", PASSWORD) == 303
    _, _, text = await anna.get("/-/account")
    assert "Jobs that publish as you" in text
    assert [one["id"] in text for one in (mine, theirs, bobs)] == [True, True, False]
    for one, status in ((mine, 303), (bobs, 404)):  # of what is not hers any more her own alone
        sent = {"do": "distrust", "package": "bees", "id": one["id"]}
        assert (await anna.send("/-/account", **sent))[0] == status
    assert (await ask("GET", "/-/trust/bees", BOB))[1] == {"publishers": [bobs]}
    assert mine["id"] not in (await anna.get("/-/account"))[2]


async def test_an_administrator_who_owns_nothing_trusts_nobody(ask: Asking, issuer: TestIssuer) -> None:
    wanted = {"issuer": issuer.url, "claims": {"repository": "bees/hives"}}
    status, said = await ask("POST", "/-/trust/bees", ADMIN, json=wanted)
    assert status == 403
    assert "become an owner of it first" in said["reason"]
    assert (await ask("POST", "/owner/add", ADMIN, json={"username": "admin", "dpkgName": "bees"}))[0] == 200
    await ask.trust("bees", issuer, ADMIN)
    url = ask.app.couch_url + "/_node/_local/_config/admins/admin"
    async with ask.session.put(url, data='"secret"', headers={"Authorization": ADMIN}) as answer:
        assert answer.status == 200  # hashed anew, and the same administrator's
    status, made = await ask.exchange(issuer.token(US))
    assert status == 201
    assert await ask.publish("bees", f"Bearer {made['token']}", "2.0.0") == 201
    assert (await ask("POST", "/owner/rm", ADMIN, json={"username": "admin", "dpkgName": "bees"}))[0] == 200
    assert (await ask.exchange(issuer.token(US)))[0] == 403


async def test_the_jobs_of_one_owner_take_the_room_of_no_other(
    ask: Asking, issuer: TestIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishers, "MOST_USED", 2)
    assert await ask.publish("wax", BOB) == 201
    await ask.trust("bees", issuer)
    await ask.trust("wax", issuer, BOB)
    token = issuer.token(US)
    assert (await ask.exchange(token, package="bees"))[0] == 201
    assert (await ask.exchange(token, package="wax"))[0] == 401, "good once, for whichever owner"
    assert (await ask.exchange(issuer.token(US), package="bees"))[0] == 201
    status, said = await ask.exchange(issuer.token(US), package="bees")
    assert status == 429
    assert "2 identity tokens that have not expired" in said["reason"]
    assert (await ask.exchange(issuer.token(US), package="wax"))[0] == 201


async def test_trust_that_ends_meanwhile_gives_no_token(
    ask: Asking, issuer: TestIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust, asked, go_on = ask.app.trust, asyncio.Event(), asyncio.Event()
    kept = {name: await ask.trust(name, issuer) for name in ("bees", "honey")}
    may_publish = trust._may_publish

    async def slow(owner: str, package: str) -> bool:
        asked.set()
        await go_on.wait()
        return await may_publish(owner, package)

    monkeypatch.setattr(trust, "_may_publish", slow)
    exchanging = asyncio.create_task(ask.exchange(issuer.token(US)))
    await asked.wait()
    for name, one in kept.items():  # that which is being asked about, and one that comes later
        assert (await ask("DELETE", f"/-/trust/{name}/{one['id']}", ANNA))[0] == 200
    go_on.set()
    assert (await exchanging)[0] == 403
    assert await ask.app.tokens.list("anna") == []


async def test_a_closed_registry_and_a_restricted_package_take_jobs_too(
    ask: Asking, issuer: TestIssuer
) -> None:
    await ask.trust("bees", issuer)
    assert (await ask("POST", "/-/package/bees/access", ANNA, json={"access": "restricted"}))[0] == 200
    url = ask.app.couch_url + "/_node/_local/_config/chttpd/require_valid_user"
    async with ask.session.put(url, data='"true"', headers={"Authorization": ADMIN}) as answer:
        assert answer.status == 200
    status, made = await ask.exchange(issuer.token(ask.app.trust.audience))
    assert status == 201
    assert await ask.publish("bees", f"Bearer {made['token']}", "1.1.0") == 201


async def test_without_issuers_nobody_is_trusted(app: App) -> None:
    async with aiohttp.ClientSession() as session:
        for method, path in (("GET", "/-/oidc/audience"), ("POST", "/-/oidc/token")):
            async with session.request(method, app.registry_url + path, json={"token": "a.b.c"}) as answer:
                assert answer.status == 404
                assert "--oidc-issuers" in (await answer.json())["reason"]


async def test_what_fetches_keys_has_bounds_and_follows_nobody(issuer: TestIssuer) -> None:
    fetcher = KeyFetcher(seconds=0.5)
    large = b"[" + b" " * MOST + b"]"

    def led_on() -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": issuer.url + "/keys"})

    issuer.answers |= {"/large": large, "/led": led_on, "/gone": web.Response(status=500)}
    assert json.loads(await fetcher.fetch(issuer.url + "/keys"))["keys"]
    for address in (
        f"{issuer.url}/large",
        f"{issuer.url}/led",
        f"{issuer.url}/gone",
        "http://169.254.169.254/latest/meta-data",
        "http://[fe80::1]/",
        "http://127.0.0.1:1/",
    ):
        before = len(issuer.asked)
        with pytest.raises(Unavailable):
            await fetcher.fetch(address)
        assert len(issuer.asked) <= before + 1, "a redirect is not followed"
    await fetcher.close()


async def test_the_command_line_trusts_a_job_and_is_one(
    ask: Asking, issuer: TestIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUCHREG_REGISTRY", ask.app.registry_url)

    async def run(*arguments: str, **variables: str) -> tuple[int, str]:
        found = await asyncio.to_thread(CliRunner().invoke, cli, arguments, env=variables)
        return found.exit_code, found.output

    anna = {"COUCHREG_USER": "anna", "COUCHREG_PASSWORD": PASSWORD}
    where = ("--issuer", issuer.url, "--claim", "repository=bees/hives")
    status, said = await run("trust", "add", "bees", *where, **anna)
    assert status == 0, said
    assert "repository=bees/hives" in said
    status, said = await run("trust", "ls", "bees", "--json", **anna)
    [one] = json.loads(said)
    assert one["owner"] == "anna"
    status, said = await run("trust", "token", COUCHREG_ID_TOKEN=issuer.token(US))
    assert status == 4, said
    assert US in said
    assert "--audience" in said
    given = ("trust", "token", "--audience", US)
    status, said = await run(*given, COUCHREG_ID_TOKEN=issuer.token(US))
    assert status == 0, said
    assert said.startswith("couchreg_")
    monkeypatch.setattr(ask.app.trust, "audience", ask.app.registry_url)
    issuer.answers["/github"] = {"value": issuer.token(ask.app.trust.audience)}
    github = {
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{issuer.url}/github?api-version=2",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "x",
    }
    status, said = await run("trust", "token", "--package", "bees", "--json", **github)
    assert status == 0, said
    assert json.loads(said)["packages"] == ["bees"]
    assert (await run("trust", "token"))[0] == 2
    for wrong in (("--github", "a/b", "--gitlab", "a/b"), (), ("--gitlab", "a/b", "--workflow", "x")):
        assert (await run("trust", "add", "bees", *wrong, **anna))[0] == 2
    assert (await run("trust", "rm", "bees", one["id"], **anna))[0] == 0
    assert json.loads((await run("trust", "ls", "bees", "--json", **anna))[1]) == []
