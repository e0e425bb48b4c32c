"""Calls about a cluster, of which there is one node: its set-up, and the splitting of shards."""

from typing import Any

import pytest

from tests.http.couch.conftest import Couch

SETUP = "//_cluster_setup"
NODE = {"action": "enable_single_node", "username": "eve", "password": "of eve", "bind_address": "0.0.0.0"}


async def test_a_script_that_sets_a_node_up_finds_it_so(couch: Couch) -> None:
    await couch("PUT", "//_node/_local/_config/chttpd_auth/iterations", "10")
    made = await couch("POST", SETUP, {**NODE, "port": 5984, "singlenode": True})
    assert (made.status, made.json) == (201, {"ok": True})
    assert (await couch("GET", SETUP)).json == {"state": "single_node_enabled"}
    assert (await couch("GET", "//_all_dbs")).json == ["_replicator", "_users", "db"]
    admins = (await couch("GET", "//_node/_local/_config/admins")).json
    assert admins["eve"].startswith("-pbkdf2")
    again = await couch("POST", SETUP, {**NODE, "ensure_dbs_exist": ["db", "made", "made"]})
    assert again.status == 201
    assert (await couch("GET", "//_all_dbs")).json == ["_replicator", "_users", "db", "made"]
    assert (await couch("POST", SETUP, {"action": "finish_cluster"})).status == 400


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ([], 400),
        ({}, 400),
        ({"action": ["x"]}, 400),
        ({"action": "nope"}, 400),
        ({"action": "add_node", "host": "x"}, 501),
        ({"action": "enable_cluster"}, 501),
        ({"action": "enable_single_node"}, 400),
        ({**NODE, "password": 5}, 400),
        ({**NODE, "username": "a[b"}, 400),
        ({**NODE, "username": "a\nb"}, 400),
        ({**NODE, "password": "a\nb"}, 400),
        ({**NODE, "ensure_dbs_exist": "x"}, 400),
        ({**NODE, "ensure_dbs_exist": [5]}, 400),
        ({**NODE, "ensure_dbs_exist": ["BAD"]}, 400),
        ({**NODE, "ensure_dbs_exist": ["x"] * 101}, 400),
    ],
)
async def test_what_is_no_set_up_changes_nothing(couch: Couch, asked: Any, status: int) -> None:
    assert (await couch("POST", SETUP, asked)).status == status
    assert (await couch("GET", "//_node/_local/_config/admins")).json == {}
    assert (await couch("GET", "//_all_dbs")).json == ["db"]


async def test_only_admins_set_up(couch: Couch) -> None:
    reply = await couch("POST", SETUP, NODE, headers={"Authorization": "ann"})
    assert reply.status == 401
    assert (await couch("GET", SETUP + "?ensure_dbs_exist=x")).status == 400


async def test_whether_shards_would_be_split_can_be_said(couch: Couch) -> None:
    state = "//_reshard/state"
    assert (await couch("GET", state)).json == {"state": "running", "reason": None}
    assert (await couch("PUT", state, {"state": "stopped", "reason": "x"})).json == {"ok": True}
    assert (await couch("GET", state)).json == {"state": "stopped", "reason": "x"}
    summary = (await couch("GET", "//_reshard")).json
    assert (summary["state"], summary["state_reason"], summary["total"]) == ("stopped", "x", 0)
    await couch("PUT", state, {"state": "stopped", "reason": 5})
    assert (await couch("GET", state)).json["reason"] == "Cluster-wide resharding stopped by the user"
    await couch("PUT", state, {"state": "running", "reason": "y"})
    assert (await couch("GET", state)).json == {"state": "running", "reason": None}
    for wrong in ({}, [], {"state": 5}, {"state": ["running"]}, {"state": "x"}):
        assert (await couch("PUT", state, wrong)).status == 400


@pytest.mark.parametrize(
    ("asked", "status", "reason"),
    [
        ({}, 400, "`job type must be `split`"),
        ({"type": "split"}, 400, "Must specify at least `db` or `shard`"),
        ({"type": "split", "db": "none"}, 400, "Invalid `db`"),
        ({"type": "split", "db": ["db"]}, 400, "Invalid `db`"),
        ({"type": "split", "db": "db", "node": "x@y"}, 400, "Not connected to `node`"),
        ({"type": "split", "db": "db", "node": {}}, 400, "Not connected to `node`"),
        ({"type": "split", "db": "db", "range": "x"}, 400, "Invalid `range`"),
        ({"type": "split", "shard": "x"}, 400, "`shard` is invalid"),
        ({"type": "split", "db": "db"}, 501, "One file holds a database here: there are no shards to split."),
        ([], 400, "Request body must be a JSON object"),
    ],
)
async def test_what_could_be_no_job_is_told_so(couch: Couch, asked: Any, status: int, reason: str) -> None:
    reply = await couch("POST", "//_reshard/jobs", asked)
    assert (reply.status, reply.json["reason"]) == (status, reason)
    assert (await couch("GET", "//_reshard/jobs")).json == {"total_rows": 0, "offset": 0, "jobs": []}
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/state"), ("PUT", "/state")):
        answer = await couch(method, f"//_reshard/jobs/x{path}", {})
        assert (answer.status, answer.json["reason"]) == (404, "missing")
