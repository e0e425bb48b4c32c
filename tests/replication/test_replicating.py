"""`POST /_replicate` between whole servers: every leaf and every byte arrives, and the next time goes on."""

import asyncio
import os
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from couchreg.replication.options import Replication
from couchreg.replication.remote import RemoteDatabase
from tests.conftest import ADMIN
from tests.replication.conftest import Peer, running
from tests.replication.proxies import proxy

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXT = b64encode(b"hello hello hello " * 40).decode()
BYTES = b64encode(os.urandom(300_000)).decode()
DOCS: list[dict[str, Any]] = [
    {"_id": "plain", "n": 1, "big": 12345678901234567890, "float": 1.0},
    {"_id": "a/b ü?", "v": "x"},
    {"_id": "_design/d", "filters": {"kind": "function(doc, req) { return doc.kind === req.query.kind; }"}},
    {"_id": "files", "_attachments": {"t": {"content_type": "text/plain", "data": TEXT}}},
    {
        "_id": "more",
        "kind": "y",
        "_attachments": {"a/b": {"content_type": "image/png", "data": BYTES}, "t": {"data": TEXT}},
    },
]


async def fill(peer: Peer, db: str) -> None:
    await peer.ok("PUT", f"/{db}")
    await peer.ok("POST", f"/{db}/_bulk_docs", {"docs": DOCS})
    revs = [
        {"_id": "c", "_rev": f"2-{name}", "_revisions": {"start": 2, "ids": [name, "r"]}, "v": name}
        for name in ("b", "c")
    ]
    await peer.ok("POST", f"/{db}/_bulk_docs", {"docs": revs, "new_edits": False})
    rev = (await peer.ok("PUT", f"/{db}/gone", {}))["rev"]
    await peer.ok("DELETE", f"/{db}/gone?rev={rev}")


def ends(here: Peer, there: Peer, way: str) -> tuple[Any, Any]:
    """Source `src` and target `dst`; `local` is a bare name."""
    ways = {
        "pull": (there.end("src"), here.end("dst")),
        "push": (here.end("src"), there.end("dst")),
        "pull into this server": (there.end("src"), "dst"),
        "push out of this server": ("src", there.end("dst")),
        "within": ("src", "dst"),
        "within by URL": (here.end("src"), here.end("dst")),
        "within by the door": (here.by_door("src"), here.by_door("dst")),
    }
    return ways[way]


@pytest.mark.parametrize(
    "way",
    [
        "pull",
        "push",
        "pull into this server",
        "push out of this server",
        "within",
        "within by URL",
        "within by the door",
    ],
)
async def test_everything_arrives_and_the_next_time_nothing_moves(here: Peer, there: Peer, way: str) -> None:
    from_peer = there if way.startswith("pull") else here
    to_peer = there if way.startswith("push") else here
    await fill(from_peer, "src")
    source, target = ends(here, there, way)
    status, first = await here.replicate(source, target, create_target=True)
    assert (status, first["ok"]) == (200, True)
    entry = first["history"][0]
    assert (entry["docs_written"], entry["doc_write_failures"], entry["missing_found"]) == (8, 0, 8)
    leafs = await from_peer.leafs("src")
    assert len(leafs) == 8
    assert await to_peer.leafs("dst") == leafs
    for path in ("files/t", "more/a%2Fb", "more/t"):
        got = []
        for peer, db in ((from_peer, "src"), (to_peer, "dst")):
            async with peer.session.get(f"{peer.url}/{db}/{path}", headers=BASIC) as answer:
                got.append((answer.status, await answer.read()))
        assert got[0] == got[1]
    _, again = await here.replicate(source, target, create_target=True)
    assert (again["no_changes"], again["session_id"]) == (True, first["session_id"])


BASIC = {"Authorization": "Basic " + b64encode(b"admin:secret").decode()}


async def test_an_edited_document_takes_only_its_new_files_along(here: Peer, there: Peer) -> None:
    await fill(there, "src")
    await here.replicate(there.end("src"), "dst", create_target=True)
    doc = await there.ok("GET", "/src/more")
    doc["_attachments"]["new"] = {"data": b64encode(b"new").decode()}
    await there.ok("PUT", "/src/more", doc)
    for target in ("dst", here.end("dst")):
        await here.replicate(there.end("src"), target)
    assert await here.leafs("dst") == await there.leafs("src")


@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"doc_ids": ["plain", "none", "a%2Fb%20%C3%BC?"]}, {"plain", "a/b ü?"}),
        ({"selector": {"kind": "y"}}, {"more"}),
        ({"filter": "d/kind", "query_params": {"kind": "y"}}, {"more"}),
        ({"filter": "_design"}, {"_design/d"}),
    ],
)
async def test_only_what_is_wanted_arrives(
    here: Peer, options: dict[str, Any], expected: set[str], local: bool
) -> None:
    await fill(here, "src")
    source = "src" if local else here.end("src")
    status, answer = await here.replicate(source, "dst", create_target=True, **options)
    assert status == 200, answer
    assert {doc_id for doc_id, _ in await here.leafs("dst")} == expected


@pytest.mark.parametrize("local", [False, True])
async def test_where_nothing_is_wanted_nothing_changes(here: Peer, local: bool) -> None:
    await fill(here, "src")
    source = "src" if local else here.end("src")
    for ids in ([], ["none"]):
        status, answer = await here.replicate(source, "dst", create_target=True, doc_ids=ids)
        assert (status, answer["no_changes"]) == (200, True)
        assert await here.leafs("dst") == {}


async def test_only_winners_where_only_winners_are_wanted(here: Peer) -> None:
    await fill(here, "src")
    for source in ("src", here.end("src")):
        await here.ok("PUT", "/dst")
        await here.replicate(source, "dst", winning_revs_only=True, doc_ids=["c"])
        assert list(await here.leafs("dst")) == [("c", "2-c")]
        await here.ok("DELETE", "/dst")


async def test_since_seq_counts_before_a_checkpoint(here: Peer) -> None:
    await fill(here, "src")
    last = (await here.ok("GET", "/src/_changes"))["last_seq"]
    await here.ok("PUT", "/src/late", {})
    _, answer = await here.replicate("src", "dst", create_target=True, since_seq=last)
    assert (answer["docs_written"] if "docs_written" in answer else answer["history"][0]["docs_written"]) == 1


async def test_a_continuous_one_follows_and_is_cancelled(here: Peer, there: Peer) -> None:
    await here.ok("PUT", "/src")
    await there.ok("PUT", "/dst")
    asked = {"source": here.end("src"), "target": there.end("dst"), "continuous": True}
    status, answer = await here("POST", "/_replicate", asked)
    assert (status, answer["ok"]) == (202, True)
    await here.ok("PUT", "/src/a", {"v": 1})
    await until(lambda: there("GET", "/dst/a"), 200)
    _, tasks = await here("GET", "/_active_tasks")
    assert [(task["type"], task["replication_id"]) for task in tasks] == [
        ("replication", answer["_local_id"])
    ]
    _, jobs = await here("GET", "/_scheduler/jobs")
    assert [job["history"][0]["type"] for job in jobs["jobs"]] == ["started"]
    assert "secret" not in str(tasks) + str(jobs)
    assert (await here("GET", f"/_scheduler/jobs/{answer['_local_id']}"))[0] == 200
    assert (await here("POST", "/_replicate", asked | {"cancel": True}))[0] == 200
    assert (await here("POST", "/_replicate", asked | {"cancel": True}))[0] == 404
    assert (await here("GET", "/_scheduler/jobs"))[1]["total_rows"] == 0
    checkpoint = f"/src/_local/{answer['_local_id'].partition('+')[0]}"
    assert (await here.ok("GET", checkpoint))["history"][0]["docs_written"] == 1


async def until(ask: Any, status: int) -> Any:
    """Ask until it is answered so."""
    async with asyncio.timeout(60):
        while True:
            found = await ask()
            if found[0] == status:
                return found[1]
            await asyncio.sleep(0.02)


async def test_a_source_that_may_only_be_read_is_gone_on_with(here: Peer, there: Peer) -> None:
    """The checkpoint lies at the target alone."""
    await fill(there, "src")
    async with proxy(there, lambda asked: asked.method == "PUT" or "_ensure" in asked.path) as url:
        _, first = await here.replicate(f"{url}/src", "dst", create_target=True)
        assert first["ok"], first
        assert "source_not_written" not in first
        _, again = await here.replicate(f"{url}/src", "dst")
        assert (again.get("no_changes"), again["session_id"]) == (True, first["session_id"])
        await there.ok("DELETE", "/src")
        await asyncio.sleep(1.1)  # CouchDB tells lives of databases apart by the second they began
        await fill(there, "src")
        await there.ok("PUT", "/src/other", {})
        await here.replicate(f"{url}/src", "dst")
    assert (await here("GET", "/dst/other"))[0] == 200


async def test_a_target_that_was_made_again_is_filled_again(here: Peer) -> None:
    await fill(here, "src")
    await here.replicate("src", here.end("dst"), create_target=True)
    await here.ok("DELETE", "/dst")
    await here.replicate("src", here.end("dst"), create_target=True)
    assert await here.leafs("dst") == await here.leafs("src")


async def test_a_restart_goes_on_from_the_checkpoint(tmp_path: Path, there: Peer) -> None:
    await fill(there, "src")
    async with running(tmp_path / "data") as own:
        _, first = await own.replicate(there.end("src"), "dst", create_target=True)
    await there.ok("PUT", "/src/late", {})
    async with running(tmp_path / "data") as own:
        _, second = await own.replicate(there.end("src"), "dst")
    assert second["history"][0]["start_last_seq"] == first["source_last_seq"]
    assert len(second["history"]) == 2
    assert second["history"][0]["missing_checked"] == first["history"][0]["missing_checked"] + 1


@pytest.mark.parametrize(
    ("wrong", "status", "error"),
    [
        ({"source": "none"}, 500, "db_not_found"),
        ({"target": "none"}, 500, "db_not_found"),
        ({"source": "http://127.0.0.1:1/x", "retries_per_request": 0}, 500, "http_request_failed"),
        ({"source": "http://none.invalid/x"}, 500, "nxdomain"),
        ({"source": "http://169.254.169.254/x"}, 403, "forbidden"),
        ({"filter": "none/x"}, 404, "not_found"),
        ({"cancel": True, "id": "none"}, 404, "not_found"),
        ({"query_params": {"a": 1}}, 400, "bad_request"),
    ],
)
async def test_what_fails_is_said(here: Peer, wrong: dict[str, Any], status: int, error: str) -> None:
    await here.ok("PUT", "/src")
    await here.ok("PUT", "/dst")
    got, answer = await here("POST", "/_replicate", {"source": "src", "target": "dst", **wrong})
    assert (got, answer["error"]) == (status, error)


async def test_a_wrong_password_is_told_without_it(
    here: Peer, there: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    await fill(there, "src")
    end = {"url": there.end("src")["url"], "auth": {"basic": {"username": "admin", "password": "topsecret"}}}
    status, answer = await here.replicate(end, "dst", create_target=True)
    assert (status, answer["error"]) == (401, "unauthorized")
    assert "topsecret" not in str(answer)
    assert "topsecret" not in caplog.text


async def test_only_what_ends_by_itself_passes_the_own_door_by(
    here: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And only where the door takes this kind of login: else it would let in whom the door does not."""
    asked: list[str] = []
    of = RemoteDatabase.of

    def noted(wanted: Replication, *args: Any, target: bool) -> RemoteDatabase:
        asked.append("target" if target else "source")
        return of(wanted, *args, target=target)

    monkeypatch.setattr(RemoteDatabase, "of", noted)
    await here.ok("PUT", "/src")
    await here.ok("PUT", "/src/a", {})
    source, target = here.end("src"), here.end("dst")
    assert (await here.replicate(source, target, create_target=True))[0] == 200
    assert asked == []
    await here.ok("POST", "/_replicate", {"source": source, "target": target, "continuous": True})
    async with asyncio.timeout(60):
        while asked != ["source", "target"]:
            await asyncio.sleep(0.02)
    await here.ok(
        "POST", "/_replicate", {"source": source, "target": target, "continuous": True, "cancel": True}
    )
    asked.clear()
    handlers = "/_node/_local/_config/chttpd/authentication_handlers"
    cookie = await here.session.post(
        f"{here.url}/_session", json=dict(zip(("name", "password"), ADMIN, strict=True))
    )
    by_cookie = {"Cookie": cookie.headers["Set-Cookie"].partition(";")[0]}
    await here.ok("PUT", handlers, "{chttpd_auth, cookie_authentication_handler}")
    try:
        body = {"source": source, "target": target}
        async with here.session.post(f"{here.url}/_replicate", json=body, headers=by_cookie) as answer:
            assert answer.status != 200
        assert asked[:1] == ["source"]
    finally:
        async with here.session.delete(f"{here.url}{handlers}", headers=by_cookie) as answer:
            assert answer.status == 200
