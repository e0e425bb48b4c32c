"""The server itself, and the answers that belong to no database."""

import re

import pytest

from couchreg.http.couch.frame.uuids import UuidTimes
from tests.http.couch.conftest import Couch


async def test_the_root_welcomes_everybody(couch: Couch) -> None:
    reply = await couch("GET", "//", headers={"Authorization": "nobody"})
    assert reply.status == 200
    assert reply.json["couchdb"] == "Welcome"
    assert reply.json["version"].startswith("3.")
    assert reply.json["uuid"] == couch.store.uuid


async def test_the_vendor_is_as_configured(couch: Couch) -> None:
    vendor = (await couch("GET", "//")).json["vendor"]
    assert vendor["name"] == "couchreg"
    for key, value in (("name", "me"), ("version", "9"), ("variant", "x")):
        await couch("PUT", f"//_node/_local/_config/vendor/{key}", value)
    assert (await couch("GET", "//")).json["vendor"] == {"name": "me", "version": "9", "variant": "x"}


@pytest.mark.parametrize("name", ["_local", "nonode@nohost", "couchreg@127.0.0.1"])
async def test_the_node_answers_to_each_of_its_names(couch: Couch, name: str) -> None:
    [own] = (await couch("GET", "//_membership")).json["all_nodes"]
    assert (await couch("GET", f"//_node/{name}")).json == {"name": own}
    assert (await couch("GET", f"//_node/{name}/_config/vendor/name")).json == "couchreg"
    assert (await couch("GET", f"//_node/{name}/_system")).status == 200
    assert (await couch("GET", "//_node/other@host")).status == 404


async def test_every_answer_is_json_with_a_line_feed(couch: Couch) -> None:
    reply = await couch("GET", "//_up", headers={"Accept": "text/html"})
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.headers["Cache-Control"] == "must-revalidate"
    assert reply.body == b'{"status":"ok","seeds":{}}\n'


async def test_a_server_in_maintenance_is_not_up(couch: Couch) -> None:
    await couch("PUT", "//_node/_local/_config/couchdb/maintenance_mode", "true")
    reply = await couch("GET", "//_up")
    assert (reply.status, reply.json) == (404, {"status": "maintenance_mode"})


@pytest.mark.parametrize("algorithm", ["sequential", "random", "utc_random"])
async def test_uuids_are_distinct(couch: Couch, algorithm: str) -> None:
    await couch("PUT", "//_node/_local/_config/uuids/algorithm", algorithm)
    reply = await couch("GET", "//_uuids?count=100")
    assert reply.headers["Cache-Control"] == "no-cache"
    assert len(set(reply.json["uuids"])) == 100
    assert all(re.fullmatch("[0-9a-f]{32}", uuid) for uuid in reply.json["uuids"])


async def test_utc_ids_end_in_the_suffix_of_the_server(couch: Couch) -> None:
    await couch("PUT", "//_node/_local/_config/uuids/algorithm", "utc_id")
    await couch("PUT", "//_node/_local/_config/uuids/utc_id_suffix", "-here")
    [uuid] = (await couch("GET", "//_uuids")).json["uuids"]
    assert re.fullmatch("[0-9a-f]{14}-here", uuid)


def test_utc_ids_grow_whatever_the_clock_does() -> None:
    ticks = iter([5_000_000, 5_000_000, 1_000, 5_000_400, 9_000_000])
    times = UuidTimes(lambda: next(ticks))
    assert [times.next() for _ in range(5)] == [f"{n:014x}" for n in (5000, 5001, 5002, 5003, 9000)]


@pytest.mark.parametrize(
    ("count", "reason"),
    [
        ("1001", "count parameter too large"),
        ("x", "count must be a positive integer"),
        ("-1", "count must be a positive integer"),
    ],
)
async def test_uuids_have_limits(couch: Couch, count: str, reason: str) -> None:
    reply = await couch("GET", f"//_uuids?count={count}")
    assert (reply.status, reply.json) == (400, {"error": "bad_request", "reason": reason})


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["a", "b", "c", "db"]),
        ("?descending=true", ["db", "c", "b", "a"]),
        ("?startkey=%22b%22", ["b", "c", "db"]),
        ("?start_key=%22b%22&end_key=%22c%22", ["b", "c"]),
        ("?endkey=%22c%22&inclusive_end=false", ["a", "b"]),
        ("?startkey=%22c%22&endkey=%22a%22&descending=true&inclusive_end=false", ["c", "b"]),
        ("?skip=1&limit=2", ["b", "c"]),
        ("?limit=0", []),
    ],
)
async def test_all_dbs_can_be_paged(couch: Couch, query: str, names: list[str]) -> None:
    for name in "cab":
        await couch("PUT", f"//{name}")
    assert (await couch("GET", f"//_all_dbs{query}")).json == names


async def test_all_dbs_is_not_sent_twice(couch: Couch) -> None:
    first = await couch("GET", "//_all_dbs")
    again = await couch("GET", "//_all_dbs", headers={"If-None-Match": first.etag})
    assert (again.status, again.body) == (304, b"")
    await couch("PUT", "//new")
    assert (await couch("GET", "//_all_dbs", headers={"If-None-Match": first.etag})).status == 200


async def test_all_dbs_is_for_admins_unless_configured(couch: Couch) -> None:
    refused = await couch("GET", "//_all_dbs", headers={"Authorization": "nobody"})
    assert (refused.status, refused.json["reason"]) == (401, "You are not a server admin.")
    await couch("PUT", "//_node/_local/_config/chttpd/admin_only_all_dbs", "false")
    assert (await couch("GET", "//_all_dbs", headers={"Authorization": "nobody"})).json == ["db"]


@pytest.mark.parametrize("text", ["", "yess", "null", "2"])
async def test_what_is_neither_true_nor_false_counts_as_not_set(couch: Couch, text: str) -> None:
    for name in ("admin_only_all_dbs", "require_valid_user", "decode_plus_to_space"):
        await couch("PUT", f"//_node/_local/_config/chttpd/{name}", text)
    assert (await couch("GET", "//_all_dbs", headers={"Authorization": "nobody"})).status == 401
    assert (await couch("GET", "//", headers={"Authorization": "nobody"})).status == 200
    assert (await couch("PUT", "/a+b", {})).json["id"] == "a b"


async def test_dbs_info_tells_of_the_databases_asked_for(couch: Couch) -> None:
    await couch.rev("a", {})
    reply = await couch("POST", "//_dbs_info", {"keys": ["db", "none"]})
    known, unknown = reply.json
    assert (known["key"], known["info"]["doc_count"]) == ("db", 1)
    assert unknown == {"key": "none", "error": "not_found"}
    assert [one["key"] for one in (await couch("GET", "//_dbs_info")).json] == ["db"]


async def test_dbs_info_refuses_more_than_configured(couch: Couch) -> None:
    await couch("PUT", "//_node/_local/_config/chttpd/max_db_number_for_dbs_info_req", "1")
    reply = await couch("POST", "//_dbs_info", {"keys": ["db", "db"]})
    assert (reply.status, reply.json["error"]) == (400, "bad_request")
    assert (await couch("POST", "//_dbs_info", {})).json["reason"] == "`keys` member must exist."


async def test_a_single_node_knows_its_cluster(couch: Couch) -> None:
    nodes = (await couch("GET", "//_membership")).json
    assert nodes["all_nodes"] == nodes["cluster_nodes"]
    [node] = nodes["all_nodes"]
    assert (await couch("GET", "//_node/_local")).json == {"name": node}
    versions = (await couch("GET", f"//_node/{node}/_versions")).json
    assert versions["javascript_engine"]["name"] == "quickjs"
    assert (await couch("GET", "//_node/other/_versions")).status == 404
    assert (await couch("GET", "//_reshard")).json["total"] == 0


async def test_requests_are_counted(couch: Couch) -> None:
    path = "//_node/_local/_stats/couchdb/httpd/requests"
    first = (await couch("GET", path)).json["value"]
    await couch("GET", "//")
    assert (await couch("GET", path)).json["value"] == first + 2
    assert b"couchdb_httpd_requests_total" in (await couch("GET", "//_node/_local/_prometheus")).body


async def test_what_is_not_built_says_so(couch: Couch) -> None:
    reply = await couch("POST", "//_replicate", {})
    assert (reply.status, reply.json["error"]) == (501, "not_implemented")
    assert (await couch("GET", "//_scheduler/jobs")).status == 501


async def test_the_icon_is_cached(couch: Couch) -> None:
    icon = await couch("GET", "//favicon.ico")
    assert icon.headers["Content-Type"] == "image/x-icon"
    assert icon.body.startswith(b"\0\0\1\0")
    assert (await couch("GET", "//favicon.ico", headers={"If-None-Match": icon.etag})).status == 304


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE"])
async def test_a_replication_has_a_body(couch: Couch, method: str) -> None:
    json = {"Content-Type": "application/json"}
    reply = await couch(method, "//_replicate", headers=json)
    assert (reply.status, reply.json["error"]) == (400, "bad_request")
    assert (await couch(method, "//_replicate", {})).status == (501 if method == "POST" else 405)
    assert (await couch(method, "//_replicate", [])).status == 400
    assert (await couch(method, "//_replicate", {}, headers={"Authorization": "nobody"})).status == 401


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/json"])
async def test_a_replication_that_is_no_json_is_told_so_before_its_type(couch: Couch, kind: str) -> None:
    reply = await couch("POST", "//_replicate", data=b"nope", headers={"Content-Type": kind})
    assert (reply.status, reply.json["reason"]) == (400, "invalid UTF-8 JSON")
    reply = await couch("POST", "//_replicate", data=b"{}", headers={"Content-Type": kind})
    assert reply.status == (501 if kind == "application/json" else 415)
