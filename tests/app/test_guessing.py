"""Guessing passwords, and what many logins cost the others."""

import asyncio
import json

import aiohttp

from tests.app.people import Client
from tests.conftest import ServerFactory


async def test_guessing_is_closed_with_a_time_to_come_again(client: Client, bob: tuple[str, str]) -> None:
    for _ in range(5):
        assert (await client("GET", "/", who=("bob", "no")))[0] == 401
    for password in ("no", "pw"):
        status, answer = await client("POST", "/_session", {"name": "bob", "password": password}, who=None)
        assert (status, answer["error"]) == (403, "forbidden")
        assert 0 < int(client.headers["Retry-After"]) <= 300
    assert (await client("GET", "/", who=("admin", "secret")))[0] == 200


async def test_a_password_that_was_right_a_moment_ago_is_no_way_round(
    client: Client, bob: tuple[str, str]
) -> None:
    await client("GET", "/", who=bob)
    for _ in range(5):
        await client("GET", "/", who=("bob", "no"))
    assert (await client("GET", "/", who=bob))[0] == 403


async def test_nobody_locks_an_admin_out_from_elsewhere(server: ServerFactory) -> None:
    app = await server(trusted_proxies="127.0.0.1")
    async with aiohttp.ClientSession() as session:
        client = Client(session, app.couch_url)
        for number in range(20):
            forwarded = {"X-Forwarded-For": f"10.9.9.{number}, 10.0.0.1"}  # the nearest hop is what counts
            await client("GET", "/", who=("admin", "no"), headers=forwarded)
        mine = {"X-Forwarded-For": "10.0.0.2"}
        assert (await client("GET", "/", headers=mine))[0] == 200
        assert (await client("GET", "/", headers=forwarded))[0] == 403


async def test_many_guesses_at_once_are_no_more_than_one_after_the_other(
    client: Client, bob: tuple[str, str]
) -> None:
    guesses = [client("GET", "/", who=("bob", f"guess {number}")) for number in range(40)]
    statuses = [status for status, _ in await asyncio.gather(*guesses)]
    assert statuses.count(401) <= 8
    assert {401, 403} <= set(statuses) <= {401, 403, 429}


async def test_many_logins_do_not_stall_a_feed(server: ServerFactory) -> None:
    """While 64 people log in, each of them slowly, a feed goes on: it sees writes before the logins end."""
    app = await server(password_iterations=60_000)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
        client = Client(session, app.couch_url)
        await client("PUT", "/feed")
        seen: list[str] = []

        async def follow() -> None:
            auth = aiohttp.encode_basic_auth("admin", "secret")
            url = f"{app.couch_url}/feed/_changes?feed=continuous&heartbeat=1000"
            async with session.get(url, headers={"Authorization": auth}) as feed:
                async for line in feed.content:
                    if line.strip():
                        seen.append(json.loads(line)["id"])
                    if len(seen) == 10:
                        return

        async def login(number: int) -> int:
            guess = {"name": f"user{number}", "password": "x"}
            return (await client("POST", "/_session", guess, who=None))[0]

        following = asyncio.create_task(follow())
        logins = [asyncio.create_task(login(number)) for number in range(64)]
        for number in range(10):
            await client("PUT", f"/feed/{number}", {})
        await following
        unfinished = sum(not task.done() for task in logins)
        assert 401 in set(await asyncio.gather(*logins)) <= {401, 429}
        assert len(seen) == 10
        assert unfinished > 0
