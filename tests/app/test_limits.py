"""How much one address and one account may ask for, at both doors together."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from couchreg.app import App
from couchreg.auth.users.accounts import Login
from couchreg.errors import TooManyRequests
from couchreg.http.limits import ACCOUNT, GUEST, Allowed, RequestLimits
from tests.app.people import Client
from tests.conftest import ServerFactory

ANNA = ("anna", "a long enough one")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def admitted(limits: RequestLimits, kind: str, name: str) -> int:
    """How many requests come through now."""
    for number in range(1000):
        try:
            limits.admit(kind, name)
        except TooManyRequests:
            return number
    return 1000


def test_a_limit_is_used_up_at_once_and_comes_back_evenly() -> None:
    clock = Clock()
    limits = RequestLimits(Allowed(requests=60), Allowed(), clock=clock)
    assert admitted(limits, GUEST, "192.0.2.1") == 60
    assert admitted(limits, GUEST, "192.0.2.2") == 60
    assert admitted(limits, ACCOUNT, "anna") == 1000
    clock.now = 10.0
    assert admitted(limits, GUEST, "192.0.2.1") == 10
    clock.now = 10_000.0
    assert admitted(limits, GUEST, "192.0.2.1") == 60


def test_what_was_sent_is_waited_for() -> None:
    clock = Clock()
    limits = RequestLimits(Allowed(bytes=3600), Allowed(), clock=clock)
    limits.admit(GUEST, "x")
    limits.charge(GUEST, "x", 3600 + 100)
    with pytest.raises(TooManyRequests) as refused:
        limits.admit(GUEST, "x")
    assert refused.value.retry_after == 100
    clock.now = 101.0
    limits.admit(GUEST, "x")


def test_what_is_remembered_is_bounded() -> None:
    limits = RequestLimits(Allowed(requests=1), Allowed(), clock=Clock())
    for number in range(30_000):
        limits.admit(GUEST, str(number))
    assert len(limits._stores) == 20_000


@pytest.fixture
async def app(server: ServerFactory) -> App:
    app = await server(guest_requests=3, account_requests=5)
    await app.accounts.create("anna", Login(ANNA[1]))
    return app


@pytest.fixture
async def ask(app: App) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield Client(session, app.registry_url)


async def test_both_doors_count_together_and_say_when_to_come_again(app: App, ask: Client) -> None:
    assert (await ask("GET", "/", who=None))[0] == 200
    assert (await ask("GET", "/_couch/", who=None))[0] == 200
    ask.base = app.couch_url
    assert (await ask("GET", "/", who=None))[0] == 200
    status, told = await ask("GET", "/registry/_all_docs", who=None)
    assert (status, told["error"], 0 < int(ask.headers["Retry-After"]) <= 20) == (
        429,
        "too_many_requests",
        True,
    )
    ask.base = app.registry_url
    assert (await ask("GET", "/-/packages", who=None))[0] == 429
    assert int(ask.headers["Retry-After"]) > 0
    assert (await ask("GET", "/-/health", who=None))[0] == 200


async def test_accounts_count_by_name_and_admins_not_at_all(ask: Client) -> None:
    found = [(await ask("GET", "/-/whoami", who=ANNA))[0] for _ in range(6)]
    assert found == [200] * 5 + [429]
    assert [(await ask("GET", "/-/whoami"))[0] for _ in range(10)] == [200] * 10


async def test_logins_that_are_refused_count_as_requests_of_guests(app: App, ask: Client) -> None:
    token = {"Authorization": "Bearer couchreg_YW5uYQ_0_0"}
    assert (await ask("GET", "/", who=None, headers=token))[0] == 401
    assert (await ask("GET", "/", who=("anna", "another one")))[0] == 401
    ask.base = app.couch_url
    assert (await ask("GET", "/", who=("anna", "another one")))[0] == 401
    assert (await ask("GET", "/", who=("anna", "another one")))[0] == 429
    ask.base = app.registry_url
    assert (await ask("GET", "/", who=None, headers=token))[0] == 429
    assert (await ask("GET", "/-/whoami", who=ANNA))[0] == 200


async def test_bytes_of_guests_are_limited(server: ServerFactory) -> None:
    app = await server(guest_bytes=1)
    async with aiohttp.ClientSession() as session:
        ask = Client(session, app.couch_url)
        await ask("PUT", "/db")
        await ask("PUT", "/db/_security", {})
        assert (await ask("PUT", "/db/large", {"text": "x" * 700_000}))[0] == 201
        found = [(await ask("GET", "/db/large", who=None))[0] for _ in range(3)]
    assert found == [200, 200, 429]
