"""Many documents in one request: `_bulk_docs` and `_bulk_get`."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from couchreg.docstore.base import Edit
from couchreg.http.couch.documents import bulk
from couchreg.http.couch.frame import context
from couchreg.http.couch.frame.context import Context
from couchreg.model import json
from couchreg.model.user import SYSTEM
from tests.http.couch.conftest import Couch


async def test_each_document_has_its_own_outcome(couch: Couch) -> None:
    rev = await couch.rev("a", {})
    docs = [{"_id": "a"}, {"_id": "b"}, {"_id": "a", "_rev": rev, "v": 2}, {"_id": "_local/l"}, {"v": 3}]
    rows = (await couch("POST", "/_bulk_docs", {"docs": docs})).json
    assert rows[0] == {"id": "a", "error": "conflict", "reason": "Document update conflict."}
    assert rows[1]["rev"].startswith("1-")
    assert rows[2]["rev"].startswith("2-")
    assert rows[3] == {"ok": True, "id": "_local/l", "rev": "0-1"}
    assert (await couch("GET", f"/{rows[4]['id']}")).json["v"] == 3


@pytest.mark.parametrize("rev", ["1-a", "1-" + "f" * 32])
async def test_local_documents_have_outcomes_of_their_own(couch: Couch, rev: str) -> None:
    docs = [{"_id": "_local/no", "_deleted": True}, {"_id": "_local/l", "_rev": rev}, {"_id": "a"}]
    rows = (await couch("POST", "/_bulk_docs", {"docs": docs})).json
    assert rows[:2] == [  # as CouchDB 3.5.0 answered
        {"ok": True, "id": "_local/no", "rev": "0-0"},
        {"id": "_local/l", "error": "error", "reason": "Invalid rev format"},
    ]
    assert rows[2]["rev"].startswith("1-")
    gone = await couch("PUT", "/_local/no", {"_deleted": True})
    assert (gone.status, gone.json["rev"]) == (200, "0-0")
    assert (await couch("DELETE", "/_local/no")).status == 404


async def test_one_malformed_document_spoils_the_request(couch: Couch) -> None:
    for bad in (
        1,
        {"_id": "_x"},
        {"_foo": 1},
        {"_id": "b", "_rev": "x"},
        {"_attachments": {"f": {"data": "*"}}},
    ):
        reply = await couch("POST", "/_bulk_docs", {"docs": [{"_id": "a"}, bad]})
        assert reply.status == 400, bad
    assert (await couch("GET", "/a")).status == 404
    assert couch.blobs() == []


async def test_a_missing_stub_spoils_the_request(couch: Couch) -> None:
    docs = [{"_id": "a"}, {"_id": "z", "_attachments": {"f": {"stub": True}}}]
    reply = await couch("POST", "/_bulk_docs", {"docs": docs})
    assert (reply.status, reply.json["reason"]) == (412, "Invalid attachment stub in z for f")
    assert (await couch("GET", "/a")).status == 404


async def test_replicated_documents_report_only_refusals(couch: Couch) -> None:
    docs = [{"_id": "a", "_rev": "1-a"}, {"_id": "_design/d", "_rev": "1-d", "views": 1}]
    reply = await couch("POST", "/_bulk_docs", {"docs": docs, "new_edits": False})
    assert reply.status == 201
    assert [(row["id"], row["rev"], row["error"]) for row in reply.json] == [
        ("_design/d", "1-d", "invalid_design_doc")
    ]
    assert (await couch("GET", "/a")).json == {"_id": "a", "_rev": "1-a"}


async def test_all_or_nothing_is_nothing(couch: Couch) -> None:
    reply = await couch("POST", "/_bulk_docs", {"docs": [{"_id": "a"}], "all_or_nothing": True})
    assert (reply.status, reply.json[0]["error"]) == (417, "not_implemented")
    assert (await couch("GET", "/a")).status == 404


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "POST body must include `docs` parameter."),
        ({"docs": {}}, "`docs` parameter must be an array."),
        ([], "Request body must be a JSON object"),
        ({"docs": [], "new_edits": 1}, "`new_edits` parameter must be a boolean."),
    ],
)
async def test_what_is_no_bulk_request(couch: Couch, body: Any, reason: str) -> None:
    reply = await couch("POST", "/_bulk_docs", body)
    assert (reply.status, reply.json["reason"]) == (400, reason)


async def test_bulk_get_answers_every_entry_in_order(couch: Couch) -> None:
    await couch.graft(
        {"_id": "a", "_rev": "2-b", "_revisions": {"start": 2, "ids": ["b", "r"]}, "v": "b"},
        {"_id": "a", "_rev": "2-c", "_revisions": {"start": 2, "ids": ["c", "r"]}, "v": "c"},
    )
    docs = [
        {"id": "a"},
        {"id": "a", "rev": "1-r"},
        {"id": "no"},
        {"id": "a", "rev": "x"},
        {},
        {"rev": "1-a"},
        {"id": ""},
    ]
    results = (await couch("POST", "/_bulk_get", {"docs": docs})).json["results"]
    assert [row["id"] for row in results] == ["a", "a", "no", "a", None, None, ""]
    assert [doc["ok"]["v"] for doc in results[0]["docs"]] == ["b", "c"]
    errors = [row["docs"][0]["error"] for row in results[1:]]
    assert [(error["rev"], error["error"]) for error in errors] == [
        ("1-r", "not_found"),
        ("undefined", "not_found"),
        ("x", "bad_request"),
        (None, "bad_request"),
        (None, "bad_request"),
        (None, "illegal_docid"),
    ]
    latest = await couch("POST", "/_bulk_get?latest=true&revs=true", {"docs": [{"id": "a", "rev": "1-r"}]})
    shown = [doc["ok"]["_revisions"]["ids"] for doc in latest.json["results"][0]["docs"]]
    assert shown == [["b", "r"], ["c", "r"]]


async def test_bulk_get_shows_attachments_as_far_as_they_are_not_known(couch: Couch) -> None:
    first = await couch.rev("a", {"_attachments": {"f": {"data": "b25l"}}})
    second = await couch.rev("a", {"_attachments": {"f": {"stub": True}, "g": {"data": "dHdv"}}}, first)
    entry = {"id": "a", "rev": second, "atts_since": [first]}
    reply = await couch("POST", "/_bulk_get?attachments=true", {"docs": [entry, {"id": "a"}]})
    known, all_of_them = [row["docs"][0]["ok"]["_attachments"] for row in reply.json["results"]]
    assert (known["f"]["stub"], known["g"]["data"]) == (True, "dHdv")
    assert (all_of_them["f"]["data"], all_of_them["g"]["data"]) == ("b25l", "dHdv")
    stubs = await couch("POST", "/_bulk_get", {"docs": [{"id": "a"}]})
    assert "data" not in stubs.json["results"][0]["docs"][0]["ok"]["_attachments"]["f"]


async def test_bulk_get_of_more_than_one_batch(couch: Couch) -> None:
    ids = [f"d{number:04}" for number in range(450)]
    edits = [Edit(doc_id, None, False, {"n": doc_id}) for doc_id in ids]
    await (await couch.store.open("db")).update(edits, new_edits=True, user=SYSTEM)
    reply = await couch("POST", "/_bulk_get", {"docs": [{"id": doc_id} for doc_id in ids]})
    assert [row["docs"][0]["ok"]["n"] for row in reply.json["results"]] == ids


async def test_bulk_get_refuses_what_stands_with_the_documents(couch: Couch) -> None:
    reply = await couch("POST", "/_bulk_get?rev=1-a", {"docs": []})
    assert (reply.status, reply.json["reason"]) == (400, '"rev" query parameter is not acceptable')
    assert (await couch("POST", "/_bulk_get", {})).json["reason"] == "Missing JSON list of 'docs'."
    assert (await couch("POST", "/_bulk_get", {"docs": []})).json == {"results": []}


async def test_bulk_get_as_multipart_is_framed_like_couchdbs(couch: Couch) -> None:
    rev = await couch.rev("f", {"_attachments": {"x": {"content_type": "image/png", "data": "aGk="}}})
    reply = await couch(
        "POST", "/_bulk_get", {"docs": [{"id": "f"}, {"id": "no"}]}, headers={"Accept": "multipart/mixed"}
    )
    outer = reply.headers["Content-Type"].partition('boundary="')[2][:-1].encode()
    _, first, second, end = reply.body.split(b"\r\n--" + outer)
    assert first.startswith(
        b"\r\nX-Doc-Id: f\r\nX-Rev-Id: %b\r\nContent-Type: multipart/related; boundary=" % rev.encode()
    )
    assert b'filename="x"\r\nContent-Type: image/png\r\nContent-Length: 2\r\n\r\nhi\r\n--' in first
    assert second == (
        b'\r\nContent-Type: application/json; error="true"\r\n\r\n'
        b'{"rev":"undefined","reason":"missing","id":"no","error":"not_found"}'
    )
    assert end == b"--\r\n"
    empty = await couch("POST", "/_bulk_get", {"docs": []}, headers={"Accept": "multipart/related"})
    assert (empty.status, empty.body) == (200, b"")


async def test_a_large_request_is_read_some_documents_at_a_time(
    couch: Couch, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs = [{"_id": f"d{n}", "n": 10**30 + n, "text": "é" * 200} for n in range(1000)]
    sizes: list[int] = []
    read = json.decode_quickly

    def measured(data: bytes) -> Any:
        sizes.append(len(data))
        return read(data)

    with monkeypatch.context() as patched:
        patched.setattr(json, "decode_quickly", measured)
        patched.setattr("couchreg.http.couch.documents.bulk.WHOLE", 100_000)
        rows = (await couch("POST", "/_bulk_docs", {"docs": docs, "w": 1})).json
    assert max(sizes) < 20_000
    alone = await couch.rev("alone", {"n": 10**30, "text": "é" * 200})
    assert (len(rows), rows[0]["rev"]) == (1000, alone)
    assert (await couch("GET", "/d999")).json["n"] == 10**30 + 999


async def test_a_large_request_that_is_wrong_is_refused_as_a_small_one(couch: Couch) -> None:
    filling = [{"text": "x" * 100_000}]
    for body, reason in (
        ({"docs": [*filling, 1]}, "Document must be a JSON object"),
        ({"docs": {"a": filling}}, "`docs` parameter must be an array."),
        ({"dogs": filling}, "POST body must include `docs` parameter."),
        (filling, "Request body must be a JSON object"),
        ({"docs": filling, "new_edits": 1}, "`new_edits` parameter must be a boolean."),
    ):
        reply = await couch("POST", "/_bulk_docs", body)
        assert (reply.status, reply.json["reason"]) == (400, reason)
    broken = b'{"docs":[{"a":"' + b"x" * 100_000 + b'"},{"a":}]}'
    reply = await couch("POST", "/_bulk_docs", data=broken, headers={"Content-Type": "application/json"})
    assert (reply.status, reply.json["reason"]) == (400, "invalid UTF-8 JSON")


async def test_large_requests_take_turns(couch: Couch, monkeypatch: pytest.MonkeyPatch) -> None:
    inside, most = 0, 0
    write = bulk._bulk_docs

    async def watched(ctx: Context, body: bytes) -> web.StreamResponse:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        answer = await write(ctx, body)
        inside -= 1
        return answer

    monkeypatch.setattr(bulk, "_bulk_docs", watched)
    monkeypatch.setattr(context, "LARGE_BODY", 1000)
    body = {"docs": [{"text": "x" * 100} for _ in range(100)]}
    replies = await asyncio.gather(*[couch("POST", "/_bulk_docs", body) for _ in range(5)])
    assert ([reply.status for reply in replies], most) == ([201] * 5, 1)
