"""Mirrors: another registry's packages, byte for byte, served also while the registry is not there."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from couchreg.app import build
from couchreg.config import load
from tests.blob_stores import blob_settings
from tests.conftest import ADMIN
from tests.packages import Package, related, small
from tests.processes import environment
from tests.replication.conftest import Peer
from tests.replication.proxies import proxy

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANNA = ("anna", "a")


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def people(servers: tuple[Peer, Peer]) -> None:
    user = {"name": "anna", "password": "a", "roles": [], "type": "user"}
    await servers[0].ok("PUT", "/_users/org.couchdb.user:anna", user)


@asynccontextmanager
async def mirroring(data_dir: Path, source: str, packages: str = "") -> AsyncIterator[Peer]:
    settings = {
        **await blob_settings(data_dir),
        "port": 0,
        "couch_port": 0,
        "data_dir": data_dir,
        "admin": ":".join(ADMIN),
        "password_iterations": 1000,
        "analytics": "off",
        "mirror": source,
        "mirror_packages": packages,
    }
    app = build(load(settings, environ={}))
    await app.start()
    assert app.mirror is not None
    app.mirror._first_wait = 0.05
    try:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            yield Peer(app.couch_url.rstrip("/"), session, app)
    finally:
        await app.stop()


def registry(peer: Peer) -> str:
    assert peer.app is not None
    return peer.app.registry_url.rstrip("/")


async def publish(
    peer: Peer, package: Package, version: str, who: tuple[str, str] = ADMIN
) -> tuple[int, Any]:
    body, headers = related(package)
    headers["Authorization"] = aiohttp.encode_basic_auth(*who)
    url = f"{registry(peer)}/{package.name}/{version}"
    async with peer.session.put(url, data=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def get(peer: Peer, path: str, who: tuple[str, str] | None = None) -> tuple[int, bytes]:
    headers = {"Authorization": aiohttp.encode_basic_auth(*who)} if who else {}
    async with peer.session.get(registry(peer) + path, headers=headers) as answer:
        return answer.status, await answer.read()


async def replica(peer: Peer, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The row of the mirror, once it fits; as an administrator sees it."""
    async with asyncio.timeout(60):
        while True:
            [row] = json.loads((await get(peer, "/-/replicas", ADMIN))[1])["replicas"]
            if fits(row):
                return dict(row)
            await asyncio.sleep(0.02)


def current(row: dict[str, Any]) -> bool:
    return bool(row["state"] == "current")


async def same(one: Peer, other: Peer, name: str, version: str, path: str = "data/words.csv") -> bool:
    found = [await get(peer, f"/{name}/{version}/{path}") for peer in (one, other)]
    docs = [(await peer("GET", f"/registry/{name}@{version}?revs=true"))[1] for peer in (one, other)]
    return found[0] == found[1] and found[0][0] == 200 and docs[0] == docs[1]


async def test_a_part_of_a_registry_is_followed(here: Peer, tmp_path: Path) -> None:
    for name in ("gdp-a", "gdp-b", "other"):
        assert (await publish(here, small(name), "1"))[0] == 201
    async with mirroring(tmp_path / "m", registry(here), "gdp*, co2") as mirror:
        row = await replica(mirror, current)
        assert (row["packages"], row["lag"], row["set_aside"]) == (
            ["gdp*", "co2"],
            {"seconds": 0, "documents": 0},
            0,
        )
        assert row["source"] == registry(here)
        assert [await same(here, mirror, name, "1") for name in ("gdp-a", "gdp-b")] == [True, True]
        assert (await get(mirror, "/other/1"))[0] == 404
        await publish(here, small("gdp-a"), "2")
        await here.ok("PUT", "/registry/_design/x", {"language": "javascript"})
        await replica(mirror, lambda row: row["written"] >= 5 and current(row))
        assert await same(here, mirror, "gdp-a", "2")
        assert (await mirror("GET", "/registry/_design/x"))[0] == 404
        async with here.session.delete(registry(here) + "/gdp-a/2", headers=as_(ADMIN)) as answer:
            assert answer.status == 200
        await replica(mirror, lambda row: row["written"] >= 6 and current(row))
        assert (await get(mirror, "/gdp-a/2"))[0] == 404
        folder = mirror.app.settings.data_dir / "datastore" / "gdp-a" if mirror.app else Path()
        assert not (folder / "2" / "data" / "words.csv").exists()
    assert (await get(here, "/-/replicas"))[1] == b'{"replicas":[]}\n'


def as_(who: tuple[str, str]) -> dict[str, str]:
    return {"Authorization": aiohttp.encode_basic_auth(*who)}


async def test_only_administrators_change_a_mirror(here: Peer, tmp_path: Path) -> None:
    await publish(here, small("mine"), "1", ANNA)
    async with mirroring(tmp_path / "m", f"{here.url}/registry") as mirror:
        user = {"name": "anna", "password": "a", "roles": [], "type": "user"}
        await mirror.ok("PUT", "/_users/org.couchdb.user:anna", user)
        await replica(mirror, current)
        status, answer = await publish(mirror, small("mine"), "2", ANNA)
        assert (status, answer["error"]) == (403, "forbidden")
        assert "mirror of" in answer["reason"]
        for method, path, body in (
            ("PUT", "/-/dist-tags/mine/stable", {"version": "1"}),
            ("DELETE", "/mine/1", None),
            ("POST", "/owner/add", {"username": "admin", "dpkgName": "mine"}),
        ):
            url = registry(mirror) + path
            async with mirror.session.request(method, url, json=body, headers=as_(ANNA)) as found:
                assert found.status == 403, await found.text()
        doc = {"_id": "mine", "_rev": "7-" + "a" * 32, "name": "mine", "owners": ["anna"]}
        _, rows = await mirror("POST", "/registry/_bulk_docs", {"docs": [doc], "new_edits": False}, who=ANNA)
        assert [row["error"] for row in rows] == ["forbidden"]
        assert (await publish(mirror, small("local"), "1"))[0] == 201


async def test_it_serves_while_its_source_is_down_and_catches_up(here: Peer, tmp_path: Path) -> None:
    await publish(here, small("steady"), "1")
    down = False

    def refuse(request: web.BaseRequest) -> bool:
        return down

    async with proxy(here, refuse) as url:
        async with mirroring(tmp_path / "m", f"{url}/registry", "steady") as mirror:
            await replica(mirror, current)
        down = True
        async with mirroring(tmp_path / "m", f"{url}/registry", "steady") as mirror:
            row = await replica(mirror, lambda row: row["problem"] is not None)
            assert row["state"] == "unreachable"
            assert row["lag"]["seconds"] > 0  # since the last time, which is kept
            assert await same(here, mirror, "steady", "1")
            await publish(here, small("steady"), "2")
            down = False
            await replica(mirror, current)
            assert await same(here, mirror, "steady", "2")


async def test_bytes_that_are_not_those_of_the_descriptor_stay_out(here: Peer, tmp_path: Path) -> None:
    """The digest of CouchDB's protocol is right; the hash that was published is not."""
    await publish(here, small("spoilt"), "1")
    listed = await here.ok("GET", '/registry/_all_docs?include_docs=true&attachments=true&key="spoilt@1"')
    good = listed["rows"][0]["doc"]
    files = {
        name: {"content_type": f["content_type"], "data": f["data"]}
        for name, f in good["_attachments"].items()
    }
    files["data/words.csv"]["data"] = "aWQsd29yZAo5LHNwb2lsdAo="
    doc = {**good, "_id": "spoilt@2", "version": "2", "_rev": "1-" + "d" * 32, "_attachments": files}
    assert await here.ok("POST", "/registry/_bulk_docs", {"docs": [doc], "new_edits": False}) == []
    async with mirroring(tmp_path / "m", registry(here), "spoilt") as mirror:
        row = await replica(mirror, lambda row: current(row) and row["set_aside"] == 1)
        [aside] = row["documents"]
        assert (aside["id"], aside["status"]) == ("spoilt@2", 403)
        assert "sha256" in aside["reason"]
        assert (await get(mirror, "/spoilt/2"))[0] == 404
        assert await same(here, mirror, "spoilt", "1")
        assert mirror.app is not None
        assert not (mirror.app.settings.data_dir / "datastore" / "spoilt" / "2").exists()
        public = json.loads((await get(mirror, "/-/replicas"))[1])["replicas"][0]
        assert not {"problem", "documents"} & set(public)


async def test_the_command_tells_and_begins_without_a_network(here: Peer, tmp_path: Path) -> None:
    await publish(here, small("seeded"), "1")
    assert here.app is not None
    await here.app.followers["datastore"].caught_up(
        await (await here.app.store.open("registry")).update_seq()
    )
    copied, data = tmp_path / "usb", tmp_path / "m"
    await command("datastore", "copy", str(here.app.settings.data_dir / "datastore"), str(copied))
    flags = ["--port", "0", "--couch-port", "0", "--data-dir", str(data), "--analytics", "off"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "couchreg", "mirror", "--seed", str(copied), registry(here)),
        *("--package", "seeded", *flags),
        stdout=subprocess.PIPE,
        env=environment(COUCHREG_ADMIN=":".join(ADMIN)),
    )
    try:
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        url = line.split()[1].rstrip("/")
        async with here.session.get(f"{url}/seeded/1/data/words.csv") as answer:
            assert await answer.read() == small("seeded").files["data/words.csv"]
        async with asyncio.timeout(60):
            while "State       current" not in (told := await command("mirror", "status", "--registry", url)):
                await asyncio.sleep(0.1)
        assert f"Source      {registry(here)}" in told
        assert "Packages    seeded" in told
        assert "Behind      0 s, 0 documents" in told
    finally:
        process.terminate()
        await process.wait()
    assert process.returncode == 0
    (copied / "seeded" / "1" / "data" / "words.csv").write_bytes(b"id,word\n1,two\n2,two\n")
    wrong = await command(
        "mirror", "--seed", str(copied), *flags[:-4], "--data-dir", str(tmp_path / "n"), status=2
    )
    assert "seeded/1/data/words.csv has other bytes" in wrong


async def command(*arguments: str, status: int = 0) -> str:
    """What a command of couchreg prints."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "couchreg", *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment(),
    )
    output, _ = await process.communicate()
    assert process.returncode == status, output.decode()
    return output.decode()


async def test_a_database_that_keeps_text_packed_is_mirrored_as_plain_files(
    here: Peer, tmp_path: Path
) -> None:
    """As a CouchDB does: the bytes are unpacked on their way, and held against their hashes."""
    package = small("packed", "id,word\n" + "".join(f"{n},word\n" for n in range(2000)))
    await publish(here, package, "1")
    wanted = {"create_target": True, "doc_ids": ["packed", "packed@1"]}
    status, answer = await here.replicate("registry", here.by_door("held"), **wanted)
    assert status == 200, answer
    doc = await here.ok("GET", "/held/packed@1?att_encoding_info=true")
    assert doc["_attachments"]["data/words.csv"]["encoding"] == "gzip"
    async with mirroring(
        tmp_path / "m", f"http://admin:secret@{here.url.removeprefix('http://')}/held"
    ) as mirror:
        row = await replica(mirror, lambda row: current(row) and row["written"] == 2)
        assert row["source"] == f"{here.url}/held"
        found = await get(mirror, "/packed/1/data/words.csv")
        assert found == (200, package.files["data/words.csv"])
        assert (await mirror.ok("GET", "/registry/packed@1"))["_rev"] == doc["_rev"]
        assert mirror.app is not None
        file = mirror.app.settings.data_dir / "datastore/packed/1/data/words.csv"
        assert file.read_bytes() == package.files["data/words.csv"]
