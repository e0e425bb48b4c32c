"""Validation, filters, shows and updates over HTTP, where the record of CouchDB does not look."""

import asyncio
import json
from typing import Any

import pytest

from tests.http.couch.conftest import Couch


async def put_design(couch: Couch, **members: Any) -> None:
    assert (await couch("PUT", "/_design/d", members)).status == 201


REFUSES_BAD = "function(doc) { if (doc.bad) { throw({forbidden: 'bad'}); } }"


async def test_a_replicated_edit_sees_the_nearest_revision_that_is_here(couch: Couch) -> None:
    await couch.graft({"_id": "a", "_rev": "1-aa", "v": 1})
    source = "function(doc, old) { throw({forbidden: JSON.stringify([old && old.v, doc._revisions])}); }"
    await put_design(couch, validate_doc_update=source)
    docs = [
        {"_id": "a", "_rev": "3-cc", "_revisions": {"start": 3, "ids": ["cc", "bb", "aa"]}},
        {"_id": "a", "_rev": "1-aa", "v": 1},
        {"_id": "b", "_rev": "2-bb", "_revisions": {"start": 2, "ids": ["bb", "aa"]}},
    ]
    reply = await couch("POST", "/_bulk_docs", {"new_edits": False, "docs": docs})
    refused = {row["id"]: (row["error"], json.loads(row["reason"])) for row in reply.json}
    assert refused == {
        "a": ("forbidden", [1, {"start": 3, "ids": ["cc", "bb", "aa"]}]),
        "b": ("forbidden", [None, {"start": 2, "ids": ["bb", "aa"]}]),
    }
    assert (await couch("GET", "/a")).json["_rev"] == "1-aa"


async def test_every_way_in_is_validated(couch: Couch) -> None:
    good = await couch.rev("good", {"a": 1})
    await put_design(couch, validate_doc_update=REFUSES_BAD)
    ways = [
        await couch("PUT", "/a", {"bad": 1}),
        await couch("POST", "", {"bad": 1}),
        await couch("PUT", "/a?new_edits=false", {"_rev": "1-aa", "bad": 1}),
        await couch("PUT", "/good", {"_rev": good, "bad": 1}),
    ]
    assert [reply.status for reply in ways] == [403] * 4
    bulk = await couch("POST", "/_bulk_docs", {"docs": [{"_id": "b", "bad": 1}, {"_id": "c"}]})
    assert [row.get("error") for row in bulk.json] == ["forbidden", None]
    assert [row["id"] for row in (await couch("GET", "/_all_docs")).json["rows"]] == [
        "_design/d",
        "c",
        "good",
    ]


async def test_local_and_design_documents_are_not_asked_about(couch: Couch) -> None:
    await put_design(couch, validate_doc_update="function() { throw({forbidden: 'nothing'}); }")
    assert (await couch("PUT", "/_local/x", {})).status == 201
    assert (await couch("PUT", "/_design/e", {})).status == 201
    assert (await couch("PUT", "/x", {})).status == 403


async def test_a_function_that_does_not_end_refuses(couch: Couch) -> None:
    await couch.store.set_config("couchdb", "os_process_timeout", "500")
    await put_design(couch, validate_doc_update="function() { while (true) {} }")
    reply = await couch("PUT", "/x", {})
    assert (reply.status, reply.json["error"]) == (500, "os_process_error")
    assert (await couch("GET", "/x")).status == 404


async def test_attachments_that_are_kept_are_shown(couch: Couch) -> None:
    data = {"f.txt": {"content_type": "image/png", "data": "eA=="}}
    rev = await couch.rev("a", {"_attachments": data})
    shown = "Object.keys(doc._attachments).join() + doc._attachments['f.txt'].length"
    source = f"function(doc) {{ throw({{forbidden: {shown}}}); }}"
    await put_design(couch, validate_doc_update=source)
    stub = {"f.txt": {"stub": True}}
    reply = await couch("PUT", "/a", {"_rev": rev, "_attachments": stub})
    assert reply.json == {"error": "forbidden", "reason": "f.txt1"}


async def test_a_database_that_is_made_again_has_forgotten(couch: Couch) -> None:
    await put_design(couch, validate_doc_update=REFUSES_BAD)
    assert (await couch("PUT", "/a", {"bad": 1})).status == 403
    assert (await couch("DELETE", "")).status == 200
    assert (await couch("PUT", "")).status == 201
    assert (await couch("PUT", "/a", {"bad": 1})).status == 201


async def test_a_design_document_that_is_purged_validates_no_more(couch: Couch) -> None:
    rev = (await couch("PUT", "/_design/d", {"validate_doc_update": REFUSES_BAD})).json["rev"]
    assert (await couch("PUT", "/a", {"bad": 1})).status == 403
    assert (await couch("POST", "/_purge", {"_design/d": [rev]})).status == 201
    assert (await couch("PUT", "/a", {"bad": 1})).status == 201


async def test_filters_see_every_leaf_and_many_documents(couch: Couch) -> None:
    await put_design(
        couch,
        filters={"even": "function(doc, req) { return doc.n % 2 == req.query.rest; }"},
        views={"v": {"map": "function(doc) { if (doc.n > 247) { emit(doc.n); emit(1); } }"}},
    )
    docs = [{"_id": f"{number:04}", "n": number} for number in range(250)]
    await couch("POST", "/_bulk_docs", {"docs": docs})
    await couch.graft(
        {"_id": "0001", "_rev": "2-bb", "n": 2, "_revisions": {"start": 2, "ids": ["bb", "zz"]}}
    )
    every = await couch("GET", "/_changes?filter=d/even&rest=0&style=all_docs&include_docs=true")
    found = {row["id"]: len(row["changes"]) for row in every.json["results"]}
    assert (len(found), found["0001"], found["0248"]) == (126, 1, 1)
    shown = await couch("GET", "/_changes?filter=_view&view=d/v")
    assert [row["id"] for row in shown.json["results"]] == ["0248", "0249"]
    two = await couch("GET", "/_changes?filter=d/even&rest=0&limit=2")
    assert len(two.json["results"]) == 2


async def test_functions_are_not_given_what_proves_who_asks(couch: Couch) -> None:
    await put_design(
        couch,
        shows={"f": "function(doc, req) { return {json: [req.headers, req.cookie, req.userCtx.name]}; }"},
    )
    headers = {"Authorization": "anna", "Cookie": "AuthSession=secret; other=1"}
    reply = await couch("GET", "/_design/d/_show/f", headers=headers)
    sent, cookie, name = reply.json
    assert (cookie, name) == ({"other": "1"}, "anna")
    assert "secret" not in reply.body.decode()
    assert "Authorization" not in sent


async def test_an_update_function_writes_what_its_user_may_write(couch: Couch) -> None:
    source = "function(doc, req) { return [{_id: req.query.id, a: 1}, 'ok']; }"
    await put_design(couch, updates={"f": source}, validate_doc_update=REFUSES_BAD)
    url = "/_design/d/_update/f?id="
    assert (await couch("POST", url + "x")).status == 201
    refused = await couch("POST", url + "_design/evil", headers={"Authorization": "anna"})
    assert refused.status in (401, 403)
    assert (await couch("POST", url + "_odd")).status == 400
    assert (await couch("POST", url)).status == 400
    reply = await couch("POST", url + "y")
    assert reply.headers["X-Couch-Update-NewRev"] == (await couch("GET", "/y")).json["_rev"]


async def test_functions_are_given_the_winner_whatever_revision_is_asked_for(couch: Couch) -> None:
    given = "function(doc, req) { return %s; }"
    await put_design(
        couch,
        shows={"f": given % "String(doc.a) + req.query.rev"},
        updates={"f": given % "[null, String(doc.a) + req.query.rev]"},
    )
    old = await couch.rev("doc", {"a": 1})
    await couch.rev("doc", {"a": 2}, old)
    for rev in (old, "x", '["1-a"]', "1-x", "-", "%ff"):
        for method, kind in (("GET", "show"), ("POST", "update")):
            reply = await couch(method, f"/_design/d/_{kind}/f/doc?rev={rev}")
            assert reply.status in ((200, 201) if rev != "%ff" else (200, 201, 400)), (rev, reply.body)
            assert rev == "%ff" or reply.body.decode() == f"2{rev}"


async def test_ids_are_headers_whatever_they_are(couch: Couch) -> None:
    source = "function(doc, req) { return [{_id: req.query.id}, 'ok']; }"
    await put_design(couch, updates={"u": source})
    for given, told in (
        ("a%0D%0Ab", "a%0D%0Ab"),
        ("%C3%A4%2F%20x", "%C3%A4%2F%20x"),
        ("a:b-c_d.e", "a:b-c_d.e"),
    ):
        reply = await couch("POST", f"/_design/d/_update/u?id={given}")
        assert (reply.status, reply.headers["X-Couch-Id"]) == (201, told)


async def test_types_that_functions_offer_stay_types(couch: Couch) -> None:
    offered = "registerType('xx', 'text/x\\r\\nSet-Cookie: a=b'); provides('xx', function() { return 'x'; });"
    await put_design(couch, shows={"f": f"function() {{ {offered} }}"})
    reply = await couch("GET", "/_design/d/_show/f?format=xx")
    assert (reply.status, reply.json["error"], "Set-Cookie" in reply.headers) == (500, "render_error", False)


async def test_functions_that_break_what_they_log_fail_for_themselves(couch: Couch) -> None:
    broken = "Array.prototype.toJSON = function() { return 3; }; log('x'); return {base64: 'ä'};"
    await put_design(
        couch, shows={"f": f"function() {{ {broken} }}", "g": "function() { return {base64: 'ä'}; }"}
    )
    assert (await couch("GET", "/_design/d/_show/f")).status == 500
    reply = await couch("GET", "/_design/d/_show/g")
    assert (reply.status, reply.json["error"]) == (500, "render_error")


async def test_a_show_has_a_tag_for_every_method(couch: Couch) -> None:
    await put_design(couch, shows={"f": "function(doc, req) { return 'x'; }"})
    for method in ("GET", "POST", "PUT", "DELETE"):
        reply = await couch(method, "/_design/d/_show/f")
        again = await couch(method, "/_design/d/_show/f", headers={"If-None-Match": reply.headers["ETag"]})
        assert (reply.status, again.status, again.body) == (200, 304, b"")


@pytest.mark.parametrize("made", ["5", "[1]", "true"])
async def test_a_show_of_no_document_that_shows_nothing_says_what_is_missing(couch: Couch, made: str) -> None:
    await put_design(couch, shows={"f": f"function(doc, req) {{ return {made}; }}"})
    await couch.rev("there", {})
    told = {}
    for doc_id in ("there", "missing"):
        reply = await couch("GET", f"/_design/d/_show/f/{doc_id}")
        told[doc_id] = (reply.status, reply.json["error"])
    assert told == {"there": (500, "render_error"), "missing": (404, "not_found")}


async def test_where_functions_lead_is_left_as_they_say(couch: Couch) -> None:
    made = "{code: 302, headers: {Location: '/x/y?z=1'}, body: ''}"
    updates = {"f": f"function(doc, req) {{ return [null, {made}]; }}"}
    await put_design(couch, shows={"f": f"function(doc, req) {{ return {made}; }}"}, updates=updates)
    for method, kind in (("GET", "_show"), ("POST", "_update")):
        reply = await couch(method, f"/_design/d/{kind}/f")
        assert (reply.status, reply.headers["Location"]) == (302, "/x/y?z=1")


async def test_headers_that_functions_set_stay_headers(couch: Couch) -> None:
    source = "function(doc, req) { return {body: 'x', headers: {'X-A': 'a\\r\\nSet-Cookie: b=1'}}; }"
    await put_design(couch, shows={"f": source})
    reply = await couch("GET", "/_design/d/_show/f")
    assert (reply.status, reply.json["error"]) == (500, "render_error")


async def test_a_show_may_send_as_lists_do(couch: Couch) -> None:
    returned = "{headers: {'X-C': 'd'}, body: 'you'}"
    shows = {
        "plain": f"function() {{ start({{'X-A': 'b'}}); send('Hey '); return {returned}; }}",
        "offered": "function() { provides('text', function() { send('a, '); send('b'); }); }",
        "this": "function() { return String(this === undefined) + this.note; }",
    }
    await put_design(couch, shows=shows, note="!")
    plain = await couch("GET", "/_design/d/_show/plain")
    assert (plain.body, plain.headers["X-A"], plain.headers["X-C"]) == (b"Hey you", "b", "d")
    assert (await couch("GET", "/_design/d/_show/offered?format=text")).body == b"a, b"
    assert (await couch("GET", "/_design/d/_show/this")).body == b"false!"


async def test_a_request_without_a_body_is_no_mistake(couch: Couch) -> None:
    await put_design(couch, updates={"u": "function(doc, req) { return [null, toJSON(req.body)]; }"})
    for length, told in ((b"", b'"undefined"'), (b"Content-Length: 0\r\n", b'""')):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(couch.url.rpartition(":")[2]))
        line = b"POST /db/_design/d/_update/u HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        writer.write(line + length + b"\r\n")
        assert (await reader.read()).endswith(told)
        writer.close()
        await writer.wait_closed()


async def test_users_call_functions_that_they_may_not_read_on_what_they_may(couch: Couch) -> None:
    """Whether somebody else is there is not told, and a function is not shown it as missing."""
    await couch.store.create("_users")
    await (await couch.store.open("_users")).set_setting("security", {})
    design = {
        "shows": {"name": "function(doc) { return doc.name; }", "any": "function() { return 'called'; }"},
        "updates": {"made": "function(doc, req) { return [null, JSON.stringify(doc)]; }"},
    }
    assert (await couch("PUT", "//_users/_design/d", design)).status == 201
    for name in ("anna", "bob"):
        body = {"name": name, "type": "user", "roles": [], "password": "secret"}
        assert (await couch("PUT", f"//_users/org.couchdb.user:{name}", body)).status == 201
    anna = {"Authorization": "anna"}
    own = await couch("GET", "//_users/_design/d/_show/name/org.couchdb.user:anna", headers=anna)
    assert (own.status, own.body) == (200, b"anna")
    for other in ("bob", "nobody"):
        for way in ("_show/any", "_update/made"):
            method = "GET" if way.startswith("_show") else "PUT"
            path = f"//_users/_design/d/{way}/org.couchdb.user:{other}"
            reply = await couch(method, path, headers=anna)
            assert (reply.status, reply.json["reason"]) == (404, "missing")
    assert (await couch("GET", "//_users/_design/d", headers=anna)).status == 403
    assert (await couch("GET", "//_users/_design/d/_view/x", headers=anna)).status == 403


COOKIES = {
    "a=1; b=2;c = 3": {"a": "1", "b": "2", "c": "3"},
    'a="x \\"y\\" z"; b=""; c="': {"a": 'x "y" z', "b": "", "c": '"'},
    "a=1; nothing; =2; a=3=4": {"a": "3=4"},
    "$Version=1; a=1; $Path=/": {"a": "1"},
    "couchreg=login; a=1; __Host-couchreg=login; couchreg-form=x; __Host-couchreg-form=y": {"a": "1"},
    "x" + "=" * 8000 + '"': {"x": "=" * 7999 + '"'},
}


@pytest.mark.parametrize(("header", "wanted"), COOKIES.items(), ids=range(len(COOKIES)))
async def test_cookies_that_functions_are_given(couch: Couch, header: str, wanted: dict[str, str]) -> None:
    await put_design(couch, shows={"f": "function(doc, req) { return {json: req.cookie}; }"})
    assert (await couch("GET", "/_design/d/_show/f", headers={"Cookie": header})).json == wanted


async def test_forms_that_functions_are_given(couch: Couch) -> None:
    """However large they are; and there is an end to how many fields one may have."""
    await put_design(couch, updates={"f": "function(doc, req) { return [null, {json: req.form}]; }"})

    async def sent(form: str) -> Any:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return await couch("POST", "/_design/d/_update/f", data=form.encode(), headers=headers)

    assert (await sent("a=1&b=%C3%A9+x")).json == {"a": "1", "b": "é x"}
    assert (await sent("a=" + "x" * 200_000)).json == {"a": "x" * 200_000}
    many = await sent("&".join(f"f{number}=" for number in range(10_001)))
    assert (many.status, "at most 10000 fields" in many.json["reason"]) == (400, True)
