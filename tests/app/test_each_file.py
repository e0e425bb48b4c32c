"""Each file of a data directory in turn cut off, altered, removed: what the doctor, a start, readers say."""

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from couchreg.app import App, build
from couchreg.app.doctor import examine
from couchreg.app.findings import Finding
from couchreg.auth.policy import REGISTRY
from couchreg.cli.rebuild import run as rebuild
from couchreg.config import CannotStart, load
from couchreg.docstore.maintenance.audit import Audit
from tests.app.old_format import ADMIN, ANNA, fill
from tests.app.people import Client
from tests.packages import related, small

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.directory_only]

# What is made again, or begins anew, without a word: nothing that anybody wrote is in it.
MADE_AGAIN = (
    "contents.sqlite",
    "tables.sqlite",
    "downloads.sqlite",
    "search",
    "search-restricted",
    "views",
    "logins.json",
    "couchreg.lock",
    "upload-secret",
    "format",
    "datastore/_datastore/owner.json",
    "datastore/_parquet",
)
# Nothing in these tells that their bytes are other ones: any do, or SQLite looks at them after a crash only.
ANY_BYTES = ("upload-secret", "search/fts5.sqlite-", "search-restricted/fts5.sqlite-", "datastore/_parquet")
REMEDIES = ("backup", "rebuild", "delete", "remove", "made again", "Put it back", "--repair", "restore")


def cut(path: Path) -> None:
    data = path.read_bytes()
    _write(path, data[: len(data) // 2])


def alter(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for place in range(len(data) // 3, len(data), 7):
        data[place] ^= 255
    _write(path, bytes(data))


def _write(path: Path, data: bytes) -> None:
    """In place of the file, which may be a link to others."""
    mode = path.stat().st_mode
    path.unlink()
    path.write_bytes(data)
    path.chmod(mode & 0o777)


DAMAGES = [cut, alter, Path.unlink]
Damage = Callable[[Path], None]


async def started(data: Path) -> App:
    given = {"data_dir": data, "port": 0, "couch_port": 0, "admin": ":".join(ADMIN), "analytics": "on"}
    app = build(load({**given, "password_iterations": 1000}, environ={}))
    await app.start()
    return app


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def used(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Path]:
    """A data directory in which something of everything has been done."""
    data = tmp_path_factory.mktemp("used") / "data"
    app = await started(data)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        await fill(session, app.registry_url, app.couch_url)
        door, couch = Client(session, app.registry_url), Client(session, app.couch_url)
        assert await published(session, app, "hidden", "1.0.0") == 201
        assert (await door("POST", "/-/package/hidden/access", {"access": "restricted"}, who=ANNA))[0] == 200
        views = {"n": {"map": "function (doc) { emit(doc._id, 1); }"}}
        assert (await couch("PUT", "/db/_design/v", {"views": views}))[0] == 201
        assert (await couch("GET", "/db/_design/v/_view/n"))[0] == 200
        while (await door("GET", "/-/parquet/small/1.1.0"))[1]["tables"][0]["state"] == "pending":
            await asyncio.sleep(0.1)
    for loop in app.followers.values():
        await loop.caught_up(await (await app.store.open(REGISTRY)).update_seq())
    await app.stop()
    yield data


@pytest.fixture
def copy(used: Path, tmp_path: Path) -> Iterator[Callable[[], Path]]:
    """Makes the directory anew, as it was."""

    def made() -> Path:
        shutil.rmtree(tmp_path / "data", ignore_errors=True)
        shutil.copytree(used, tmp_path / "data")
        return tmp_path / "data"

    yield made
    shutil.rmtree(tmp_path / "data", ignore_errors=True)


async def published(session: aiohttp.ClientSession, app: App, name: str, version: str) -> int:
    body, headers = related(small(name=name, text=f"id,word\n1,{version}\n"))
    headers["Authorization"] = aiohttp.encode_basic_auth(*ANNA)
    async with session.put(f"{app.registry_url}/{name}/{version}", data=body, headers=headers) as answer:
        return answer.status


def files(data: Path) -> list[str]:
    return sorted(str(path.relative_to(data)) for path in data.rglob("*") if path.is_file())


def said(data: Path) -> list[Finding]:
    return [finding for finding in examine(data) if "left: make room" not in finding.reason]


@pytest.mark.parametrize("damage", DAMAGES)
async def test_the_doctor_or_the_check_names_each(
    used: Path, copy: Callable[[], Path], damage: Damage
) -> None:
    data, silent = copy(), []
    assert said(data) == []
    for name in files(used):
        path = data / name
        if not path.stat().st_size and damage is not Path.unlink:
            continue
        whole = path.with_name(f"{path.name}.whole")
        path.rename(whole)
        shutil.copy2(whole, path)
        damage(path)
        found = await asyncio.to_thread(said, data)
        path.unlink(missing_ok=True)
        whole.rename(path)
        if not found:
            silent.append(name)
            continue
        assert any(one.path == path for one in found), (name, found)
        assert len({one.path for one in found}) == len(found), f"one sentence of each: {found}"
        assert all(any(word in one.reason for word in REMEDIES) for one in found), (name, found)
    allowed = MADE_AGAIN if damage is Path.unlink else ANY_BYTES
    left = [name for name in silent if not name.startswith(allowed)]
    assert not [name for name in left if not name.startswith("datastore/")], left
    assert await unnamed(copy(), left, damage) == []


async def unnamed(data: Path, names: list[str], damage: Damage) -> list[str]:
    """What the check of the datastore does not name, either."""
    for name in names:
        damage(data / name)
    async with build(load({"data_dir": data}, environ={})).offline() as app:
        found = await Audit(app.store, app.attachments, REGISTRY).check(deep=True)
    keys = {*found.missing, *found.different}
    left = [name for name in names if name.removeprefix("datastore/") not in keys]
    return [name for name in left if not name.startswith("datastore/_deleted/")]  # nobody reads it any more


NEEDED = ["server.sqlite", "databases/_users@*.db", "databases/registry@*.db", "format", "upload-secret"]
NEEDED += ["datastore/_datastore/owner.json"]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", NEEDED)
async def test_a_start_names_what_stands_in_its_way(
    copy: Callable[[], Path], damage: Damage, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    data = copy()
    [path] = data.glob(name)
    damage(path)
    reason = await refusal(data)
    if reason is None:
        assert name.startswith(MADE_AGAIN) or (name, damage) == ("databases/_users@*.db", Path.unlink)
    else:
        assert path.name.partition("@")[0] in reason
        assert any(word in reason for word in REMEDIES), reason
    assert tracebacks(caplog) == []


async def test_a_rebuild_makes_another_server_file_beside_the_databases(copy: Callable[[], Path]) -> None:
    data = copy()
    (data / "server.sqlite").unlink()
    done = await rebuild(load({"data_dir": data}, environ={}))
    assert (done.problems, done.imported) == ([], 0)
    app = await started(data)
    try:
        async with aiohttp.ClientSession() as session:
            door, couch = Client(session, app.registry_url), Client(session, app.couch_url)
            assert (await door("GET", "/-/whoami", who=ANNA))[1]["packages"] == ["hidden", "small"]
            assert (await couch("GET", "/db/doc"))[0] == 200
            assert await published(session, app, "small", "7.0.0") == 201
    finally:
        await app.stop()
    assert said(data) == []


async def refusal(data: Path) -> str | None:
    """Why a server does not start; None for one that does."""
    try:
        app = await started(data)
    except CannotStart as refused:
        return refused.reason
    await app.stop()
    return None


READS = ("/small", "/small/1.1.0", "/small/1.1.0/data/words.csv", "/-/packages", "/-/versions/small")
DERIVED = ("contents.sqlite", "downloads.sqlite", "logins.json", "search/fts5.sqlite", "tables.sqlite")
DERIVED += ("search-restricted/fts5.sqlite", "views/*/*/*.view")
OTHERS = ("databases/db@*.db", "databases/_replicator@*.db", "databases/_global_changes@*.db")
LOGS = ("search/fts5.sqlite-*", "search-restricted/fts5.sqlite-*")
STORED = ("small/1.0.0/data/words.csv", "_registry/small/*", "_parquet/small/1.1.0/*")
STORED += ("small/1.0.0/datapackage.json", "_deleted/small/2.0.0/*/*", "_blobs/9e/*")


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("patterns", [DERIVED, LOGS, OTHERS, tuple(f"datastore/{key}" for key in STORED)])
async def test_all_else_is_read_as_ever(
    copy: Callable[[], Path],
    damage: Damage,
    patterns: tuple[str, ...],
    caplog: pytest.LogCaptureFixture,
) -> None:
    data = copy()
    for pattern in patterns:
        for path in list(data.glob(pattern)):
            damage(path)
    caplog.set_level(logging.INFO)
    app = await started(data)
    try:
        async with asyncio.timeout(300), aiohttp.ClientSession() as session:
            door, couch = Client(session, app.registry_url), Client(session, app.couch_url)
            for address in READS:
                async with session.get(app.registry_url + address) as answer:
                    assert answer.status == 200, (address, await answer.text())
                    await answer.read()
            assert await published(session, app, "small", "7.0.0") == 201
            for loop in app.followers.values():
                await loop.caught_up(await (await app.store.open(REGISTRY)).update_seq())
            assert (await door("GET", "/-/search?q=small"))[1]["total"] == 1
            await asked(session, app, couch)
            assert (await door("GET", "/-/health/ready"))[0] == 200
    finally:
        await app.stop()
    assert tracebacks(caplog) == []


async def asked(session: aiohttp.ClientSession, app: App, couch: Client) -> None:
    """What may be damaged is answered with a sentence, or is made again."""
    addresses = ("/db/doc?attachments=true", "/db/_design/v/_view/n", "/_replicator/_all_docs")
    for address in addresses:
        try:
            status, answer = await couch("GET", address, headers={"Accept": "application/json"})
        except aiohttp.ClientError:
            assert "attachments" in address, "it breaks off where a file in it is damaged"
            continue
        assert status in (200, 404) or answer["error"] == "file_corrupt", (address, answer)
    for address in ("/small/1.0.0/data/words.csv", "/-/parquet/small/1.1.0/words.parquet"):
        async with session.get(app.registry_url + address) as answer:
            sent: Any = await answer.read()
            assert answer.status in (200, 503) or b"file_corrupt" in sent, (address, sent)


def tracebacks(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.exc_info]
