"""pycouchdb, aiocouch and ibmcloudant: documents, bulk, queries, changes and attachments."""

import io
import warnings
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import aiocouch
import pycouchdb
import pytest

from tests.processes import Server

BYTES = bytes(range(256)) * 1000


@pytest.fixture
def name() -> str:
    return f"db-{uuid4().hex[:10]}"


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # its session has no close
def test_pycouchdb(live: Server, name: str) -> None:
    couch = pycouchdb.Server(live.couch_url_with_login + "/")
    db = couch.create(name)
    assert name in couch
    saved = db.save({"_id": "one", "n": 1})
    assert db.get("one")["n"] == 1
    with pytest.raises(pycouchdb.exceptions.Conflict):
        db.save({"_id": "one", "n": 2})
    with pytest.raises(pycouchdb.exceptions.NotFound):
        db.get("nobody")
    bulk = db.save_bulk([{"_id": f"b{i}", "i": i} for i in range(100)])
    assert len(bulk) == 100
    assert len(list(db.all())) == 101
    with_file = db.put_attachment(saved, io.BytesIO(BYTES), "data/file.bin", "application/octet-stream")
    assert db.get_attachment(with_file, "data/file.bin") == BYTES
    found = list(db.find({"i": {"$gte": 97}}, limit=2))
    assert {doc["_id"] for doc in found} <= {"b97", "b98", "b99"}
    last_seq, changes = db.changes_list()
    assert {change["id"] for change in changes} >= {"one", "b0", "b99"}
    assert db.changes_list(since=last_seq)[1] == []
    assert db.revisions("one")
    db.delete("b0")
    db.compact()
    assert couch.info()["couchdb"] == "Welcome"
    couch.delete(name)
    assert name not in couch


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # its own use of aiohttp
async def test_aiocouch(live: Server, name: str) -> None:
    async with aiocouch.CouchDB(live.couch_url, user=live.admin[0], password=live.admin[1]) as couch:
        db = await couch.create(name)
        document = await db.create("one", data={"n": 1})
        await document.save()
        document["n"] = 2
        await document.save()
        assert (await db["one"])["n"] == 2
        with pytest.raises(aiocouch.ConflictError):
            await db.create("one")
        attachment = document.attachment("data/file.bin")
        await attachment.save(BYTES, "application/octet-stream")
        assert await attachment.fetch() == BYTES
        async with aiocouch.bulk.BulkCreateOperation(db, [f"b{i}" for i in range(50)]) as bulk:
            async for created in bulk:
                created["made"] = "in bulk"
        assert len(bulk.ok) == 50
        await db.index({"fields": ["made"]}, ddoc="made", name="made")
        found = [doc async for doc in db.find({"made": "in bulk"}, limit=60, use_index="made")]
        assert len(found) == 50
        ids = [change.id async for change in db.changes() if not change.id.startswith("_design/")]
        assert set(ids) == {"one", *(f"b{i}" for i in range(50))}
        assert [doc.id async for doc in db.docs(["b1", "b2"])] == ["b1", "b2"]
        await (await db["b1"]).delete()
        with pytest.raises(aiocouch.NotFoundError):
            await db["b1"]
        await db.delete()


@pytest.fixture
def cloudant(live: Server) -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of its own imports
        from ibm_cloud_sdk_core.authenticators import BasicAuthenticator
        from ibmcloudant import CloudantV1
    service = CloudantV1(authenticator=BasicAuthenticator(*live.admin))
    service.set_service_url(live.couch_url)
    yield service
    service.http_client.close()


def test_ibmcloudant(cloudant: Any, name: str) -> None:
    from ibm_cloud_sdk_core import ApiException
    from ibmcloudant.cloudant_v1 import (
        BulkDocs,
        BulkGetQueryDocument,
        Document,
        IndexDefinition,
        IndexField,
    )

    assert cloudant.get_server_information().get_result()["couchdb"] == "Welcome"
    cloudant.put_database(db=name)
    saved = cloudant.put_document(db=name, doc_id="one", document=Document(n=1)).get_result()
    assert cloudant.get_document(db=name, doc_id="one").get_result()["n"] == 1
    assert cloudant.head_document(db=name, doc_id="one").get_headers()["ETag"] == f'"{saved["rev"]}"'
    with pytest.raises(ApiException) as conflict:
        cloudant.put_document(db=name, doc_id="one", document=Document(n=2))
    assert conflict.value.status_code == 409
    docs = [Document(_id=f"b{i}", i=i) for i in range(100)]
    cloudant.post_bulk_docs(db=name, bulk_docs=BulkDocs(docs=docs))
    rows = cloudant.post_all_docs(db=name, include_docs=True, start_key="b", limit=5).get_result()["rows"]
    assert len(rows) == 5
    index = IndexDefinition(fields=[IndexField(i="asc")])
    made = cloudant.post_index(db=name, index=index, ddoc="by", name="i").get_result()
    assert made == {"result": "created", "id": "_design/by", "name": "i"}
    query = {"selector": {"i": {"$in": [3, 5, 700]}}, "fields": ["i"]}
    assert cloudant.post_find(db=name, **query).get_result()["docs"] == [{"i": 3}, {"i": 5}]
    assert cloudant.post_explain(db=name, **query).get_result()["index"]["name"] == "i"
    assert cloudant.get_indexes_information(db=name).get_result()["total_rows"] == 2
    assert cloudant.delete_index(db=name, ddoc="by", type="json", index="i").get_result() == {"ok": True}
    wanted = [BulkGetQueryDocument(id="b7"), BulkGetQueryDocument(id="nobody")]
    got = cloudant.post_bulk_get(db=name, docs=wanted).get_result()["results"]
    assert got[0]["docs"][0]["ok"]["i"] == 7
    assert got[1]["docs"][0]["error"]["error"] == "not_found"
    missing = cloudant.post_revs_diff(db=name, document_revisions={"one": ["1-0", saved["rev"]]}).get_result()
    assert missing == {"one": {"missing": ["1-0"]}}
    put = cloudant.put_attachment(
        db=name,
        doc_id="one",
        attachment_name="file.bin",
        attachment=BYTES,
        content_type="application/octet-stream",
        rev=saved["rev"],
    ).get_result()
    found = cloudant.get_attachment(db=name, doc_id="one", attachment_name="file.bin").get_result()
    assert found.content == BYTES
    cloudant.delete_document(db=name, doc_id="one", rev=put["rev"])
    cloudant.delete_database(db=name)


def test_ibmcloudant_follows_the_changes_to_their_end(cloudant: Any, name: str) -> None:
    from ibmcloudant import ChangesFollower
    from ibmcloudant.cloudant_v1 import BulkDocs, Document

    cloudant.put_database(db=name)
    cloudant.post_bulk_docs(db=name, bulk_docs=BulkDocs(docs=[Document(_id=f"d{i}") for i in range(300)]))
    follower = ChangesFollower(service=cloudant, db=name, limit=300)
    assert {item.id for item in follower.start_one_off()} == {f"d{i}" for i in range(300)}
    cloudant.delete_database(db=name)
