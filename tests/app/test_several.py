"""Two servers over one CouchDB and one bucket: neither believes what the other changed, and either may die.

COUCHREG_TEST_SEVERAL says how many versions are published (20), COUCHREG_TEST_COUCHDB over which CouchDB; if
it does not, the couch door of another couchreg stands for one.
"""

import asyncio
import json
import os
import random
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest
from yarl import URL

from couchreg.app import App
from couchreg.docstore.maintenance.sweeper import referred
from couchreg.docstore.remote import calls, members, rounds
from couchreg.docstore.remote.members import Rhythm
from tests.conftest import ADMIN, ServerFactory
from tests.docstore import couchdbs
from tests.fault_proxy import fault_proxy
from tests.packages import related, small
from tests.processes import running
from tests.s3_servers import S3Server, new_bucket

VERSIONS = int(os.environ.get("COUCHREG_TEST_SEVERAL", "20"))
CLIENTS = 8
PACKAGES = 7  # names; so that several versions of one are published at once
ROOT = aiohttp.encode_basic_auth(*ADMIN)


class Place(NamedTuple):
    """What the servers share: their settings."""

    settings: dict[str, Any]


@pytest.fixture(scope="module")
def couchdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """In a process of its own, since a test may wait for the start of another one."""
    if couchdbs.REAL:
        yield couchdbs.REAL
    else:
        with couchdbs.couch_door(tmp_path_factory.mktemp("door")) as url:
            yield url


@pytest.fixture
async def place(couchdb: str, own_s3_server: S3Server) -> AsyncIterator[Place]:
    prefix = couchdbs.new_prefix()
    options = await new_bucket(own_s3_server)
    yield Place(
        {
            "docstore": f"{couchdb}/{prefix}",
            "cluster_trial": "on",  # COUCHREG_TEST_COUCHDB may be one
            "blobstore": options.address,
            "s3_endpoint": options.endpoint,
            "s3_access_key_id": options.access_key,
            "s3_secret_access_key": options.secret_key,
        }
    )
    await couchdbs.remove(couchdb, prefix)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy this machine is, none of these servers is taken for dead; and what a server before them
    may have sent is not waited for."""
    monkeypatch.setattr(members, "SEVERAL", Rhythm(0.3, 3600, 3600))
    monkeypatch.setattr(calls, "FIRST_DOUBT", 0.0)
    monkeypatch.setattr(rounds, "LATE", 0.0)


@pytest.fixture
async def both(server: ServerFactory, tmp_path: Path, place: Place) -> list[App]:
    """Started at once, as the first of their registry."""
    starts = [server(data_dir=tmp_path / name, **place.settings) for name in ("one", "two")]
    return list(await asyncio.gather(*starts))


async def ask(url: str, method: str = "GET", login: str | None = ROOT, **sent: Any) -> tuple[int, Any]:
    headers = {**({"Authorization": login} if login else {}), **sent.pop("headers", {})}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, headers=headers, **sent) as response,
    ):
        data = await response.read()
        kind = response.headers.get("Content-Type", "")
        return response.status, await response.json() if kind.startswith("application/json") else data


async def publish(url: str, name: str, version: str, text: str, login: str = ROOT) -> int:
    body, headers = related(small(name, text=text))
    return (await ask(f"{url}/{name}/{version}", "PUT", login, data=body, headers=headers))[0]


class Wanted(NamedTuple):
    side: int
    name: str
    version: str
    text: str


def wanted(count: int) -> list[Wanted]:
    """A tenth of the versions, two at least, come from both sides, with other content each."""
    chosen = random.Random(count)
    twice = set(chosen.sample(range(count), max(2, count // 10)))
    found = []
    for number in range(count):
        for side in (0, 1) if number in twice else (chosen.randrange(2),):
            text = f"id,word\n{number},of-{side}\n"
            name = f"p{number % max(PACKAGES, count // 50)}"
            found.append(Wanted(side, name, f"1.{number}.0", text))
    chosen.shuffle(found)
    return found


async def publish_all(urls: list[str], work: list[Wanted], clients: int = CLIENTS) -> dict[Wanted, int]:
    """What each was answered; 503 is tried again, at the other side."""
    outcomes: dict[Wanted, int] = {}

    async def client() -> None:
        while work:
            one = work.pop()
            side, status = one.side, 503
            while status == 503:
                try:
                    status = await publish(urls[side], one.name, one.version, one.text)
                except aiohttp.ClientError:
                    status = 503
                side = (side + 1) % len(urls)
                await asyncio.sleep(0.05 if status == 503 else 0)
            outcomes[one] = status

    await asyncio.gather(*[client() for _ in range(clients)])
    return outcomes


async def check(outcomes: dict[Wanted, int], urls: list[str], couch_urls: list[str]) -> None:
    """One winner of each version, whose files are there, at every server; no conflict anywhere."""
    winners = {(one.name, one.version): one for one, status in outcomes.items() if status in (200, 201)}
    assert set(outcomes.values()) <= {200, 201, 409}
    assert set(winners) == {(one.name, one.version) for one in outcomes}
    won = Counter((one.name, one.version) for one, status in outcomes.items() if status in (200, 201))
    assert set(won.values()) == {1}
    turn = asyncio.Semaphore(CLIENTS)

    async def check_file(url: str, one: Wanted) -> None:
        async with turn:
            assert await ask(f"{url}/{one.name}/{one.version}/words") == (200, one.text.encode())

    await asyncio.gather(*[check_file(url, one) for url in urls for one in winners.values()])
    for url in couch_urls:
        status, found = await ask(f"{url}/registry/_all_docs?include_docs=true&conflicts=true")
        assert (status, [row["id"] for row in found["rows"] if "_conflicts" in row["doc"]]) == (200, [])


async def claims(app: App) -> list[str]:
    """But for what says that a name is free; and who is at work, where a cluster holds the documents."""
    blobs, highest = app.attachments.blobs, dict[str, int]()
    async for blob in blobs.keys("_claims/"):
        folder, _, number = blob.key.rpartition("/")
        if not folder.startswith("_claims/documents/"):
            highest[folder] = max(int(number), highest.get(folder, 0))
    keys = [f"{folder}/{number}" for folder, number in highest.items()]
    read = [b"".join([chunk async for chunk in blobs.open(key)]) for key in keys]
    return [key for key, text in zip(keys, read, strict=True) if json.loads(text)["process"]]


async def test_of_two_publishes_of_a_version_one_wins(both: list[App]) -> None:
    urls, couch_urls = [app.registry_url for app in both], [app.couch_url for app in both]
    outcomes = await publish_all(urls, wanted(VERSIONS))
    await check(outcomes, urls, couch_urls)
    for app in both:
        while await claims(app):
            await asyncio.sleep(0.05)
    follows = [status.state for app in both for status in await app.statuses() if status.name == "datastore"]
    assert sorted(follows)[0] == "elsewhere"
    keys = {blob.key async for blob in both[0].attachments.blobs.keys("")}
    for one in outcomes:
        assert f"{one.name}/{one.version}/datapackage.json" in keys


async def test_one_that_is_killed_is_followed(
    server: ServerFactory, tmp_path: Path, place: Place, own_s3_server: S3Server
) -> None:
    """While clients publish. It is the one that writes records and descriptors."""
    names = {"docstore": "COUCHREG_DOCSTORE", "s3_access_key_id": "COUCHREG_S3_ACCESS_KEY_ID"}
    names["s3_secret_access_key"] = "COUCHREG_S3_SECRET_ACCESS_KEY"
    env = {names[key]: value for key, value in place.settings.items() if key in names}
    flags = ["--blobstore", place.settings["blobstore"], "--s3-endpoint", place.settings["s3_endpoint"]]
    flags += ["--cluster-trial", place.settings["cluster_trial"]]
    with running(tmp_path / "one", *flags, env=env) as first:
        second = await server(data_dir=tmp_path / "two", **place.settings)
        urls, work = [first.registry_url, second.registry_url], wanted(VERSIONS)

        async def kill() -> None:
            while len(work) > VERSIONS // 2:
                await asyncio.sleep(0.01)
            first.kill()

        outcomes, _ = await asyncio.gather(publish_all(urls, work), kill())
    await check(outcomes, [second.registry_url], [second.couch_url])
    await second.processes.task("datastore").ours()
    again = await server(data_dir=tmp_path / "one", **place.settings)
    await check(outcomes, [again.registry_url], [again.couch_url])


async def test_stores_that_break_off_answers_undo_nothing(
    server: ServerFactory, tmp_path: Path, place: Place
) -> None:
    """What was done and not answered is done once, and what nobody knows of is told so."""
    couch, chance = URL(place.settings["docstore"]), random.Random(VERSIONS)
    async with (
        fault_proxy(str(couch.origin()), chance) as documents,
        fault_proxy(place.settings["s3_endpoint"], chance) as bucket,
    ):
        away = couch.with_host(URL(documents.url).host or "").with_port(URL(documents.url).port)
        settings = {**place.settings, "docstore": str(away), "s3_endpoint": bucket.url}
        both = [await server(data_dir=tmp_path / name, **settings) for name in ("one", "two")]
        urls, couch_urls = [app.registry_url for app in both], [app.couch_url for app in both]
        for proxy in (documents, bucket):
            proxy.faults, proxy.rate = ("unavailable", "cut", "cut_behind"), 0.03
        outcomes = await publish_all(urls, wanted(VERSIONS))
        for proxy in (documents, bucket):
            assert sum(proxy.done[fault] for fault in proxy.faults) > 0
            proxy.rate = 0.0
        await check(outcomes, urls, couch_urls)
        for app in both:
            await app.stop()


async def test_people_are_the_same_at_both(both: list[App]) -> None:
    one, two = [app.registry_url for app in both]
    accounts = [
        ask(f"{url}/adduser/anna", "PUT", None, json={"name": "anna", "password": f"pass-of-{url[-5:]}"})
        for url in (one, two)
    ]
    made = [status for status, _ in await asyncio.gather(*accounts)]
    assert sorted(made)[0] == 201
    assert sorted(made)[1] == 409
    password = f"pass-of-{(one, two)[made.index(201)][-5:]}"
    anna = aiohttp.encode_basic_auth("anna", password)
    for url in (one, two):  # from now on it is remembered
        assert (await ask(f"{url}/-/whoami", login=anna))[0] == 200
    tokens = [ask(f"{url}/-/tokens", "POST", anna, json={"scope": "read"}) for url in (one, two) * 2]
    found = [told["token"] for _, told in await asyncio.gather(*tokens)]
    for url in (one, two):
        assert len((await ask(f"{url}/-/tokens", login=anna))[1]["tokens"]) == 4
        for token in found:
            assert (await ask(f"{url}/-/whoami", login=f"Bearer {token}"))[0] == 200
    user = f"{both[0].couch_url}/_users/org.couchdb.user:anna"
    document = (await ask(user))[1]
    assert (await ask(user, "PUT", json={**document, "password": "another-long-one"}))[0] == 201
    for url in (one, two):
        assert (await ask(f"{url}/-/whoami", login=anna))[0] == 401
    anna = aiohttp.encode_basic_auth("anna", "another-long-one")
    for url in (one, two):
        assert (await ask(f"{url}/-/whoami", login=anna))[0] == 200
    document = (await ask(user))[1]
    gone = {"_rev": document["_rev"], "_deleted": True, "name": "anna", "type": "user", "roles": []}
    assert (await ask(user, "PUT", json=gone))[0] in (200, 201)
    for url in (one, two):
        assert (await ask(f"{url}/-/whoami", login=anna))[0] == 401
        for token in found:
            assert (await ask(f"{url}/-/whoami", login=f"Bearer {token}"))[0] == 401


async def test_rights_and_rules_are_the_same_at_both(both: list[App]) -> None:
    one, two = [app.registry_url for app in both]
    for name in ("anna", "bob"):
        person = {"name": name, "password": "a long one"}
        assert (await ask(f"{one}/adduser/{name}", "PUT", None, json=person))[0] == 201
    anna, bob = (aiohttp.encode_basic_auth(name, "a long one") for name in ("anna", "bob"))
    assert await publish(one, "bees", "1.0.0", "id,word\n1,a\n", anna) == 201
    assert (await ask(f"{two}/-/groups/friends", "PUT", anna))[0] == 201
    assert (await ask(f"{one}/-/groups/friends", "PUT", bob))[0] == 409
    closed = {"access": "restricted"}
    assert (await ask(f"{one}/-/package/bees/access", "POST", anna, json=closed))[0] == 200
    assert (await ask(f"{two}/bees/1.0.0/words", login=bob))[0] == 404
    right = {"permissions": "read-only"}
    path = "-/package/bees/collaborators/group:friends"
    assert (await ask(f"{one}/{path}", "PUT", anna, json=right))[0] == 200
    assert (await ask(f"{two}/bees/1.0.0/words", login=bob))[0] == 404
    member = "-/groups/friends/members/bob"
    assert (await ask(f"{one}/{member}", "PUT", anna, json={}))[0] == 200
    assert (await ask(f"{two}/bees/1.0.0/words", login=bob))[0] == 200
    assert (await ask(f"{two}/{member}", "DELETE", anna))[0] == 200
    assert (await ask(f"{one}/bees/1.0.0/words", login=bob))[0] == 404
    assert (await ask(f"{one}/-/groups/friends/members/bob", "DELETE", anna))[0] == 404

    database = f"db-{secrets.token_hex(3)}"
    here, there = (f"{app.couch_url}/{database}" for app in both)
    assert (await ask(here, "PUT"))[0] == 201
    assert (await ask(f"{there}/a", "PUT", json={}))[0] == 201  # no rule so far
    rule = "function(doc) { if (!doc.kind && !doc._deleted) throw({forbidden: 'a kind'}) }"
    assert (await ask(f"{here}/_design/rules", "PUT", json={"validate_doc_update": rule}))[0] == 201
    assert (await ask(f"{there}/b", "PUT", json={}))[0] == 403


async def test_what_is_kept_by_content_is_left_to_the_sweep(both: list[App]) -> None:
    """Another process may be about to refer to it. One of them sweeps, what none of them has in hand."""
    one, two = both
    for app in both:
        assert await publish(app.registry_url, "bees", f"{both.index(app)}.0.0", "id,word\n1,a\n") == 201
    assert (await ask(f"{one.couch_url}/db", "PUT"))[0] == 201
    files = {"f": "aGVsbG8=", "g": "aGVsbG9h"}
    text = {"_attachments": {name: {"content_type": "text/x", "data": data} for name, data in files.items()}}
    assert (await ask(f"{two.couch_url}/db/a", "PUT", json=text))[0] == 201
    assert (await ask(f"{one.couch_url}/db/a", "PUT", json=text))[0] == 409
    assert (await ask(f"{two.couch_url}/db/a/f"))[1] == b"hello"
    kept = [blob.key async for blob in one.attachments.blobs.keys("_blobs/")]
    assert kept
    assert not any([await one.attachments.remove(key) for key in kept])
    assert (await ask(f"{two.couch_url}/db", "DELETE"))[0] == 200
    await asyncio.wait(
        [asyncio.create_task(app.processes.task("sweep").ours()) for app in both],
        return_when=asyncio.FIRST_COMPLETED,
    )
    sweeping, other = sorted(both, key=lambda app: not app.processes.task("sweep").is_ours)
    sweeping.sweeper._grace = -60.0  # whatever clocks say
    needed = await referred(one.store, kept)
    [held, *others] = set(kept) - needed
    await other.attachments.pins.add(held)
    assert await sweeping.sweeper.sweep() == len(others)
    assert {blob.key async for blob in one.attachments.blobs.keys("_blobs/")} == {held, *needed}
    for app in both:
        assert (await ask(f"{app.registry_url}/bees/0.0.0/words"))[0] == 200
    other.attachments.pins.release([held], kept=False)
    assert await sweeping.sweeper.sweep() == 1
