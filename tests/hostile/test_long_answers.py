"""What functions of design documents make of what they are given may be long: it is theirs alone to wait for.

Whoever may write to a database may ask its functions about bodies of 16 MB, and JSON makes several times as
much of a text of quotes.
"""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.attacking import Attack, allowed, attacking
from tests.hostile.content import sent
from tests.hostile.sending import Request
from tests.processes import Server, running

QUOTES = b'"' * (4 << 20)
VALUES = 400_000
SOME = QUOTES[: 1 << 20]  # of what is only thrown away, which is enough to be seen if it is not
DESIGN = {
    "_id": "_design/d",
    "shows": {
        "whole": "function(doc, req) { return JSON.stringify([doc, req]); }",
        "json": "function(doc, req) { return {json: {body: req.body}}; }",
        "values": f"function(doc, req) {{ return {{json: new Array({VALUES}).fill([0])}}; }}",
        "base64": "function(doc, req) { return {base64: req.body}; }",
        "thrown": "function(doc, req) { throw req.body; }",
        "thrown_pair": "function(doc, req) { throw ['error', 'long', req.body]; }",
        "thrown_object": "function(doc, req) { throw {error: 'long', reason: [req.body]}; }",
        "word": "function(doc, req) { throw ['error', req.body, 'long']; }",
        "headers": "function(doc, req) { return {headers: {'X-Long': req.body}, body: ''}; }",
        "beside": "function(doc, req) { return {body: '', beside: req.body}; }",
        "code": "function(doc, req) { return {code: req.body}; }",
    },
    "updates": {
        "answer": "function(doc, req) { return [null, JSON.stringify(req)]; }",
        "document": "function(doc, req) { return [{_id: 'x', text: [req.body, req.body]}, 'ok']; }",
        "values": f"function(doc, req) {{ return [{{_id: 'x', v: new Array({VALUES}).fill([0])}}, 'ok']; }}",
    },
    "filters": {"thrown": "function(doc, req) { throw new Array(4 << 20).fill('\"').join(''); }"},
    "lists": {
        "one": "function(head, req) { send(new Array(4 << 20).join('\"')); return 'end'; }",
        "head": "function() { start({headers: {'X-Long': new Array(1 << 21).join('\"')}}); return ''; }",
        "thrown": "function(head, req) { throw new Array(4 << 20).join('\"'); }",
    },
    "views": {
        "long": {
            "map": "function(doc) { if (doc.long) emit(doc._id, doc.long); }",
            "reduce": "function(keys, values, again) { return values.join('').slice(0, 12 << 20); }",
        },
        "broken": {
            "map": "function(doc) { if (doc.long) emit(doc._id, doc.long); }",
            "reduce": "function(keys, values) { throw ['fatal', 'long', values.join('')]; }",
        },
    },
}
REWRITES = {
    "answer": "function(req) { return {code: 200, body: JSON.stringify(req)}; }",
    "path": "function(req) { return {path: req.body}; }",
    "headers": "function(req) { return {path: '../../', headers: {a: req.body}}; }",
    "thrown": "function(req) { throw req.body; }",
}
VALIDATING = "function(doc) { if (doc.bad) throw {forbidden: doc.bad}; }"
CALLS: dict[str, tuple[str, str, bytes]] = {
    **{f"show {name}": ("PUT", f"/open/_design/d/_show/{name}", SOME) for name in DESIGN["shows"]},
    "show whole": ("PUT", "/open/_design/d/_show/whole", QUOTES),
    "show json": ("PUT", "/open/_design/d/_show/json", QUOTES),
    "show thrown": ("PUT", "/open/_design/d/_show/thrown", QUOTES),
    "show base64": ("PUT", "/open/_design/d/_show/base64", base64.b64encode(bytes(6 << 20))),
    **{f"update {name}": ("POST", f"/open/_design/d/_update/{name}", QUOTES) for name in DESIGN["updates"]},
    **{
        f"list {name}": ("GET", f"/open/_design/d/_list/{name}/long?reduce=false", b"")
        for name in DESIGN["lists"]
    },
    **{f"rewrite {name}": ("PUT", f"/open/_design/{name}/_rewrite/x", QUOTES) for name in REWRITES},
    "filter": ("GET", "/open/_changes?filter=d/thrown", b""),
    "reduce": ("GET", "/open/_design/d/_view/long", b""),
    "reduce that throws": ("GET", "/open/_design/d/_view/broken", b""),
    "validate": ("PUT", "/ruled/x", json.dumps({"bad": QUOTES[: 3 << 20].decode()}).encode()),
    "validate a bulk": (
        "POST",
        "/ruled/_bulk_docs",
        json.dumps({"docs": [{"bad": QUOTES[:20_000].decode()}] * 100}).encode(),
    ),
}
ANSWERED = (
    "show whole",
    "show json",
    "show values",
    "show base64",
    "show beside",
    "update answer",
    "list one",
)
STATUSES = dict.fromkeys(CALLS, 500) | dict.fromkeys((*ANSWERED, "rewrite answer", "reduce"), 200)
STATUSES |= {"update document": 413, "update values": 413, "validate": 403, "validate a bulk": 201}


def _open(server: Server) -> None:
    for name in ("open", "ruled"):
        sent(server, "PUT", f"{server.couch_url}/{name}", None)
        sent(server, "PUT", f"{server.couch_url}/{name}/_security", {"members": {"roles": [], "names": []}})
    docs: list[dict[str, Any]] = [
        {"_id": f"d{number}", "long": QUOTES[: 2 << 20].decode()} for number in range(3)
    ]
    rewriting = [{"_id": f"_design/{name}", "rewrites": source} for name, source in REWRITES.items()]
    sent(server, "POST", f"{server.couch_url}/open/_bulk_docs", {"docs": [DESIGN, *rewriting, *docs]})
    rule = {"_id": "_design/r", "validate_doc_update": VALIDATING}
    sent(server, "PUT", f"{server.couch_url}/ruled/_design/r", rule)


@pytest.fixture(scope="module")
def attack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attack]:
    data: Path = tmp_path_factory.mktemp("long") / "data"
    with running(data, "--validation", "off") as server:
        _open(server)
        with attacking(server) as made:
            yield made


def _request(method: str, target: str, body: bytes) -> Request:
    lines = [f"{method} {target} HTTP/1.1", "Host: x", "Content-Type: application/json"]
    lines += [f"Content-Length: {len(body)}", "Connection: close"]
    return Request("couch", ("\r\n".join(lines) + "\r\n\r\n").encode(), body)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("call", CALLS)
def test_nobody_waits_for_what_functions_make(attack: Attack, call: str) -> None:
    method, target, body = CALLS[call]
    attack.statuses.clear()
    cost = attack.confirmed([_request(method, target, body)])
    assert set(attack.statuses) == {STATUSES[call]}
    assert cost is None, f"others waited {cost.wait:.3f} s of {allowed():.3f} s, {cost.memory >> 20} MiB"
    assert "Traceback" not in attack.log.read_text()
