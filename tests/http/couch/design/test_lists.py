"""List functions over HTTP, where the record of CouchDB does not look."""

import asyncio
import json
import os
import signal
from functools import partial
from typing import Any
from urllib.parse import quote

import pytest

from couchreg.designdocs.functions import Design, Functions
from couchreg.designdocs.javascript import contexts
from tests.designdocs.test_functions import HOSTILE
from tests.http.couch.conftest import Couch

JSON = {"Content-Type": "application/json"}
EVERY = {"views": {"v": {"map": "function(doc) { emit(doc.n, doc._id); }", "reduce": "_count"}}}
LISTED = "/_design/d/_list/f/v?reduce=false"


async def put_list(couch: Couch, source: str, **members: Any) -> None:
    design = {"_id": "_design/d", **EVERY, "lists": {"f": source}, **members}
    [reply] = (await couch("POST", "/_bulk_docs", {"docs": [design]})).json
    assert "rev" in reply, reply


async def put_docs(couch: Couch, count: int, **members: Any) -> None:
    docs = [{"_id": f"{number:05}", "n": number, **members} for number in range(count)]
    assert (await couch("POST", "/_bulk_docs", {"docs": docs})).status == 201


SUMMING = """function(head, req) {
  start({headers: {"Content-Type": "text/plain"}});
  var row, count = 0, last = null;
  send(head.total_rows + "\\n");
  while (row = getRow()) { count++; last = row; send(row.key + ","); }
  return "\\n" + toJSON([count, last, getRow()]);
}"""


async def test_a_list_gets_many_rows_and_says_much(couch: Couch) -> None:
    await put_docs(couch, 2500)
    await put_list(couch, SUMMING)
    reply = await couch("GET", LISTED)
    head, keys, tail = reply.body.decode().split("\n")
    assert (reply.status, reply.headers["Content-Type"], head) == (200, "text/plain", "2500")
    assert keys == "".join(f"{number}," for number in range(2500))
    assert json.loads(tail) == [2500, {"id": "02499", "key": 2499, "value": "02499"}, None]


async def test_documents_come_with_their_rows_whatever_they_hold(couch: Couch) -> None:
    spread = b'{\r\n "n": 1,\r\n "t": "a\\r\\nb, [\\r\\n]}" }'
    assert (await couch("PUT", "/odd", data=spread, headers=JSON)).status == 201
    await put_docs(couch, 3, t="x" * 300_000)
    await put_list(couch, "function() { var row; while (row = getRow()) { send(row.doc.t.length + ' '); } }")
    reply = await couch("GET", LISTED + "&include_docs=true&key=1")
    assert sorted(reply.body.decode().split()) == ["11", "300000"]
    assert (await couch("GET", LISTED + "&include_docs=true")).body.decode().split().count("300000") == 3


async def test_reduced_rows_and_all_docs_are_listed_too(couch: Couch) -> None:
    await put_docs(couch, 3)
    await put_list(couch, "function(head) { return toJSON([head, getRow(), getRow()]); }")
    reduced = await couch("GET", "/_design/d/_list/f/v")
    assert reduced.json == [{}, {"key": None, "value": 3}, None]
    every = await couch("GET", "/_design/d/_list/f/_all_docs?startkey=%2200001%22&limit=1")
    assert every.json[0]["total_rows"] == 4
    assert every.json[1]["id"] == "00001"
    posted = await couch("POST", "/_design/d/_list/f/v?group=true", {"keys": [2, 1]})
    assert posted.json[1:] == [{"key": 2, "value": 1}, {"key": 1, "value": 1}]


async def test_a_list_of_another_design_document_s_view(couch: Couch) -> None:
    await put_docs(couch, 2)
    await put_list(couch, "function() { getRow(); return getRow().value; }", views={})
    await couch.rev("_design/other", EVERY)
    assert (await couch("GET", "/_design/d/_list/f/other/v?reduce=false")).body == b"00001"
    assert (await couch("GET", "/_design/d/_list/f/other/v/more")).json["error"] == "list_error"


async def test_the_head_may_change_until_something_was_sent(couch: Couch) -> None:
    await put_docs(couch, 2)
    source = """function() {
      start({code: 201, headers: {"X-A": "1"}});
      getRow();
      start({code: 202, headers: {"X-B": "2"}});
      send("x");
      getRow();
      start({code: 203, headers: {"X-C": "3"}});
      return "y";
    }"""
    await put_list(couch, source)
    reply = await couch("GET", LISTED)
    assert (reply.status, reply.body) == (202, b"xy")
    assert (reply.headers.get("X-A"), reply.headers.get("X-B"), reply.headers.get("X-C")) == (None, "2", None)


async def test_a_list_may_end_before_its_view_does(couch: Couch) -> None:
    await put_docs(couch, 1000)
    await put_list(couch, "function() { return getRow().key + '.'; }")
    assert (await couch("GET", LISTED)).body == b"0."
    assert (await couch("HEAD", LISTED)).body == b""


async def test_an_error_comes_behind_what_went_out(couch: Couch) -> None:
    await put_docs(couch, 2)
    await put_list(couch, "function() { send('x'); getRow(); throw(['error', 'not_found', 'gone']); }")
    reply = await couch("GET", LISTED)
    sent, error = reply.body.decode().split("\n", 1)
    assert (reply.status, sent) == (200, "x")
    assert json.loads(error) == {"code": 404, "error": "not_found", "reason": "gone"}
    await put_list(couch, "function() { throw(['error', 'not_found', 'gone']); }", _rev=await revision(couch))
    assert (await couch("GET", LISTED)).status == 404


async def revision(couch: Couch) -> str:
    return str((await couch("GET", "/_design/d")).json["_rev"])


async def test_mistakes_in_the_query_come_first(couch: Couch) -> None:
    await put_list(couch, "function() { return 'x'; }")
    reply = await couch("GET", "/_design/d/_list/f/v?group=maybe")
    assert (reply.status, reply.json["error"]) == (400, "query_parse_error")
    assert (await couch("PUT", LISTED)).json["reason"] == "Only GET,POST,HEAD allowed"
    unread = await couch("POST", LISTED, data=b"{}", headers={"Content-Type": "text/plain"})
    assert unread.status == 415
    assert (await couch("GET", "/_design/d/_list/f/v?reduce=false&startkey=2&endkey=1")).status == 400


async def test_hostile_lists_fail_for_their_callers_alone(couch: Couch) -> None:
    await couch.store.set_config("couchdb", "os_process_timeout", "200")
    await put_docs(couch, 3)
    shows = {"s": "function() { return 'fine'; }"}
    await couch.rev("_design/d", {**EVERY, "lists": HOSTILE, "shows": shows})
    asked = [couch("GET", f"/_design/d/_list/{quote(name)}/v?reduce=false") for name in HOSTILE]
    *replies, other = await asyncio.gather(*asked, couch("GET", "/_design/d/_show/s"))
    assert {name for name, reply in zip(HOSTILE, replies, strict=True) if reply.status < 400} == set()
    assert other.body == b"fine"


ENDLESS = {
    "sending": "function() { getRow(); while (true) { send('x'); } }",
    "sending before the first row": "function() { while (true) { send('xxxxxxxxxxxxxxxx'); } }",
    "asking after the last row": "function() { while (true) { getRow(); } }",
    "after the first row": "function() { getRow(); while (true) {} }",
    "changing how it says things": """function() {
        Object.prototype.toJSON = function() { return 5; };
        Array.prototype.join = null;
        getRow();
    }""",
}


@pytest.mark.parametrize("source", ENDLESS.values(), ids=ENDLESS)
async def test_a_list_that_does_not_end_is_ended(couch: Couch, source: str) -> None:
    await couch.store.set_config("couchdb", "os_process_timeout", "200")
    await put_docs(couch, 3)
    await put_list(couch, source)
    reply = await couch("GET", LISTED)
    assert reply.status >= 400 or b"os_process_error" in reply.body[-200:]


async def test_lists_of_many_take_turns(couch: Couch) -> None:
    await put_docs(couch, 300)
    await put_list(couch, SUMMING)
    replies = await asyncio.gather(*[couch("GET", LISTED) for _ in range(contexts.TALKS * 3)])
    assert {len(reply.body) for reply in replies} == {len(replies[0].body)}


async def test_a_list_writes_no_callback(couch: Couch) -> None:
    await couch.store.set_config("chttpd", "allow_jsonp", "true")
    await put_list(couch, "function() { return '{}'; }")
    assert (await couch("GET", LISTED + "&callback=f")).body == b"{}"
    missing = await couch("GET", "/_design/d/_list/g/v?callback=f")
    assert missing.body.startswith(b"/* CouchDB */f(")


async def test_ids_that_no_document_has_are_rows_of_errors(couch: Couch) -> None:
    await put_docs(couch, 2)
    await put_list(
        couch, "function() { var row, out = []; while (row = getRow()) out.push(row); return toJSON(out); }"
    )
    wanted = {"keys": ["00001", "none", 'odd","error":"not_found"}']}
    rows = (await couch("POST", "/_design/d/_list/f/_all_docs", wanted)).json
    assert [row["id"] for row in rows] == ["00001", "error", "error"]
    assert rows[1:] == [{"id": "error", "key": key, "value": "not_found"} for key in wanted["keys"][1:]]


async def test_nothing_passes_from_one_list_to_the_next(couch: Couch) -> None:
    await put_list(
        couch, "function() { var had = ({}).leak; Object.prototype.leak = 1; return String(had); }"
    )
    for _ in range(contexts.READY + 3):
        assert (await couch("GET", LISTED)).body == b"undefined"


async def test_a_context_that_has_died_while_it_waited_is_replaced() -> None:
    every = contexts.Contexts(dict)
    functions = Functions(every)
    design = Design(
        "db", "_design/d", "1-a", json.dumps({"lists": {"f": "function() { return 'x'; }"}}).encode()
    )
    listing = partial(functions.listing, design, "f", "anna", head=b"{}", request=b"{}", rows=b"", last=True)
    try:
        for _ in range(3):
            async with listing() as talk:
                assert b"".join([text async for _, text in talk.parts()]) == b"x"
            assert every._readying is not None
            await every._readying
            assert len(every._ready) == contexts.READY
            for _, session in every._ready:
                os.kill(session._child.process, signal.SIGKILL)
    finally:
        await every.close()


@pytest.mark.parametrize("query", ["keys=[1]", "keys=[1,2]", "key=1&keys=[1,2]"])
async def test_a_list_of_keys_of_what_is_reduced_wants_groups(couch: Couch, query: str) -> None:
    """Of one key, too, where a view takes it for a range."""
    await put_docs(couch, 3)
    await put_list(couch, "function() { var row; while (row = getRow()) { send(toJSON(row)); } }")
    reply = await couch("GET", f"/_design/d/_list/f/v?{query}")
    assert (reply.status, reply.json["error"]) == (400, "query_parse_error")
    assert reply.json["reason"] == "Multi-key fetches for reduce views must use `group=true`"
    reply = await couch("GET", "/_design/d/_list/f/v?keys=[1]&group=true")
    assert (reply.status, reply.body) == (200, b'{"key":1,"value":1}')
