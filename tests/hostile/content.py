"""What a guest finds on the server: packages of which each way of showing them is as dear as it can be."""

import base64
import json
import time
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from tests.processes import Server

LEANING = 4  # long packages that need one another
MANY = 300  # resources of a package that has many


def _wide() -> dict[str, Any]:
    """A large context, and many resources that stand below it."""
    context = {f"term{number}": f"http://example.org/terms/{number}" for number in range(40_000)}
    resources = [{"name": f"r{number}", "data": [[1]], "@type": "term1"} for number in range(MANY)]
    return {"@context": context, "@type": ["term0"], "resources": resources}


def _rows() -> dict[str, Any]:
    """Rows of which each has a column of its own."""
    rows = [{f"c{number}": number} for number in range(12_000)]
    few = [{"a": number, "b": "x"} for number in range(2_000)]
    return {
        "resources": [
            {"name": "r0", "data": rows, "format": "csv"},
            {"name": "rows", "data": few, "format": "csv"},
        ]
    }


def _big() -> dict[str, Any]:
    """As large as a descriptor may be: numbers in lists, of which each is an object of its own."""
    data = [[number, number + 1] for number in range(700_000)]
    return {"title": "big", "resources": [{"name": "r0", "data": data}]}


def _leaning(number: int) -> Callable[[], dict[str, Any]]:
    """Long, and in need of others."""

    def make() -> dict[str, Any]:
        filler = [{"a": place} for place in range(300_000)]
        needs = {f"lean{other}": "^1" for other in range(LEANING) if other != number}
        return {"dataDependencies": needs, "resources": [{"name": "data", "data": filler}]}

    return make


def _texts() -> dict[str, Any]:
    """Long texts of the kinds that are taken apart, each nearly what it is not."""
    nearly = [" " * 16_000 + "<", "1.0" + "-1" * 8_000 + "!", "a@" * 8_000, "x-" * 8_000 + "\\", "(" * 16_000]
    nearly += ["http://" + "a." * 8_000 + "<", "2020-01-01T" + "0" * 16_000, "a\t," * 5_000, "_:" * 8_000]
    nearly += ["[" * 16_000, "#" * 16_000, "*_" * 8_000, "<a " * 5_000, "CC-BY-" * 2_500, "../" * 5_000]
    people = [{"title": text, "email": text, "path": text, "role": text} for text in nearly]
    return {
        "title": nearly[0],
        "description": "\n".join(nearly),
        "author": nearly,
        "contributors": [*nearly, *people],
        "license": nearly,
        "licenses": [{"name": text, "title": text} for text in nearly],
        "keywords": nearly,
        "sources": [{"title": text, "email": text} for text in nearly],
        "created": nearly[6],
        "homepage": nearly[5],
        "temporal": nearly[6] + "/" + nearly[6],
        "spatial": nearly,
        "@context": {"name": "http://schema.org/name", "about": {"@id": "http://schema.org/about"}},
        "@type": nearly[:8],
        "about": [{"@id": text} for text in nearly],
        "resources": [
            {
                "name": "r0",
                "data": [["a"], [1]],
                "format": "csv",
                "description": nearly[10],
                "@type": nearly[5],
            },
            {
                "name": "r1",
                "data": [{"a": text} for text in nearly],
                "title": nearly[0],
                "contributors": people,
            },
        ],
    }


def _small() -> dict[str, Any]:
    return {
        "title": "word",
        "description": "a" * 5000,
        "resources": [{"name": "words", "data": [["a"], [1]]}],
    }


MADE: Mapping[str, Callable[[], dict[str, Any]]] = {
    "wide": _wide,
    "rows": _rows,
    "big": _big,
    "texts": _texts,
    "small": _small,
    **{f"lean{number}": _leaning(number) for number in range(LEANING)},
}
PACKAGES = list(MADE)


# Of a database that everybody may write to; functions that are as dear as what they are given.
DESIGN = {
    "_id": "_design/d",
    "views": {
        "v": {"map": "function(doc) { for (var k in doc) emit([k, doc._id], doc[k]); }", "reduce": "_count"},
        "sum": {"map": "function(doc) { emit(doc.a, doc.n); }", "reduce": "_sum"},
        "own": {
            "map": "function(doc) { emit(doc._id, doc); }",
            "reduce": "function(keys, values, again) { return again ? sum(values) : values.length; }",
        },
    },
    "shows": {"s": "function(doc, req) { return JSON.stringify([doc, req]); }"},
    "lists": {"l": "function(head, req) { var row; while (row = getRow()) send(JSON.stringify(row)); }"},
    "updates": {"u": "function(doc, req) { return [doc, req.body + JSON.stringify(req.query)]; }"},
    "filters": {"f": "function(doc, req) { return JSON.stringify(doc).indexOf(req.query.a) > 0; }"},
    "rewrites": [
        {"from": "/x", "to": "_view/v", "query": {"reduce": "false"}},
        {"from": "/:a/*", "to": "../../*", "query": {"key": ":a"}},
    ],
    "validate_doc_update": "function(doc, old, user) { if (JSON.stringify(doc).length > 1e9) throw 1; }",
}
DOCUMENTS = 1_000  # of each of these databases


def open_databases(server: Server) -> None:
    """Databases that guests may read and write, with functions and, one of them, with partitions."""
    for name, prefix, query in (("open", "", ""), ("parts", "p:", "?partitioned=true")):
        sent(server, "PUT", f"{server.couch_url}/{name}{query}", None)
        sent(server, "PUT", f"{server.couch_url}/{name}/_security", {"members": {"roles": [], "names": []}})
        docs = [{"_id": f"{prefix}d{number}", "a": number % 7, "n": number} for number in range(DOCUMENTS)]
        functions = {key: value for key, value in DESIGN.items() if not prefix or key in ("_id", "views")}
        sent(server, "POST", f"{server.couch_url}/{name}/_bulk_docs", {"docs": [functions, *docs]})


def publish(server: Server) -> None:
    """All of them, as the administrator; the server must not check their data."""
    for name, make in MADE.items():
        text = json.dumps({"name": name, **make()}, separators=(",", ":")).encode()
        put(server, name, text)


def settle(server: Server, *, tables: bool) -> None:
    """Until all that is built of packages has been, which would be taken for the work of requests."""
    for name in MADE if tables else ():
        while True:
            found = sent(server, "GET", f"{server.registry_url}/-/parquet/{name}/1.0.0", None)
            if all(table["state"] != "pending" for table in found["tables"]):
                break
            time.sleep(0.1)
    while True:
        found = sent(server, "GET", f"{server.registry_url}/-/followers", None)["followers"]
        if all(follower["seq"] == follower["update_seq"] for follower in found):
            return
        time.sleep(0.1)


def put(server: Server, name: str, descriptor: bytes) -> None:
    """Publish version 1.0.0 of a package."""
    sent(server, "PUT", f"{server.registry_url}/{name}/1.0.0", descriptor)


def sent(server: Server, method: str, address: str, value: Any) -> Any:
    """The answer to a request of the administrator."""
    login = base64.b64encode(":".join(server.admin).encode()).decode()
    headers = {"Content-Type": "application/json", "Authorization": f"Basic {login}"}
    body = value if isinstance(value, bytes) else None if value is None else json.dumps(value).encode()
    request = urllib.request.Request(address, body, headers, method=method)
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)
