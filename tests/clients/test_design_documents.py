"""Design documents through clients that others wrote: views, reduces, functions, queries by selector."""

import warnings
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import aiocouch
import couchdb3
import pycouchdb
import pytest

from tests.clients.conftest import RunNode
from tests.processes import Server

BY = "function(doc) { if (doc.kind) { emit([doc.kind, doc.n], doc.n); } }"
SETS = "function(doc, req) { doc = doc || {_id: req.id}; doc.set = req.query.to; return [doc, 'set']; }"
REFUSES = "function(doc) { if (doc.bad) { throw({forbidden: 'bad'}); } }"
DESIGN: dict[str, Any] = {
    "_id": "_design/d",
    "views": {"by": {"map": BY}, "sums": {"map": BY, "reduce": "_sum"}},
    "updates": {"sets": SETS},
    "validate_doc_update": REFUSES,
}
DOCS = [{"_id": f"d{n}", "kind": "even" if n % 2 == 0 else "odd", "n": n} for n in range(10)]


@pytest.fixture
def name() -> str:
    return f"db-{uuid4().hex[:10]}"


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # its session has no close
def test_pycouchdb(live: Server, name: str) -> None:
    couch = pycouchdb.Server(live.couch_url_with_login + "/")
    db = couch.create(name)
    db.save(dict(DESIGN))
    db.save_bulk([dict(doc) for doc in DOCS])
    rows = list(db.query("d/by", startkey=["odd"], endkey=["odd", {}], as_list=True))
    assert [row["id"] for row in rows] == ["d1", "d3", "d5", "d7", "d9"]
    groups = list(db.query("d/sums", group_level=1))
    assert [(row["key"], row["value"]) for row in groups] == [(["even"], 20), (["odd"], 25)]
    assert db.one("d/sums", flat="value") == 45
    assert {doc["_id"] for doc in db.find({"kind": "odd", "n": {"$gt": 5}})} == {"d7", "d9"}
    with pytest.raises(pycouchdb.exceptions.GenericError, match="bad"):
        db.save({"_id": "x", "bad": True})
    couch.delete(name)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # its own use of aiohttp
async def test_aiocouch(live: Server, name: str) -> None:
    async with aiocouch.CouchDB(live.couch_url, user=live.admin[0], password=live.admin[1]) as couch:
        db = await couch.create(name)
        design = await db.design_doc("d", exists_ok=True)
        await design.create_view("by", map_function=BY)
        async with aiocouch.bulk.BulkCreateOperation(db, [doc["_id"] for doc in DOCS]) as bulk:
            for document, doc in zip([one async for one in bulk], DOCS, strict=True):
                document.update(doc)
        odd = await db.view("d", "by").post(keys=[["odd", n] for n in (1, 3)], include_docs=True)
        assert [row["doc"]["n"] for row in odd.rows] == [1, 3]
        answer = await db.view("d", "by").get(limit=3, descending=True)
        assert [row["id"] for row in answer.rows] == ["d9", "d7", "d5"]
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
    from ibmcloudant.cloudant_v1 import BulkDocs, DesignDocument, Document, ViewQuery

    cloudant.put_database(db=name)
    cloudant.put_design_document(db=name, ddoc="d", design_document=DesignDocument.from_dict(DESIGN))
    cloudant.post_bulk_docs(db=name, bulk_docs=BulkDocs(docs=[Document.from_dict(doc) for doc in DOCS]))
    place = {"db": name, "ddoc": "d"}
    rows = cloudant.post_view(**place, view="by", start_key=["odd"], include_docs=True, limit=2).get_result()
    assert [row["doc"]["n"] for row in rows["rows"]] == [1, 3]
    queries = [ViewQuery(reduce=True), ViewQuery(group_level=1)]
    both = cloudant.post_view_queries(**place, view="sums", queries=queries).get_result()["results"]
    assert [[row["value"] for row in one["rows"]] for one in both] == [[45], [20, 25]]
    about = cloudant.get_design_document_information(**place).get_result()
    assert about["view_index"]["updater_running"] is False
    assert cloudant.post_design_docs(db=name).get_result()["total_rows"] == 1
    with pytest.raises(ApiException) as refused:
        cloudant.put_document(db=name, doc_id="x", document=Document(bad=True))
    assert (refused.value.status_code, refused.value.message) == (403, "forbidden: bad")
    cloudant.delete_database(db=name)


def test_couchdb3(live: Server, name: str) -> None:
    with couchdb3.Server(live.couch_url, user=live.admin[0], password=live.admin[1]) as couch:
        db = couch.create(name)
        members = {key: value for key, value in DESIGN.items() if key != "_id"}
        db.put_design("d", **members)
        db.bulk_docs([dict(doc) for doc in DOCS])
        rows = db.view("d", "by", startkey=["odd"], endkey=["odd", {}], include_docs=True).rows
        assert [row.doc["n"] for row in rows] == [1, 3, 5, 7, 9]
        groups = db.view("d", "sums", group_level=1).rows
        assert [(row.key, row.value) for row in groups] == [(["even"], 20), (["odd"], 25)]
        db.save_index({"fields": ["kind", "n"]}, ddoc="by-kind", name="by-kind")
        asked = {"kind": "odd", "n": {"$gt": 5}}
        assert db.explain(asked)["index"]["name"] == "by-kind"
        assert {doc["_id"] for doc in db.find(asked)["docs"]} == {"d7", "d9"}
        with pytest.raises(couchdb3.exceptions.ForbiddenError, match="bad"):
            db.save({"_id": "x", "bad": True})
        couch.delete(name)


def test_nano(live: Server, node: RunNode) -> None:
    assert node("nano_design", live.couch_url_with_login) == {"ok": True}
