"""An edit that names a revision of a document nobody has heard of: CouchDB is not always as careful."""

import pytest

from tests.http.couch.conftest import Couch

DEAD = {"_deleted": True}


async def put(couch: Couch, doc_id: str) -> int:
    return (await couch("PUT", f"/{doc_id}", {"_rev": "1-abc"})).status


async def test_the_first_document_is_looked_at_and_later_ones_begin_in_mid_history(couch: Couch) -> None:
    assert await put(couch, "a") == 409
    assert await put(couch, "a") == 409
    await couch.rev("b", {})
    reply = await couch("PUT", "/a", {"_rev": "1-abc"})
    assert (reply.status, reply.json["rev"][:2]) == (201, "2-")
    history = (await couch("GET", "/a?revs=true")).json["_revisions"]
    assert history["ids"][1:] == ["abc"]


async def test_after_a_design_document_it_is_looked_at_again(couch: Couch) -> None:
    await couch.rev("b", {})
    await couch.rev("_design/d", {})
    assert await put(couch, "a") == 409
    await couch.rev("c", {})
    assert await put(couch, "a") == 201


async def test_where_functions_validate_it_is_always_looked_at(couch: Couch) -> None:
    validate = "function (next) { if (next.bad) throw({forbidden: 'no'}); }"
    rev = await couch.rev("_design/d", {"validate_doc_update": validate})
    await couch.rev("b", {})
    await couch.rev("c", {})
    assert await put(couch, "a") == 409
    assert (await couch("PUT", "/a", {"_rev": "1-abc", "bad": True})).status == 409  # nothing is asked
    stub = {"_rev": "1-abc", "_attachments": {"f": {"stub": True}}}
    assert (await couch("PUT", "/a", stub)).json["error"] == "missing_stub"
    docs = [{"_id": "s"}, {"_id": "s", "x": 1}, {"_id": "t", "_rev": "1-abc"}]
    rows = (await couch("POST", "/_bulk_docs", {"docs": docs})).json
    assert [row.get("error") for row in rows] == [None, "conflict", "conflict"]
    await couch("DELETE", f"/_design/d?rev={rev}")
    await couch.rev("e", {})
    assert await put(couch, "a") == 201


async def test_documents_beside_attachments_are_looked_at(couch: Couch) -> None:
    await couch.rev("b", {})
    docs = [{"_id": "a", "_rev": "1-abc"}, {"_id": "c", "_attachments": {"f": {"data": ""}}}]
    rows = (await couch("POST", "/_bulk_docs", {"docs": docs})).json
    assert [row.get("error") for row in rows] == ["conflict", None]
    rows = (await couch("POST", "/_bulk_docs", {"docs": docs[:1]})).json
    assert rows[0]["rev"].startswith("2-")


async def test_one_call_may_begin_a_document_and_go_on(couch: Couch) -> None:
    await couch.rev("b", {})
    history = {"start": 3, "ids": ["ccc", "bbb"]}
    first = await couch("PUT", "/probe", {"_revisions": history, "v": 1})
    docs = [
        {"_id": "a", "_revisions": history, "v": 1},
        {"_id": "a", "_revisions": {"start": 2, "ids": ["xxx"]}, "v": 2},
        {"_id": "a", "_rev": first.json["rev"], "v": 3},
    ]
    rows = (await couch("POST", "/_bulk_docs", {"docs": docs})).json
    assert [row.get("error") for row in rows] == [None, "conflict", None]
    assert rows[0]["rev"] == first.json["rev"]
    assert (await couch("GET", "/a?revs=true")).json["_revisions"]["ids"][2:] == ["ccc", "bbb"]


@pytest.mark.parametrize("attachments", [{}, {"_attachments": {"f": {"data": ""}}}])
async def test_what_is_deleted_is_not_deleted_again(couch: Couch, attachments: dict[str, object]) -> None:
    await couch.rev("b", {})
    assert (await couch("PUT", "/a", DEAD)).status == 200
    for _ in range(2):
        assert (await couch("PUT", "/a", DEAD | attachments)).status == 409
        rows = (await couch("POST", "/_bulk_docs", {"docs": [{"_id": "a", **DEAD, **attachments}]})).json
        assert rows[0]["error"] == "conflict"
    assert (await couch("PUT", "/a", {"v": 1})).status == 201
