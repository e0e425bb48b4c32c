"""Rewrites over HTTP: a request goes on for the same person, whatever a design document says."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from couchreg.http.couch.design import rewriting
from couchreg.http.couch.frame import request_object
from tests.http.couch.conftest import Couch

SHOW = (
    "function(doc, req) { return {json: {id: doc && doc._id, q: req.query, b: req.body, h: req.headers}}; }"
)
ANNA = {"Authorization": "anna"}


@pytest.fixture
async def designed(couch: Couch) -> Couch:
    rules = [
        {"from": "/doc/:id", "to": "../../:id"},
        {"from": "/s/:id", "to": "_show/f/:id", "query": {"key": [":id"]}},
        {"from": "/loop/*", "to": "_rewrite/loop/*"},
        {"from": "/twice/:id", "to": "_rewrite/doc/:id"},
        {"from": "/up", "to": "../../../_up", "method": "TRACE"},
    ]
    await couch.rev("_design/r", {"rewrites": rules[:-1], "shows": {"f": SHOW}})
    await couch.rev("_design/far", {"rewrites": [rules[-1]]})
    source = "function(req) { return req.query.say ? JSON.parse(req.query.say) : null; }"
    await couch.rev("_design/f", {"rewrites": source, "shows": {"f": SHOW}})
    await couch.rev("a", {"n": 1})
    return couch


def saying(**answer: Any) -> str:
    return "/_design/f/_rewrite/x?say=" + quote(json.dumps(answer))


async def test_rules_lead_to_documents_and_functions(designed: Couch) -> None:
    assert (await designed("GET", "/_design/r/_rewrite/doc/a")).json["n"] == 1
    shown = (await designed("GET", "/_design/r/_rewrite/s/a?x=y%20z")).json
    assert (shown["id"], shown["q"]) == ("a", {"key": ["a"], "x": "y z", "id": "a"})
    written = await designed("PUT", "/_design/r/_rewrite/doc/b", {"n": 2})
    assert written.status == 201
    assert (await designed("GET", "/b")).json["n"] == 2
    assert (await designed("GET", "/_design/r/_rewrite/twice/b")).json["n"] == 2


async def test_rewrites_of_rewrites_end(designed: Couch) -> None:
    reply = await designed("GET", "/_design/r/_rewrite/loop/a")
    assert (reply.status, reply.json["reason"]) == (400, "Exceeded rewrite recursion limit")
    await designed.store.set_config("chttpd", "rewrite_limit", "1")
    assert (await designed("GET", "/_design/r/_rewrite/twice/b")).status == 400
    assert (await designed("GET", "/_design/r/_rewrite/doc/a")).status == 200


async def test_rules_stay_in_their_database(designed: Couch) -> None:
    reply = await designed("GET", "/_design/far/_rewrite/up")
    assert (reply.status, reply.json["error"]) == (500, "insecure_rewrite_rule")
    await designed.store.set_config("chttpd", "secure_rewrites", "false")
    assert (await designed("GET", "/_design/far/_rewrite/up")).json["reason"] == "missing"


async def test_functions_say_path_method_headers_query_and_body(designed: Couch) -> None:
    say = saying(path="_show/f", method="POST", query={"a&b": "c="}, headers={"X-Own": "1"}, body="né")
    shown = (await designed("GET", say)).json
    assert (shown["q"], shown["b"]) == ({"a&b": "c="}, "né")
    assert (shown["h"]["X-Own"], shown["h"]["Content-Length"]) == ("1", "3")
    kept = await designed("POST", saying(path="_show/f?z=1"), {"a": 1})
    assert json.loads(kept.json["b"]) == {"a": 1}
    assert kept.json["q"]["z"] == "1"
    assert (await designed("GET", saying(path="../../_all_docs", query={"limit": "1"}))).json[
        "total_rows"
    ] == 4
    own = await designed("GET", saying(code=418, headers={"X-Own": "y"}, body="short and stout"))
    assert (own.status, own.headers["X-Own"], own.body) == (418, "y", b"short and stout")
    assert (await designed("GET", "/_design/f/_rewrite/x")).json["error"] == "rewrite_error"


async def test_a_rewrite_gives_no_right(designed: Couch) -> None:
    """The function's headers cannot say who sends the request, and where it goes is decided anew."""
    await (await designed.store.open("db")).set_setting("security", {"members": {"names": ["anna"]}})
    for headers in (
        {},
        {"Authorization": "admin"},
        {"X-Auth-CouchDB-UserName": "admin"},
        {"Cookie": "AuthSession=x"},
    ):
        refused = await designed("GET", saying(path="../../../_all_dbs", headers=headers), headers=ANNA)
        assert refused.status == 401, headers
        design = saying(path="../../_design/new", method="PUT", body="{}", headers=headers)
        assert (await designed("PUT", design, {}, headers=ANNA)).status == 403, headers
    assert (await designed("GET", "/_design/r/_rewrite/doc/a", headers=ANNA)).status == 200
    assert (
        await designed("GET", "/_design/r/_rewrite/doc/a", headers={"Authorization": "eve"})
    ).status == 403
    assert (
        await designed("GET", "/_design/r/_rewrite/doc/a", headers={"Authorization": "nobody"})
    ).status == 401


async def test_a_function_writes_nothing_elsewhere_in_the_name_of_others(designed: Couch) -> None:
    for path in ("../../../other", "../../../_users/x", "../../../_node/_local/_config/a/b"):
        reply = await designed("GET", saying(path=path, method="PUT", body='"x"'))
        assert (reply.status, reply.json["error"]) == (403, "insecure_rewrite_rule"), path
    assert (await designed("GET", "//other")).status == 404
    assert (await designed("GET", saying(path="../../../_up"))).json["status"] == "ok"
    assert (await designed("GET", saying(path="../../c", method="PUT", body="{}"))).status == 201


async def test_a_head_stays_one_and_the_connection_in_step(designed: Couch) -> None:
    head = await designed("HEAD", saying(path="../../_all_docs", method="GET"))
    assert (head.status, head.body) == (200, b"")
    assert (await designed("HEAD", saying(path="_show/f", method="POST", body="x"))).status == 400
    assert (await designed("GET", saying(path="../../a", method="HEAD"))).json["n"] == 1
    await designed.rev(
        "_design/big", {"rewrites": "function(req) { return {path: '../../_up', method: 'GET'}; }"}
    )
    for _ in range(2):
        reply = await designed("POST", "/_design/big/_rewrite", {"x": "y" * 900_000})
        assert reply.status == 404
    assert (await designed("GET", "/a")).status == 200


@pytest.mark.parametrize(
    "source", ["function(req) { while (true) {} }", "function(req) { throw('no'); }", "5"]
)
async def test_functions_that_give_nothing(designed: Couch, source: str) -> None:
    await designed.store.set_config("couchdb", "os_process_timeout", "200")
    await designed.rev("_design/bad", {"rewrites": source})
    reply = await designed("GET", "/_design/bad/_rewrite/x")
    assert reply.json["error"] in ("os_process_error", "rewrite_error", "compilation_error")


async def test_other_languages_are_said_to_be_unknown(couch: Couch) -> None:
    views = {"v": {"map": "(doc) -> emit 1"}}
    functions = {"f": "x"}
    for language in ("erlang", "coffeescript"):
        members = {
            "views": views,
            "lists": functions,
            "shows": functions,
            "filters": functions,
            "rewrites": "x",
        }
        await couch.rev(f"_design/{language}", {"language": language, **members})
        for path in ("_view/v", "_list/f/v", "_show/f", "_rewrite/x"):
            reply = await couch("GET", f"/_design/{language}/{path}")
            assert (reply.status, reply.json["error"]) == (500, "unknown_query_language"), path
            assert reply.json["reason"] == language
        assert (await couch("GET", f"/_changes?filter={language}/f")).json[
            "error"
        ] == "unknown_query_language"


async def test_functions_are_given_bodies_of_some_length(
    designed: Couch, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (rewriting, request_object):
        monkeypatch.setattr(module, "LARGEST", 100)
    long = {"x": "y" * 200}
    assert (await designed("POST", saying(path="_show/f"), long)).status == 413
    assert (await designed("POST", "/_design/r/_show/f", long)).status == 413
    assert (await designed("PUT", "/_design/r/_rewrite/doc/long", long)).status == 201
