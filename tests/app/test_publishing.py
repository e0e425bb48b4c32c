"""Publishing over several requests: only what is missing is sent, and what takes long goes on by itself."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from couchreg.app import App
from tests.app.people import Client as Couch
from tests.app.publishers import CSV, Client, announced, descriptor
from tests.app.test_ending_work import endless
from tests.app.test_held_back import gone, made, made_anew, other_roles
from tests.conftest import ADMIN, ServerFactory


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture
def admin(app: App, session: aiohttp.ClientSession) -> Client:
    return Client(app, session, aiohttp.encode_basic_auth(*ADMIN))


@pytest.fixture
def couch(app: App, session: aiohttp.ClientSession) -> Couch:
    return Couch(session, app.couch_url)


async def anna(app: App, session: aiohttp.ClientSession, couch: Couch, name: str = "anna") -> Client:
    return Client(app, session, await made(couch, name))


def disk(app: App) -> int:
    """Bytes of the datastore, each file once whatever its names."""
    root = app.settings.data_dir / "datastore"
    found = {path.stat().st_ino: path.stat().st_size for path in root.rglob("*") if path.is_file()}
    return sum(found.values())


@pytest.mark.directory_only
async def test_of_300_files_the_changed_one_is_sent_and_stored(
    server: ServerFactory, session: aiohttp.ClientSession
) -> None:
    app = await server(validation="off")
    admin = Client(app, session, aiohttp.encode_basic_auth(*ADMIN))
    files = {f"data/{number}.csv": b"id\n" + b"%d\n" % number * 1000 for number in range(300)}
    await admin.publish("many", "1", files)
    whole, before = admin.sent, disk(app)
    changed = {**files, "data/7.csv": b"id\n" + b"-8\n" * 1000}
    status, begun = await admin.begin("many", "2", changed)
    assert (status, begun["missing"]) == (201, ["data/7.csv"])
    manifest = admin.sent - whole
    await admin.send(begun, changed)
    assert admin.sent - whole == manifest + len(changed["data/7.csv"])
    assert (await admin("POST", begun["url"]))[0] == 201
    own = [app.settings.data_dir / "datastore" / "many" / "2" / "datapackage.json"]
    records = list((app.settings.data_dir / "datastore" / "_registry" / "many@2").iterdir())
    blobs = len(descriptor("many", changed))  # the descriptor as it was sent
    described = sum(path.stat().st_size for path in [*own, *records]) + blobs
    assert disk(app) - before <= len(changed["data/7.csv"]) + described
    _, served = await admin("GET", "/many/2")
    assert len(served["resources"]) == 300


async def test_what_is_missing_is_sent_and_the_version_is_there(app: App, admin: Client) -> None:
    files = {"data/t.csv": CSV, "data/o ther%.csv": b"a\n1\n"}
    status, begun = await admin.begin("gdp", "1", files)
    assert (status, begun["state"], sorted(begun["missing"])) == (201, "open", sorted(files))
    assert (await admin("POST", begun["url"]))[0] == 409
    assert (await admin("PUT", f"{begun['url']}/data/t.csv", CSV))[0] == 201
    status, again = await admin.begin("gdp", "1", files)
    assert (status, again["id"], again["missing"]) == (200, begun["id"], ["data/o ther%.csv"])
    assert (await admin("PUT", f"{begun['url']}/data/o%20ther%25.csv", b"a\n1\n"))[0] == 201
    assert (await admin("GET", "/gdp/1"))[0] == 404
    status, published = await admin("POST", begun["url"])
    assert (status, published["id"]) == (201, "gdp@1")
    assert (await admin("POST", begun["url"]))[0] == 201  # an answer that was lost may be asked for again
    assert (await admin("GET", begun["url"]))[1]["published"]["rev"] == published["rev"]
    async with admin.session.get(app.registry_url + "/gdp/1/data/t.csv") as response:
        assert await response.read() == CSV
    assert (await admin("DELETE", begun["url"]))[0] == 200
    assert (await admin("GET", begun["url"]))[0] == 404


async def test_the_check_goes_on_without_the_request(app: App, admin: Client) -> None:
    _, begun = await admin.begin("gdp", "1", {"t.csv": CSV})
    await admin.send(begun, {"t.csv": CSV})
    status, accepted = await admin("POST", begun["url"] + "?wait=0")
    assert (status, accepted["url"]) == (202, begun["url"])
    assert accepted["state"] in ("checking", "published")  # it may be over by now
    found = await admin.outcome(begun["url"])
    assert (found["state"], found["published"]["url"]) == ("published", f"{app.registry_url}/gdp/1")
    assert (await admin("GET", "/gdp/1"))[0] == 200


async def test_a_publish_in_one_request_goes_on_too(app: App, admin: Client) -> None:
    package = {"name": "gdp", "resources": [{"name": "t", "data": [{"a": 1}]}]}
    status, accepted = await admin("PUT", "/gdp/1?wait=0", package)
    assert status == 202
    assert (await admin.outcome(accepted["url"]))["state"] == "published"
    assert (await admin("GET", "/gdp/1"))[0] == 200
    assert [path.name for path in (app.settings.data_dir / "spool").iterdir()] == []


async def test_what_is_wrong_stays_to_be_read(app: App, admin: Client) -> None:
    schema = {"fields": [{"name": "id", "type": "integer"}, {"name": "word", "type": "integer"}]}
    text = json.dumps({"name": "gdp", "resources": [{"name": "t", "path": "t.csv", "schema": schema}]})
    _, begun = await admin.begin("gdp", "1", {"t.csv": CSV}, descriptor=text)
    await admin.send(begun, {"t.csv": CSV})
    assert (await admin("POST", begun["url"] + "?wait=0"))[0] == 202
    found = await admin.outcome(begun["url"])
    assert (found["state"], found["error"]) == ("refused", "invalid_package")
    assert [item["type"] for item in found["report"]["problems"]] == ["type-error"] * 2
    assert (await admin("POST", begun["url"]))[0] == 422
    assert (await admin("GET", "/gdp/1"))[0] == 404
    status, again = await admin.begin("gdp", "1", {"t.csv": CSV})  # another descriptor, and nothing to send
    assert (status, again["missing"]) == (201, [])


async def test_an_impossible_descriptor_is_refused_before_anything_is_sent(app: App, admin: Client) -> None:
    text = json.dumps({"name": "gdp", "resources": [{"name": "t", "path": "../t.csv"}]})
    status, answer = await admin.begin("gdp", "1", {"t.csv": CSV}, descriptor=text)
    assert (status, answer["error"]) == (422, "invalid_package")
    assert (await admin("GET", "/-/publishing"))[1] == {"publishing": []}


async def test_a_check_that_is_given_up_ends(app: App, admin: Client) -> None:
    path, package = endless("slow")
    status, accepted = await admin("PUT", f"{path}?wait=0", package)
    assert status == 202
    assert (await admin("DELETE", accepted["url"]))[0] == 200
    assert app.registry.checker.busy == 0
    assert (await admin("GET", accepted["url"]))[0] == 404
    assert list((app.settings.data_dir / "publishing").iterdir()) == []


async def test_what_was_acknowledged_goes_on_after_a_restart(
    server: ServerFactory, session: aiohttp.ClientSession
) -> None:
    first = await server(validation_timeout=3000)
    admin = Client(first, session, aiohttp.encode_basic_auth(*ADMIN))
    path, package = endless("slow")
    _, slow = await admin("PUT", f"{path}?wait=0", package)
    _, begun = await admin.begin("gdp", "1", {"t.csv": CSV, "u.csv": b"a\n1\n"})
    await admin("PUT", f"{begun['url']}/t.csv", CSV)
    await first.stop()
    admin.app = second = await server(validation_timeout=1)
    found = await admin.outcome(f"{second.registry_url}/-/publishing/{slow['id']}")
    assert (found["state"], found["report"]["problems"][0]["type"]) == ("refused", "check-stopped")
    assert "validation-timeout" in found["report"]["problems"][0]["message"]
    _, open_one = await admin("GET", f"/-/publishing/{begun['id']}")
    assert (open_one["state"], open_one["missing"]) == ("open", ["u.csv"])
    assert (await admin("PUT", f"/-/publishing/{begun['id']}/u.csv", b"a\n1\n"))[0] == 201
    assert (await admin("POST", f"/-/publishing/{begun['id']}"))[0] == 201


@pytest.mark.parametrize("change", [gone, made_anew, other_roles])
async def test_who_loses_the_account_publishes_nothing(
    app: App, session: aiohttp.ClientSession, couch: Couch, change: Any
) -> None:
    client = await anna(app, session, couch)
    hold = asyncio.Event()
    check = app.registry.checker.check

    async def held(*given: Any, **more: Any) -> Any:
        await hold.wait()
        return await check(*given, **more)

    app.registry.checker.check = held  # type: ignore[method-assign]
    package = {"name": "gdp", "resources": [{"name": "t", "data": [{"a": 1}]}]}
    status, accepted = await client("PUT", "/gdp/1?wait=0", package)
    assert status == 202
    await change(couch, "anna")
    record = app.registry.sessions.get(accepted["id"])
    hold.set()
    await asyncio.wait_for(_over(app, record.id), 60)
    assert (record.state, record.outcome["error"]) == ("failed", "unauthorized")
    assert (await client("GET", "/gdp/1"))[0] in (401, 404)


async def _over(app: App, session: str) -> None:
    while not app.registry.sessions.get(session).is_finished:
        await asyncio.sleep(0.05)


async def test_nobody_sees_or_touches_what_is_somebody_elses(
    app: App, admin: Client, session: aiohttp.ClientSession, couch: Couch
) -> None:
    client = await anna(app, session, couch)
    _, begun = await client.begin("gdp", "1", {"t.csv": CSV})
    for method, path in (("GET", ""), ("PUT", "/t.csv"), ("POST", ""), ("DELETE", "")):
        body = CSV if method == "PUT" else None
        assert (await admin(method, begun["url"] + path, body))[0] == 404
    _, mine = await client("GET", "/-/publishing")
    assert [row["id"] for row in mine["publishing"]] == [begun["id"]]
    assert (await admin("GET", "/-/publishing"))[1] == {"publishing": []}
    await made_anew(couch, "anna")
    other = Client(app, session, aiohttp.encode_basic_auth("anna", "somebody else's"))
    assert (await other("GET", begun["url"]))[0] == 404


async def test_bytes_that_others_are_only_sending_do_not_count(
    app: App, admin: Client, session: aiohttp.ClientSession, couch: Couch
) -> None:
    _, begun = await admin.begin("gdp", "1", {"t.csv": CSV})
    await admin.send(begun, {"t.csv": CSV})
    client = await anna(app, session, couch)
    assert (await client.begin("bees", "1", {"t.csv": CSV}))[1]["missing"] == ["t.csv"]
    assert (await admin.begin("bees", "1", {"t.csv": CSV}))[1]["missing"] == []


async def test_publishes_under_way_are_bounded(server: ServerFactory, session: aiohttp.ClientSession) -> None:
    app = await server(publish_space=2)
    admin = Client(app, session, aiohttp.encode_basic_auth(*ADMIN))
    big = {"bytes": 1_000_000, "sha256": "0" * 64}
    files = {"t.bin": big}
    manifest = {"name": "gdp", "files": files, "descriptor": descriptor("gdp", {"t.bin": b""})}
    assert (await admin("POST", "/-/publishing", {**manifest, "version": "1"}))[0] == 201
    status, answer = await admin("POST", "/-/publishing", {**manifest, "version": "2"})
    assert (status, "publish-space" in answer["reason"]) == (429, True)
    small = {"t.csv": b"a\n"}
    for number in range(3, 18):
        assert (await admin.begin("gdp", str(number), small))[0] == 201
    status, answer = await admin.begin("gdp", "18", small)
    assert (status, answer["error"]) == (429, "too_many_requests")


@pytest.mark.directory_only
async def test_a_start_leaves_the_permissions_of_published_files(
    server: ServerFactory, session: aiohttp.ClientSession
) -> None:
    """Those that a publish under way shares with a published version, too."""
    first = await server()
    admin = Client(first, session, aiohttp.encode_basic_auth(*ADMIN))
    await admin.publish("gdp", "1", {"t.csv": CSV})
    _, begun = await admin.begin("gdp", "2", {"t.csv": CSV, "u.csv": b"a\n1\n"})
    assert begun["missing"] == ["u.csv"]
    file = first.settings.data_dir / "datastore" / "gdp" / "1" / "t.csv"
    file.chmod(0o644)
    await first.stop()
    admin.app = await server()
    assert file.stat().st_mode & 0o777 == 0o644
    assert (first.settings.data_dir / "publishing").stat().st_mode & 0o777 == 0o700
    status, again = await admin.begin("gdp", "2", {"t.csv": CSV, "u.csv": b"a\n1\n"})
    assert (status, again["id"], again["missing"]) == (200, begun["id"], ["u.csv"])


async def test_who_goes_before_the_answer_takes_the_check_along(app: App, admin: Client) -> None:
    _, package = endless("slow")
    data = package["resources"][0].pop("data")
    package["resources"][0]["path"] = "t.csv"
    rows = "".join(f"{','.join(row)}\n" for row in data).encode()
    _, begun = await admin.begin("slow", "1", {"t.csv": rows}, descriptor=json.dumps(package))
    await admin.send(begun, {"t.csv": rows})
    waiting = asyncio.create_task(admin("POST", begun["url"]))
    while not app.registry.checker.busy:
        await asyncio.sleep(0.02)
    waiting.cancel()
    while app.registry.checker.busy:
        await asyncio.sleep(0.02)
    _, now = await admin("GET", begun["url"])
    assert (now["state"], now["missing"]) == ("open", [])


async def test_what_nobody_touches_expires(app: App, admin: Client) -> None:
    _, begun = await admin.begin("gdp", "1", {"t.csv": CSV})
    sessions = app.registry.sessions
    await sessions.expire()
    assert (await admin("GET", begun["url"]))[0] == 200
    sessions.get(begun["id"]).touched -= sessions.limits.lasts + 1
    await sessions.expire()
    assert (await admin("GET", begun["url"]))[0] == 404
    assert list((app.settings.data_dir / "publishing").iterdir()) == []


@pytest.mark.parametrize(
    "change",
    [
        {"name": 7},
        {"version": None},
        {"files": []},
        {"files": {"t.csv": {"bytes": -1, "sha256": "0" * 64}}},
        {"files": {"t.csv": {"bytes": 1, "sha256": "0" * 63}}},
        {"files": {"../t.csv": {"bytes": 1, "sha256": "0" * 64}}},
        {"descriptor": 7},
        {"descriptor": "\ud800"},
        {"descriptor": "[]"},
        {"descriptor": None},
    ],
)
async def test_manifests_that_make_no_sense(app: App, admin: Client, change: dict[str, Any]) -> None:
    files = {"t.csv": CSV}
    manifest = {
        "name": "gdp",
        "version": "1",
        "files": announced(files),
        "descriptor": descriptor("gdp", files),
    }
    assert (await admin("POST", "/-/publishing", {**manifest, **change}))[0] == 400
