"""Databases as wholes: names, information, settings, care."""

import asyncio
import json
import random
from urllib.parse import quote

import pytest

from tests.http.couch.conftest import Couch

ABSENT = {"error": "not_found", "reason": "Database does not exist."}


async def test_a_database_is_made_once_and_deleted_once(couch: Couch) -> None:
    made = await couch("PUT", "//new")
    assert (made.status, made.json) == (201, {"ok": True})
    assert made.headers["Location"] == f"{couch.url}/new"
    again = await couch("PUT", "//new")
    assert (again.status, again.json["error"]) == (412, "file_exists")
    assert (await couch("DELETE", "//new")).json == {"ok": True}
    gone = await couch("DELETE", "//new")
    assert (gone.status, gone.json) == (404, ABSENT)


@pytest.mark.parametrize("name", ["A", "1a", "_x", "a.b", "a b", "é", "a\udcff"])
async def test_illegal_names_are_refused(couch: Couch, name: str) -> None:
    path = "//" + quote(name.encode("utf-8", "surrogateescape"))
    reply = await couch("PUT", path)
    assert (reply.status, reply.json["error"]) == (400, "illegal_database_name")
    assert (await couch("GET", path)).json == ABSENT


async def test_a_slash_in_a_name_is_encoded(couch: Couch) -> None:
    assert (await couch("PUT", "//team%2Fone")).status == 201
    assert (await couch("GET", "//team%2Fone")).json["db_name"] == "team/one"


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("q=0", "The `q` value should be a positive integer."),
        ("n=x", "The `n` value should be a positive integer."),
        ("partitioned=x", "Invalid `partitioned` parameter"),
    ],
)
async def test_parameters_of_a_new_database_are_checked(couch: Couch, query: str, reason: str) -> None:
    reply = await couch("PUT", f"//new?{query}")
    assert (reply.status, reply.json) == (400, {"error": "bad_request", "reason": reason})
    assert (await couch("GET", "//new")).status == 404


async def test_the_shards_asked_for_are_told(couch: Couch) -> None:
    await couch("PUT", "//new?q=4")
    assert (await couch("GET", "//new")).json["cluster"]["q"] == 4
    shards = (await couch("GET", "//new/_shards")).json["shards"]
    assert sorted(shards) == [
        "00000000-3fffffff",
        "40000000-7fffffff",
        "80000000-bfffffff",
        "c0000000-ffffffff",
    ]
    assert (await couch("GET", "//new/_shards/a%2Fb")).json["range"] in shards


async def test_information_counts_documents(couch: Couch) -> None:
    rev = await couch.rev("a", {})
    await couch.rev("b", {})
    await couch("DELETE", f"/a?rev={rev}")
    info = (await couch("GET", "")).json
    assert (info["db_name"], info["doc_count"], info["doc_del_count"]) == ("db", 1, 1)
    assert info["update_seq"].startswith("3-")
    assert info["sizes"]["file"] > 0
    commit = await couch("POST", "/_ensure_full_commit", {})
    assert (commit.status, commit.json["instance_start_time"]) == (201, info["instance_start_time"])


async def test_a_forgotten_document_id_does_not_delete_the_database(couch: Couch) -> None:
    reply = await couch("DELETE", "?rev=1-abc")
    assert (reply.status, reply.json["error"]) == (400, "bad_request")
    assert (await couch("GET", "")).status == 200


async def test_security_is_admins_only_until_set(couch: Couch) -> None:
    await couch("PUT", "//new")
    only = {"members": {"roles": ["_admin"]}, "admins": {"roles": ["_admin"]}}
    assert (await couch("GET", "//new/_security")).json == only
    assert (await couch("GET", "//new", headers={"Authorization": "nobody"})).status == 401
    mine = {"members": {"names": ["ann"]}, "note": "kept"}
    assert (await couch("PUT", "//new/_security", mine)).json == {"ok": True}
    assert (await couch("GET", "//new/_security")).json == mine
    assert (await couch("GET", "//new", headers={"Authorization": "ann"})).status == 200
    assert (await couch("GET", "//new", headers={"Authorization": "bob"})).status == 403


async def test_new_databases_can_be_everybodys(couch: Couch) -> None:
    await couch("PUT", "//_node/_local/_config/couchdb/default_security", "everyone")
    await couch("PUT", "//open")
    assert (await couch("GET", "//open", headers={"Authorization": "nobody"})).status == 200


@pytest.mark.parametrize("value", [[], "x", None, {"admins": 1}, {"members": {"roles": [None]}}])
async def test_what_is_no_security_object_is_refused(couch: Couch, value: object) -> None:
    reply = await couch("PUT", "/_security", data=json.dumps(value).encode())
    assert (reply.status, reply.json) == (500, {"error": "error", "reason": "no_majority"})
    assert (await couch("GET", "/_security")).json == {}


@pytest.mark.parametrize("name", ["_revs_limit", "_purged_infos_limit"])
async def test_limits_are_positive_integers(couch: Couch, name: str) -> None:
    assert (await couch("GET", f"/{name}")).json == 1000
    assert (await couch("PUT", f"/{name}", data=b"5")).json == {"ok": True}
    for bad in (b"0", b"-1", b"1.5", b'"x"', b"null", b"{}", b"true"):
        assert (await couch("PUT", f"/{name}", data=bad)).status == 400
    assert (await couch("GET", f"/{name}")).json == 5


async def test_compaction_drops_old_bodies(couch: Couch) -> None:
    first = await couch.rev("a", {"text": "x" * 1000})
    await couch.rev("a", {}, first)
    assert (await couch("POST", "/_compact", data=b"")).status == 415
    accepted = await couch("POST", "/_compact", {})
    assert (accepted.status, accepted.json) == (202, {"ok": True})
    await (await couch.store.open("db")).compact()
    while (await couch("GET", "//_active_tasks")).json:
        pass
    assert (await couch("GET", f"/a?rev={first}")).status == 404
    assert (await couch("GET", "/a")).status == 200


async def test_compaction_gives_space_back_that_a_client_can_see(couch: Couch) -> None:
    text = "".join(random.Random(0).choices("abcdefgh", k=200_000))
    rev = await couch.rev("a", {"text": text})
    await couch.rev("a", {}, rev)
    before = (await couch("GET", "")).json["sizes"]
    assert (await couch("POST", "/_compact", {})).status == 202
    while (await couch("GET", "//_active_tasks")).json:
        pass
    found = (await couch("GET", "")).json
    assert not found["compact_running"]
    assert found["sizes"]["file"] < before["file"] - 50_000
    assert found["sizes"]["active"] <= found["sizes"]["file"]


async def test_purges_are_remembered(couch: Couch) -> None:
    rev = await couch.rev("a", {})
    await couch("POST", "/_purge", {"a": [rev]})
    assert (await couch("GET", "/_purged_infos")).json == {"purged_infos": [{"id": "a", "revs": [rev]}]}


async def test_views_have_nothing_to_clean(couch: Couch) -> None:
    assert (await couch("POST", "/_view_cleanup", data=b"")).status == 202
    assert (await couch("POST", "/_compact/none", {})).status == 404
    assert (await couch("POST", "/_sync_shards", {})).status == 202
    assert (await couch("GET", "/_temp_view")).status == 410
    assert (await couch("GET", "/_partition/x")).json["reason"] == "database is not partitioned"


async def test_whoever_is_told_that_a_database_exists_can_use_it(couch: Couch) -> None:
    async def made_and_used(name: str) -> tuple[int, int]:
        made = await couch("PUT", f"//{name}")
        return made.status, (await couch("PUT", f"//{name}/doc-{id(made)}", {})).status

    for number in range(5):
        both = await asyncio.gather(*[made_and_used(f"new{number}") for _ in range(4)])
        assert sorted(both) == [(201, 201), (412, 201), (412, 201), (412, 201)]


async def test_sizes_count_attachments(couch: Couch) -> None:
    before = (await couch("GET", "")).json["sizes"]
    rev = (await couch("PUT", "/a/f", data=bytes(50_000))).json["rev"]
    full = (await couch("GET", "")).json["sizes"]
    for kind in ("file", "external", "active"):
        assert full[kind] >= before[kind] + 50_000
    assert full["active"] < full["file"]
    await couch("DELETE", f"/a?rev={rev}")
    assert (await couch("GET", "")).json["sizes"]["external"] < 1000
