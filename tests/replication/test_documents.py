"""Documents of `_replicator` and its like: refused where they can be nothing, run, ended, gone on with."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.replication.conftest import Peer, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANNA = ("anna", "pw")


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _begin(here: Peer) -> None:
    """Nothing is left of the test before."""
    for row in (await here.ok("GET", "/_replicator/_all_docs"))["rows"]:
        if not row["id"].startswith("_design/"):
            await here.ok("DELETE", f"/_replicator/{row['id']}?rev={row['value']['rev']}")


async def until(peer: Peer, path: str, fits: Callable[[Any], bool]) -> Any:
    """What a GET answers when it fits."""
    async with asyncio.timeout(60):
        while True:
            status, found = await peer("GET", path)
            if status == 200 and fits(found):
                return found
            await asyncio.sleep(0.02)


async def source(peer: Peer) -> None:
    await peer.ok("PUT", "/src")
    await peer.ok("PUT", "/src/a", {"v": 1})


async def test_one_runs_and_says_when_it_is_done(here: Peer, there: Peer) -> None:
    await source(there)
    doc = {"source": there.end("src"), "target": here.end("dst"), "create_target": True}
    doc["_attachments"] = {"note": {"data": "aGVsbG8="}}
    await here.ok("PUT", "/_replicator/r", doc)
    done = await until(here, "/_replicator/r", lambda d: "_replication_state" in d)
    assert (done["_replication_state"], done["owner"]) == ("completed", "admin")
    assert done["_replication_stats"]["docs_written"] == 1
    assert done["_attachments"]["note"]["length"] == 5
    assert await here.leafs("dst") == await there.leafs("src")
    row = await here.ok("GET", "/_scheduler/docs/_replicator/r")
    assert (row["state"], row["error_count"], row["id"]) == ("completed", 0, None)
    assert row["info"]["docs_written"] == 1
    assert (await here.ok("GET", "/_scheduler/jobs"))["jobs"] == []


async def test_one_that_has_ended_begins_again_when_its_state_is_taken_out(here: Peer) -> None:
    await source(here)
    await here.ok("PUT", "/dst")
    await here.ok("PUT", "/_replicator/r", {"source": here.end("src"), "target": here.end("dst")})
    first = await until(here, "/_replicator/r", lambda d: "_replication_state" in d)
    await here.ok("PUT", "/src/b", {})
    kept = {name: value for name, value in first.items() if not name.startswith("_repl")}
    await here.ok("PUT", "/_replicator/r", kept)
    await until(here, "/_replicator/r", lambda d: "_replication_state" in d)
    assert (await here("GET", "/dst/b"))[0] == 200


async def test_a_continuous_one_goes_on_after_a_restart_and_ends_with_its_document(
    there: Peer, tmp_path: Path
) -> None:
    await source(there)
    async with running(tmp_path / "data") as own:
        await own.ok("PUT", "/dst")
        doc = {"source": there.end("src"), "target": own.end("dst"), "continuous": True}
        doc["target"]["url"] = doc["target"]["url"].replace(own.url, "http://127.0.0.1:1")
        await own.ok("PUT", "/_replicator/r", doc)
        row = await until(own, "/_scheduler/docs/_replicator/r", lambda r: r["state"] != "initializing")
        assert row["state"] in ("running", "crashing")
    async with running(tmp_path / "data") as own:
        stored = await own.ok("GET", "/_replicator/r")
        await own.ok("PUT", "/_replicator/r", stored | {"target": own.end("dst")})
        await until(own, "/dst/a", lambda d: True)
        job = (await own.ok("GET", "/_scheduler/jobs"))["jobs"][0]
        assert (job["database"], job["doc_id"]) == ("_replicator", "r")
        rev = (await own.ok("GET", "/_replicator/r"))["_rev"]
        await own.ok("DELETE", f"/_replicator/r?rev={rev}")
        await until(own, "/_scheduler/jobs", lambda found: found["total_rows"] == 0)


@pytest.mark.parametrize(
    ("doc", "reason"),
    [
        ({}, "Missing replicator database"),
        ({"source": "", "target": ""}, "local_endpoints_not_supported"),
        ({"source": "http://x.org/a", "target": "http://x.org/b", "doc_ids": 5}, "must be an array"),
        ({"source": {"url": "http://u:topsecret@"}, "target": "http://x.org/b"}, "invalid url"),
    ],
)
async def test_what_can_be_no_replication_is_refused(here: Peer, doc: dict[str, Any], reason: str) -> None:
    status, answer = await here("PUT", "/_replicator/wrong", doc)
    assert (status, answer["error"]) == (403, "forbidden")
    assert reason in answer["reason"]
    assert "topsecret" not in str(answer)
    rows = await here.ok("POST", "/_replicator/_bulk_docs", {"docs": [doc | {"_id": "wrong"}]})
    assert rows[0]["error"] == "forbidden"


async def test_wrong_ones_that_come_by_replication_fail_in_their_documents(here: Peer) -> None:
    doc = {"_id": "wrong", "_rev": "1-a", "source": "http://x.org/a"}
    await here.ok("POST", "/_replicator/_bulk_docs", {"docs": [doc], "new_edits": False})
    found = await until(here, "/_replicator/wrong", lambda d: "_replication_state" in d)
    assert found["_replication_state"] == "failed"
    assert found["_replication_state_reason"] == "Missing replicator database"
    row = await here.ok("GET", "/_scheduler/docs/_replicator/wrong")
    assert (row["state"], row["info"], row["error_count"]) == (
        "failed",
        {"error": "Missing replicator database"},
        1,
    )


async def test_the_same_replication_runs_once(here: Peer) -> None:
    await source(here)
    await here.ok("PUT", "/dst")
    doc = {"source": here.end("src"), "target": here.end("dst"), "continuous": True}
    await here.ok("PUT", "/_replicator/first", doc)
    await until(here, "/_scheduler/docs/_replicator/first", lambda r: r["state"] == "running")
    await here.ok("PUT", "/_replicator/second", doc)
    found = await until(here, "/_replicator/second", lambda d: "_replication_state" in d)
    assert found["_replication_state"] == "failed"
    assert "already started, triggered by document `first`" in found["_replication_state_reason"]


async def test_what_cannot_begin_yet_is_an_error_that_goes_away(here: Peer) -> None:
    await source(here)
    await here.ok("PUT", "/_node/_local/_config/replicator/first_wait", "100")
    doc = {"source": here.end("src"), "target": here.end("dst"), "create_target": True, "filter": "f/all"}
    await here.ok("PUT", "/_replicator/r", doc)
    row = await until(here, "/_scheduler/docs/_replicator/r", lambda r: r["error_count"] >= 2)
    assert (row["state"], row["id"]) == ("error", None)
    assert "_design/f" in row["info"]["error"]
    await here.ok("PUT", "/src/_design/f", {"filters": {"all": "function() { return true; }"}})
    await until(here, "/_replicator/r", lambda d: d.get("_replication_state") == "completed")


async def test_one_that_crashes_says_why_and_is_tried_again(here: Peer) -> None:
    await source(here)
    await here.ok("PUT", "/_node/_local/_config/replicator/first_wait", "100")
    await here.ok("PUT", "/_replicator/r", {"source": here.end("src"), "target": here.end("later")})
    row = await until(here, "/_scheduler/docs/_replicator/r", lambda r: r["error_count"] >= 2)
    assert row["state"] in ("crashing", "running")
    job = await here.ok("GET", f"/_scheduler/jobs/{row['id']}")
    crash = next(event for event in job["history"] if event["type"] == "crashed")
    assert "db_not_found" in crash["reason"]
    assert "secret" not in str(job)
    await here.ok("PUT", "/later")
    await until(here, "/_replicator/r", lambda d: d.get("_replication_state") == "completed")


async def test_any_database_named_so_holds_replications(here: Peer) -> None:
    await source(here)
    await here.ok("PUT", "/team%2F_replicator")
    doc = {"source": here.end("src"), "target": here.end("dst"), "create_target": True}
    assert (await here("PUT", "/team%2F_replicator/wrong", {}))[0] == 403
    await here.ok("PUT", "/team%2F_replicator/r", doc)
    await until(here, "/team%2F_replicator/r", lambda d: d.get("_replication_state") == "completed")
    for path in ("/_scheduler/docs/team/_replicator", "/_scheduler/docs/team%2F_replicator"):
        found = await here.ok("GET", path)
        assert [(row["doc_id"], row["state"]) for row in found["docs"]] == [("r", "completed")]
        assert (await here.ok("GET", path + "/r"))["database"] == "team/_replicator"
    assert (await here.ok("GET", "/_scheduler/docs/team/_replicator?states=failed"))["total_rows"] == 0
    for path, status in (("x", 400), ("none/_replicator", 404), ("_replicator?states=odd", 400)):
        assert (await here("GET", f"/_scheduler/docs/{path}"))[0] == status


async def test_members_read_no_credentials_of_others_and_write_only_their_own(here: Peer) -> None:
    user = {"name": "anna", "type": "user", "roles": ["mirrors"], "password": "pw"}
    assert (await here("PUT", "/_users/org.couchdb.user:anna", user))[0] in (201, 409)
    await here.ok("PUT", "/_node/_local/_config/couchreg/replicate_roles", "mirrors")
    await here.ok("PUT", "/team%2F_replicator")
    await here.ok("PUT", "/team%2F_replicator/_security", {"members": {"names": ["anna"]}, "admins": {}})
    doc: dict[str, Any] = {
        "source": "http://u:topsecret@10.0.0.1/a",
        "target": {"url": "http://u:topsecret@x.invalid/b", "headers": {"X": "topsecret"}, "auth": {}},
        "proxy": "http://u:topsecret@x.invalid",
        "_replication_state": "failed",
    }
    await here.ok("PUT", "/team%2F_replicator/theirs", doc)
    for path in ("theirs", "_all_docs?include_docs=true", "theirs?open_revs=all"):
        async with here.session.get(f"{here.url}/team%2F_replicator/{path}", auth=None, headers=ANNAS) as got:
            text = await got.text()
            assert (got.status, "x.invalid" in text, "topsecret" in text) == (200, True, False)
    assert (await here("GET", "/team%2F_replicator/_changes?include_docs=true", who=ANNA))[0] == 401
    own = {"source": "http://u:mine@x.invalid/a", "target": "http://x.invalid/b", "continuous": True}
    await here.ok("PUT", "/team%2F_replicator/own", own, who=ANNA)
    assert "mine" in (await here.ok("GET", "/team%2F_replicator/own", who=ANNA))["source"]
    rev = (await here.ok("GET", "/team%2F_replicator/theirs"))["_rev"]
    for wrong in (
        own | {"_rev": rev},
        own | {"_rev": rev, "owner": "admin"},
        {"_rev": rev, "_deleted": True},
    ):
        assert (await here("PUT", "/team%2F_replicator/theirs", wrong, who=ANNA))[0] == 403
    assert (await here("PUT", "/team%2F_replicator/new", own | {"owner": "admin"}, who=ANNA))[0] == 403
    await here.ok("PUT", "/_node/_local/_config/couchreg/replicate_roles", "")
    assert (await here("PUT", "/team%2F_replicator/another", own, who=ANNA))[0] == 403


ANNAS = {"Authorization": "Basic YW5uYTpwdw=="}
