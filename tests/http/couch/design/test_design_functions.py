"""What a design document does not have is not there, whether or not such things are run here."""

import pytest

from tests.http.couch.conftest import Couch


@pytest.fixture
async def designed(couch: Couch) -> Couch:
    functions = {"s": "function () { return 'shown'; }"}
    updates = {"u": "function () { return [null, 'updated']; }"}
    shown = {"shows": functions, "lists": {"l": "function () {}"}, "updates": updates}
    views = {"v": {"map": "function (doc) {}"}, "lib": {"map": "x"}}
    await couch.rev("_design/full", {**shown, "views": views})
    await couch.rev("_design/empty", {})
    return couch


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("full/_view/v", 200, None),
        ("full/_view/nope", 404, "missing_named_view"),
        ("full/_view/lib", 404, "missing_named_view"),
        ("empty/_view/v", 404, "missing_named_view"),
        ("none/_view/v", 404, "missing"),
        ("full/_view", 405, "Only GET,POST,HEAD allowed"),
        ("full/_show/s", 200, None),
        ("full/_show/s/doc", 200, None),
        ("full/_show/nope/doc", 404, "missing json key: nope"),
        ("empty/_show/s", 404, "missing json key: shows"),
        ("full/_list/l/v", 200, None),
        ("full/_list/nope/v", 404, "missing json key: nope"),
        ("full/_list/l/nope", 404, "missing_named_view"),
        ("full/_list/l/empty/v", 404, "missing_named_view"),
        ("full/_list/l/none/v", 404, "missing"),
        ("empty/_list/l/v", 404, "missing json key: lists"),
        ("full/_rewrite/x", 404, "Invalid path."),
    ],
)
async def test_what_is_asked_for_has_to_be_there(
    designed: Couch, path: str, status: int, reason: str | None
) -> None:
    reply = await designed("GET", f"/_design/{path}")
    assert reply.status == status
    assert reason is None or reply.json["reason"] == reason


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("full/_view/v", 200),
        ("full/_view/nope", 404),
        ("full/_view/v/queries", 400),
        ("full/_view/nope/queries", 400),
        ("full/_update/u", 200),
        ("full/_update/u/doc", 200),
        ("full/_update/nope", 404),
        ("empty/_update/u", 404),
    ],
)
async def test_the_same_holds_for_post(designed: Couch, path: str, status: int) -> None:
    assert (await designed("POST", f"/_design/{path}", {})).status == status


async def test_an_update_function_has_to_be_there_before_its_methods_are_told(designed: Couch) -> None:
    assert (await designed("GET", "/_design/full/_update/nope")).status == 404
    assert (await designed("GET", "/_design/full/_update/u")).status == 405


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "/_design/full/_search/i?q=a", 503, "service unavailable"),
        ("POST", "/_design/full/_search/i", 503, "service unavailable"),
        ("GET", "/_design/full/_search_info/i", 503, "service unavailable"),
        ("GET", "/_design/full/_search", 400, "bad_request"),
        ("GET", "/_design/none/_search/i", 404, "not_found"),
        ("GET", "/_design/full/_nouveau/i", 404, "not_found"),
        ("GET", "/_design/full/_nouveau_info/i", 404, "not_found"),
        ("POST", "//_search_analyze", 503, "service unavailable"),
        ("POST", "//_nouveau_analyze", 404, "not_found"),
        ("POST", "/_search_cleanup", 503, "service unavailable"),
        ("POST", "/_nouveau_cleanup", 202, None),
    ],
)
async def test_searches_answer_as_without_their_service(
    designed: Couch, method: str, path: str, status: int, error: str | None
) -> None:
    reply = await designed(method, path, {} if method == "POST" else None)
    assert (reply.status, reply.json.get("error")) == (status, error)


async def test_functions_begin_anew_when_they_are_told_to(couch: Couch) -> None:
    counting = "function() { Array.seen = (Array.seen || 0) + 1; return String(Array.seen); }"
    await couch.rev("_design/d", {"shows": {"f": counting}})
    address = "/_design/d/_show/f"
    assert [(await couch("GET", address)).body for _ in range(2)] == [b"1", b"2"]
    assert (await couch("POST", "//_reload_query_servers", {})).json == {"ok": True}
    assert (await couch("GET", address)).body == b"1"
    assert (
        await couch("POST", "//_reload_query_servers", {}, headers={"Authorization": "anna"})
    ).status == 401


DEEP = "(function () { var v = 1; for (var i = 0; i < 1300; i++) v = [v]; return v; })()"


@pytest.mark.parametrize(("value", "shown"), [("1e300", b"1e+300"), (DEEP, b"[[")])
async def test_a_bulk_tells_whatever_was_thrown_as_one_document_does(
    couch: Couch, value: str, shown: bytes
) -> None:
    rule = f"function (doc) {{ if (doc.bad) throw({{forbidden: {value}}}); }}"
    await couch.rev("_design/rule", {"validate_doc_update": rule})
    alone = await couch("PUT", "/bad", {"bad": 1})
    reply = await couch("POST", "/_bulk_docs", {"docs": [{"_id": "bad", "bad": 1}, {"_id": "good"}]})
    assert (alone.status, reply.status) == (403, 201)
    assert shown in alone.body
    reason = alone.body.partition(b'"reason":')[2].rstrip()[:-1]
    assert reason in reply.body
    assert (await couch("GET", "/good")).status == 200
