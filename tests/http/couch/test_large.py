"""Large documents go out in pieces, and as every other does."""

import json
from typing import Any

import pytest

from couchreg.docstore.sqlite import open_revs
from couchreg.http.couch.listings.key_rows import TOGETHER
from couchreg.wire.documents import LARGE
from tests.http.couch.conftest import Couch

BODY: dict[str, Any] = {"a": ["x" * 100] * (LARGE // 80), "b": {"c": 1}}


@pytest.fixture
async def rev(couch: Couch) -> str:
    await couch.rev("small", {"a": 1})
    return await couch.rev("large", BODY)


def is_large(doc: Any, rev: str) -> bool:
    return bool(doc == {"_id": "large", "_rev": rev, **BODY})


async def test_one_document(couch: Couch, rev: str) -> None:
    reply = await couch("GET", "/large")
    assert is_large(reply.json, rev)
    assert int(reply.headers["Content-Length"]) == len(reply.body)
    assert reply.body.endswith(b"}\n")
    assert (await couch("GET", "/large", headers={"If-None-Match": reply.etag})).status == 304
    assert (await couch("HEAD", "/large")).headers["ETag"] == reply.etag
    assert is_large((await couch("GET", '/large?open_revs=["' + rev + '"]')).json[0]["ok"], rev)
    more = (await couch("GET", "/large?revs=true&conflicts=true&att_encoding_info=true")).json
    assert more.pop("_revisions")["start"] == 1
    assert is_large(more, rev)
    parts = await couch("GET", "/large?attachments=true", headers={"Accept": "multipart/related"})
    assert is_large(json.loads(parts.body), rev)


async def test_lists_and_feeds(couch: Couch, rev: str) -> None:
    for reply in (
        await couch("GET", "/_all_docs?include_docs=true"),
        await couch("POST", "/_all_docs", {"keys": ["large", "small"], "include_docs": True}),
        await couch("GET", "/_all_docs?include_docs=true&conflicts=true"),
        await couch("GET", "/_changes?include_docs=true&descending=true"),
        await couch("POST", "/_changes?include_docs=true&filter=_selector", {"selector": {"a": {"$gt": 1}}}),
    ):
        listed = reply.json.get("rows") or reply.json["results"]
        assert is_large(listed[0]["doc"], rev)


async def test_equal_keys_are_shown_as_often_as_they_are_asked_for(couch: Couch, rev: str) -> None:
    keys = ["large", "none", "small", "large", 1, "large"]
    rows = (await couch("POST", "/_all_docs", {"keys": keys, "include_docs": True})).json["rows"]
    assert [row.get("id", row.get("error")) for row in rows] == [
        "large", "not_found", "small", "large", "not_found", "large",
    ]  # fmt: skip
    assert all(is_large(rows[place]["doc"], rev) for place in (0, 3, 5))


async def test_equal_keys_read_a_document_once(
    couch: Couch, rev: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, unchanged = [], open_revs.open_revs

    def counted(conn: Any, wanted: Any, options: Any) -> Any:
        found = unchanged(conn, wanted, options)
        read.extend(doc_id for doc_id, _ in wanted[: len(found)])
        return found

    monkeypatch.setattr(open_revs, "open_revs", counted)
    keys = ["large", "small"] + ["large"] * (2 * TOGETHER)
    rows = (await couch("POST", "/_all_docs", {"keys": keys, "include_docs": True})).json["rows"]
    assert [row["id"] for row in rows] == keys
    assert is_large(rows[0]["doc"], rev)
    assert is_large(rows[-1]["doc"], rev)
    assert sorted(read) == ["large", "small"]


@pytest.mark.parametrize("accept", ["application/json", "multipart/mixed"])
async def test_bulk_get(couch: Couch, rev: str, accept: str) -> None:
    docs = [{"id": "small"}, {"id": "large"}, {"id": "large", "rev": rev}]
    reply = await couch("POST", "/_bulk_get", {"docs": docs}, headers={"Accept": accept})
    if accept == "application/json":
        found = [row["docs"][0]["ok"] for row in reply.json["results"]]
        assert is_large(found[1], rev)
        assert is_large(found[2], rev)
    assert reply.body.count(b'{"_id":"large"') == 2


async def test_selectors_and_fields_of_large_documents(couch: Couch, rev: str) -> None:
    async def found(selector: Any, **more: Any) -> list[Any]:
        body = {"selector": selector, **more}
        reply = await couch("POST", "/_changes?filter=_selector&include_docs=true", body)
        return [row["doc"] for row in reply.json["results"]]

    assert is_large((await found({"b": {"c": 1}}))[0], rev)
    assert await found({"b": {"c": 2}}) == []
    assert await found({"a": {"$elemMatch": {"$eq": "y"}}}) == []
    assert await found({"b": {"$exists": True}}, fields=["b", "_id"]) == [{"b": {"c": 1}, "_id": "large"}]
