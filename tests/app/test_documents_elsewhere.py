"""A server whose documents lie in a CouchDB: both doors, its starts, and what happens while that is away.

Here that CouchDB is the couch door of another couchreg.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from couchreg.app import App, build
from couchreg.app.documents import refuse_remote, share
from couchreg.blobstore.base import Spooled
from couchreg.blobstore.digests import Digests
from couchreg.blobstore.s3.calls import TryAgain
from couchreg.blobstore.s3.store import S3BlobStore
from couchreg.config import CannotStart, load
from couchreg.docstore.remote import calls
from couchreg.docstore.together import OneProcess
from couchreg.errors import Unavailable
from tests.conftest import ADMIN, ServerFactory
from tests.docstore.remote.front import Passed, before
from tests.fault_proxy import fault_proxy
from tests.packages import related, small
from tests.s3_servers import S3Server, new_bucket

AUTH = {"Authorization": aiohttp.encode_basic_auth(*ADMIN)}
PASSWORD = ADMIN[1]


async def behind(server: ServerFactory, tmp_path: Path, *, port: int = 0) -> App:
    """What stands for a CouchDB."""
    return await server(data_dir=tmp_path / "couchdb", couch_port=port)


def address(app: App) -> str:
    return app.couch_url.replace("://", f"://{ADMIN[0]}:{PASSWORD}@") + "/team"


async def ask(url: str, method: str = "GET", **sent: Any) -> tuple[int, Any, Any]:
    headers = {**AUTH, **sent.pop("headers", {})}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, headers=headers, **sent) as response,
    ):
        return response.status, await response.json(content_type=None), response.headers


async def publish(app: App, name: str, version: str) -> int:
    body, headers = related(small(name))
    status, _, _ = await ask(f"{app.registry_url}/{name}/{version}", "PUT", data=body, headers=headers)
    return status


async def test_packages_and_documents_are_kept_over_a_restart(server: ServerFactory, tmp_path: Path) -> None:
    couchdb = await behind(server, tmp_path)
    app = await server(docstore=address(couchdb))
    assert await publish(app, "words", "1.0.0") == 201
    assert await publish(app, "words", "1.0.0") in (200, 409)  # the same again is no other
    text = '{"v":1,"_attachments":{"f.txt":{"content_type":"text/plain","data":"aGVsbG8="}}}'
    assert (await ask(f"{app.couch_url}/mine", "PUT"))[0] == 201
    status, written, _ = await ask(f"{app.couch_url}/mine/a", "PUT", data=text)
    assert status == 201
    stub = {"v": 2, "_attachments": {"f.txt": {"stub": True, "revpos": 1}}}
    assert (await ask(f"{app.couch_url}/mine/a?rev={written['rev']}", "PUT", json=stub))[0] == 201
    before = await everything(app)
    await app.stop()
    app = await server(docstore=address(couchdb))
    assert await everything(app) == before
    versions, names, found, attached = before
    assert versions == {"words": ["1.0.0"]}
    assert set(names) >= {"registry", "_users", "_replicator", "mine"}
    assert (found["v"], found["_attachments"]["f.txt"]["revpos"], attached) == (2, 1, b"hello")
    status, databases, _ = await ask(f"{couchdb.couch_url}/_all_dbs")
    assert "team/registry" in databases
    status, direct, _ = await ask(f"{couchdb.couch_url}/team%2Fregistry/words@1.0.0")
    assert direct["couchreg_attachments"]["data/words.csv"]["key"] == "words/1.0.0/data/words.csv"
    assert "_attachments" not in direct
    await app.stop()


async def test_files_of_what_is_unpublished_go(
    server: ServerFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "FIRST_DOUBT", 0)
    app = await server(docstore=address(await behind(server, tmp_path)))
    for version in ("1.0.0", "2.0.0"):
        assert await publish(app, "words", version) == 201
    folder = tmp_path / "data" / "datastore" / "words"
    assert (folder / "1.0.0" / "data" / "words.csv").exists()
    assert (await ask(f"{app.registry_url}/words/1.0.0", "DELETE"))[0] == 200
    assert not (folder / "1.0.0").exists()
    assert (folder / "2.0.0" / "data" / "words.csv").exists()
    assert await listed(app) == {"words": ["2.0.0"]}
    await app.stop()


async def listed(app: App) -> dict[str, list[str]]:
    found = (await ask(f"{app.registry_url}/-/packages"))[1]
    return {one["name"]: one["versions"] for one in found["packages"]}


async def everything(app: App) -> tuple[Any, Any, Any, bytes]:
    versions = await listed(app)
    names = (await ask(f"{app.couch_url}/_all_dbs"))[1]
    found = (await ask(f"{app.couch_url}/mine/a"))[1]
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{app.couch_url}/mine/a/f.txt", headers=AUTH) as response,
    ):
        return versions, names, found, await response.read()


async def test_while_the_couchdb_is_away_it_says_so_and_it_recovers_alone(
    server: ServerFactory, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And nowhere is the login shown with which it goes there."""
    caplog.set_level(logging.DEBUG)
    couchdb = await behind(server, tmp_path)
    app = await server(docstore=address(couchdb), log_level="debug", access_log="json")
    _, shown, _ = await ask(f"{app.couch_url}/_node/_local/_config")
    assert await publish(app, "words", "1.0.0") == 201
    port = int(couchdb.couch_url.rpartition(":")[2])
    await couchdb.stop()
    for url in (f"{app.registry_url}/words", f"{app.couch_url}/registry/words"):
        status, told, headers = await ask(url)
        assert status == 503
        assert int(headers["Retry-After"]) >= 1
        assert PASSWORD not in str(told)
    assert await publish(app, "words", "2.0.0") == 503
    await behind(server, tmp_path, port=port)
    while await publish(app, "words", "2.0.0") == 503:
        await asyncio.sleep(0.2)
    assert {name: set(found) for name, found in (await listed(app)).items()} == {"words": {"1.0.0", "2.0.0"}}
    await app.stop()
    assert f":{PASSWORD}@" not in f"{shown}{caplog.text}"


# -- starts
async def refusal(tmp_path: Path, **given: Any) -> str:
    settings = {"port": 0, "couch_port": 0, "data_dir": tmp_path / "other"} | given
    app = build(load(settings, environ={}))
    with pytest.raises(CannotStart) as caught:
        await app.start()
    assert "geheim" not in caught.value.reason
    return caught.value.reason


async def test_a_start_says_why_it_cannot_use_a_couchdb(server: ServerFactory, tmp_path: Path) -> None:
    couchdb = await behind(server, tmp_path)
    host = couchdb.couch_url.removeprefix("http://")
    away = "http://anna:geheim@127.0.0.1:9"
    assert "127.0.0.1:9 does not answer" in await refusal(tmp_path, docstore=away)
    assert "name and password" in await refusal(tmp_path, docstore=f"http://anna:geheim@{host}")
    assert "the prefix of databases" in await refusal(tmp_path, docstore=f"http://anna:geheim@{host}/a/b")
    assert "--docstore sqlite" in await refusal(tmp_path, docstore=away, mirror="http://h")
    several = f"{couchdb.couch_url}/other%2Fregistry"
    assert (await ask(f"{several}?q=2", "PUT"))[0] == 201
    refused = await refusal(tmp_path, docstore=address(couchdb).replace("/team", "/other"))
    assert "other/registry has 2 shards" in refused


@pytest.mark.parametrize("value", ["mysql", "http://", "ftp://u:geheim@h", "http://u:geheim@h?a=b"])
def test_what_is_no_store_of_documents_is_told_without_its_login(value: str) -> None:
    with pytest.raises(CannotStart, match="docstore is wrong") as caught:
        load({"docstore": value}, environ={})
    assert "geheim" not in caught.value.reason


class _Alone(OneProcess):
    """One that others may be beside, until it says that they may not."""

    are_several = True

    def __init__(self, refused: bool = False) -> None:
        self._refused = refused
        self.is_dead = False

    def check(self) -> None:
        if self.is_dead:
            raise Unavailable("Another couchreg has taken over.")

    async def be_alone(self) -> None:
        if self._refused:
            raise Unavailable("Another couchreg is at work on this registry.")
        self.are_several = False


@pytest.mark.parametrize(("kind", "several"), [("own_s3", True), ("rclone", False)])
async def test_only_a_bucket_that_overwrites_nothing_is_for_several(
    kind: str, several: bool, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue(f"{kind}_server")
    blobs = await S3BlobStore.connect(await new_bucket(server))
    unknown = _Alone()
    await share(unknown, blobs)  # it was not asked what it can
    assert not unknown.are_several
    await blobs.probe()
    processes = _Alone()
    await share(processes, blobs)
    assert processes.are_several is several
    if not several:
        with pytest.raises(CannotStart, match=r"If-None-Match.*at work"):
            await share(_Alone(refused=True), blobs)
    assert blobs.abilities is not None
    blobs.abilities = blobs.abilities._replace(conditional_put=True, conditional_complete=False)
    large = _Alone()
    await share(large, blobs)
    assert not large.are_several
    with pytest.raises(CannotStart, match=r"large objects .*at work"):
        await share(_Alone(refused=True), blobs)
    await blobs.close()


async def test_who_may_not_write_any_more_takes_nothing_away(own_s3_server: S3Server) -> None:
    """Nor puts an object in the place of another: a first attempt was done, and its answer lost."""
    options = replace(await new_bucket(own_s3_server), part=5 << 20)
    blobs = await S3BlobStore.connect(options)
    processes = _Alone()
    await share(processes, blobs)
    attempt, asked = blobs.calls._attempt, list[str]()

    async def lost(operation: str, body: bytes | None, arguments: Mapping[str, Any]) -> Any:
        asked.append(operation)
        if operation in ("delete_object", "complete_multipart_upload"):
            processes.is_dead = True
            raise TryAgain("the line is dead")
        return await attempt(operation, body, arguments)

    small, large = spooled(b"small"), spooled(bytes(6 << 20))
    assert await blobs.put("a/small", small)
    setattr(blobs.calls, "_attempt", lost)  # noqa: B010 — mypy lets no method be assigned
    for work in (blobs.delete("a/small"), blobs.put("a/large", large)):
        processes.is_dead = False
        with pytest.raises(Unavailable, match="taken over"):
            await work
    assert asked.count("delete_object") == asked.count("complete_multipart_upload") == 1
    setattr(blobs.calls, "_attempt", attempt)  # noqa: B010
    assert [blob.key async for blob in blobs.keys("a/")] == ["a/small"]
    await blobs.close()


async def test_no_object_is_deleted_again_behind_our_back(own_s3_server: S3Server) -> None:
    """Where a kept connection breaks off, as of a server that ends."""
    options = await new_bucket(own_s3_server)
    async with fault_proxy(options.endpoint or "", random.Random(1)) as proxy:
        blobs = await S3BlobStore.connect(replace(options, endpoint=proxy.url, attempts=2))
        asked: list[None] = []
        blobs.calls.gate = lambda: asked.append(None)
        assert await blobs.put("a/small", spooled(b"small"))
        proxy.faults, proxy.rate = ("cut",), 1.0
        with pytest.raises(Unavailable):
            await blobs.delete("a/small")
        assert len(asked) == proxy.done["cut"] == 2
        await blobs.close()


def spooled(data: bytes) -> Spooled:
    digests = Digests()
    digests.update(data)
    return digests.spooled(Path("nowhere"))._replace(data=data)


def test_what_works_on_a_data_directory_refuses_documents_elsewhere() -> None:
    refuse_remote(load({}, environ={}))
    with pytest.raises(CannotStart, match="only on those of a data directory") as caught:
        refuse_remote(load({"docstore": "http://u:geheim@h:5984"}, environ={}))
    assert "geheim" not in caught.value.reason


async def test_a_cluster_is_for_trials_and_needs_a_bucket_that_decides(
    server: ServerFactory, tmp_path: Path, own_s3_server: S3Server, caplog: pytest.LogCaptureFixture
) -> None:
    couchdb = await behind(server, tmp_path)

    async def several(request: web.Request, passed: Passed) -> web.StreamResponse | None:
        nodes = ["node1@127.0.0.1", "node2@127.0.0.1", "node3@127.0.0.1"]
        if request.path == "/_membership":
            return web.json_response({"all_nodes": nodes, "cluster_nodes": nodes})
        return None

    async with before(address(couchdb).removesuffix("/team"), several) as (url, asked):
        trial = {"docstore": f"{url}/team", "cluster_trial": "on"}
        with pytest.raises(CannotStart, match=r'edits can be lost .*"Not safe yet".* --cluster-trial on'):
            await server(docstore=f"{url}/team")
        assert "not safe" not in caplog.text.lower()
        with pytest.raises(CannotStart, match="a bucket has to decide"):
            await server(**trial)
        assert "may be lost" in caplog.text
        options = await new_bucket(own_s3_server)
        bucket = {
            "blobstore": options.address,
            "s3_endpoint": options.endpoint,
            "s3_access_key_id": options.access_key,
            "s3_secret_access_key": options.secret_key,
        }
        assert not [one for one in asked if one.startswith(("PUT", "POST"))]
        with pytest.raises(CannotStart, match="has several shards"):  # whose places are not a cluster's
            await server(**trial, **bucket)


@pytest.mark.parametrize("told", [web.json_response, partial(web.json_response, {"cluster_nodes": []})])
async def test_a_couchdb_that_does_not_tell_its_nodes_is_taken_for_none(
    server: ServerFactory, tmp_path: Path, told: Callable[..., web.Response]
) -> None:
    """A proxy that refuses the question stands before a cluster, perhaps."""
    couchdb = await behind(server, tmp_path)

    async def silent(request: web.Request, passed: Passed) -> web.StreamResponse | None:
        return told(status=404) if request.path == "/_membership" else None

    async with before(address(couchdb).removesuffix("/team"), silent) as (url, asked):
        with pytest.raises(CannotStart, match="does not say of how many nodes"):
            await server(docstore=f"{url}/team")
        assert not [one for one in asked if one.startswith(("PUT", "POST"))]
