"""What a replicator asks beside documents, `_local/` documents, and purging."""

from tests.http.couch.conftest import Couch


async def test_revs_diff_names_what_is_missing_and_what_it_may_come_from(couch: Couch) -> None:
    await couch.graft({"_id": "a", "_rev": "2-b", "_revisions": {"start": 2, "ids": ["b", "r"]}})
    asked = {"a": ["2-b", "3-x", "1-r"], "b": ["1-b"], "c": []}
    reply = await couch("POST", "/_revs_diff", asked)
    assert reply.json == {"a": {"missing": ["3-x"], "possible_ancestors": ["2-b"]}, "b": {"missing": ["1-b"]}}
    assert (await couch("POST", "/_missing_revs", asked)).json == {
        "missing_revs": {"a": ["3-x"], "b": ["1-b"]}
    }


async def test_revs_diff_refuses_what_it_cannot_read(couch: Couch) -> None:
    for body in ([], {"a": "1-a"}, {"a": [1]}, {"a": ["x"]}):
        assert (await couch("POST", "/_revs_diff", body)).status == 400
    assert (await couch("POST", "/_revs_diff", data=b"{}")).status == 415


async def test_local_documents_count_as_the_client_does(couch: Couch) -> None:
    assert (await couch("PUT", "/_local/a", {"n": 1})).json["rev"] == "0-1"
    assert (await couch("PUT", "/_local/a", {"n": 2, "_rev": "0-41"})).json["rev"] == "0-42"
    read = await couch("GET", "/_local/a?revs=true")
    assert read.body == b'{"_id":"_local/a","_rev":"0-42","n":2,"_revisions":{"start":0,"ids":["42"]}}\n'
    assert (await couch("GET", "/_local/a", headers={"If-None-Match": read.etag})).status == 304
    assert (await couch("GET", "/_local/a?rev=0-42")).status == 404
    assert (await couch("DELETE", "/_local/a?rev=0-1")).json["rev"] == "0-0"
    assert (await couch("GET", "/_local/a")).status == 404
    assert (await couch("DELETE", "/_local/a")).status == 404


async def test_local_documents_with_one_revision_and_two_bodies_have_two_tags(couch: Couch) -> None:
    await couch("PUT", "/_local/a", {"n": 1})
    first = (await couch("GET", "/_local/a")).etag
    await couch("PUT", "/_local/a", {"n": 2})
    assert (await couch("GET", "/_local/a")).etag != first


async def test_local_documents_have_no_attachments(couch: Couch) -> None:
    assert (await couch("PUT", "/_local/a", {"_attachments": {"f": {"data": "aGk="}}})).status == 201
    assert "_attachments" not in (await couch("GET", "/_local/a")).json
    refused = await couch("PUT", "/_local/a/f", data=b"x")
    assert (refused.status, refused.json["reason"]) == (400, "_local documents do not accept attachments.")
    assert (await couch("GET", "/_local")).json["reason"] == "Invalid _local document id."
    assert couch.blobs() == []


async def test_local_documents_are_not_replicated(couch: Couch) -> None:
    await couch("PUT", "/_local/a", {})
    assert (await couch("GET", '/_local/a?open_revs=["0-1"]')).json == [{"missing": "0-1"}]
    reply = await couch("POST", "/_bulk_get", {"docs": [{"id": "_local/a"}]})
    assert reply.json["results"][0]["docs"][0]["error"]["error"] == "not_found"


async def test_local_documents_can_be_copied_from_and_to(couch: Couch) -> None:
    await couch("PUT", "/_local/a", {"v": 1})
    assert (await couch("COPY", "/_local/a", headers={"Destination": "b"})).json["rev"].startswith("1-")
    assert (await couch("COPY", "/b", headers={"Destination": "_local/c"})).json["rev"] == "0-1"
    assert (await couch("GET", "/_local/c")).json["v"] == 1


async def test_what_is_purged_was_never_there(couch: Couch) -> None:
    rev = await couch.rev("a", {})
    reply = await couch("POST", "/_purge", {"a": [rev, "9-x"], "b": ["1-b"]})
    assert (reply.status, reply.json) == (201, {"purge_seq": None, "purged": {"a": [rev], "b": []}})
    assert (await couch("GET", f"/a?rev={rev}")).json == {"error": "not_found", "reason": "missing"}
    assert (await couch("POST", "/_purge", {"a": ["bad"]})).status == 400
    many = {f"d{number}": ["1-a"] for number in range(101)}
    reason = "Exceeded maximum number of documents."
    assert (await couch("POST", "/_purge", many)).json["reason"] == reason
    await couch.store.set_config("purge", "max_document_id_number", "infinity")
    assert (await couch("POST", "/_purge", many)).status == 201
    await couch.store.set_config("purge", "max_revisions_number", "1")
    refused = await couch("POST", "/_purge", {"a": ["1-a", "1-b"]})
    assert refused.json["reason"] == "Exceeded maximum number of revisions."
