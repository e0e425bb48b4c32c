"""What is measured: operations of a document database, each on databases of its own. For `scripts/bench`."""

import base64
import hashlib
import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench_client import Client, Measured, Refused

BATCH = 1000  # documents of one request
WORDS = (
    "table",
    "column",
    "row",
    "area",
    "capital",
    "currency",
    "district",
    "export",
    "harbour",
    "income",
    "island",
    "language",
    "market",
    "population",
    "price",
    "province",
    "rate",
    "region",
    "river",
    "school",
)
VIEWS = {
    "views": {
        "by_group": {
            "map": "function (doc) { emit(doc.group, doc.ratio);"
            " doc.keywords.forEach(function (word) { emit(['keyword', word], 1); }); }",
            "reduce": "_count",
        }
    }
}

RULES = {
    "validate_doc_update": """function (doc, old, user, security) {
  if (doc._deleted) { return; }
  if (typeof doc.name !== 'string' || !doc.version) { throw({forbidden: 'a name and a version, please'}); }
  if (!doc.resources || doc.resources.length === 0) { throw({forbidden: 'a package has resources'}); }
  if (old && old.name !== doc.name) { throw({forbidden: 'a name stays'}); }
  if (user.roles.indexOf('_admin') === -1 && doc.owner !== user.name) { throw({unauthorized: 'not yours'}); }
}"""
}


def document(number: int) -> dict[str, Any]:
    """About 1 KB in the shape of a descriptor."""
    word = random.Random(number).choice
    digest = hashlib.md5(b"%d" % number, usedforsecurity=False).hexdigest()
    resources = [
        {"name": f"part-{part}", "path": f"data/part-{part}.csv", "bytes": number * 31 + part, "hash": digest}
        for part in range(3)
    ]
    return {
        "_id": name(number),
        "name": f"package-{number}",
        "version": f"{number % 5}.{number % 11}.0",
        "title": " ".join(word(WORDS) for _ in range(5)),
        "group": number % 100,
        "ratio": number / 7,
        "description": " ".join(word(WORDS) for _ in range(70)),
        "keywords": [word(WORDS), word(WORDS)],
        "resources": resources,
    }


def name(number: int) -> str:
    return f"p{number:07d}"


def revisions(number: int, count: int) -> list[str]:
    """Made-up revision hashes of a document, newest first."""
    seeds = [b"%d of %d" % (place, number) for place in range(count)]
    return [hashlib.md5(seed, usedforsecurity=False).hexdigest() for seed in seeds]


def batches(scale: float) -> Iterator[range]:
    """The numbers of the documents of one request after the other."""
    for start in range(0, max(1, round(20 * scale)) * BATCH, BATCH):
        yield range(start, start + BATCH)


def bulk_bodies(scale: float, *, replicated: bool = False) -> list[bytes]:
    bodies = []
    for numbers in batches(scale):
        docs = [document(number) for number in numbers]
        if replicated:
            for number, doc in zip(numbers, docs, strict=True):
                ids = revisions(number, 3)
                doc |= {"_rev": f"3-{ids[0]}", "_revisions": {"start": 3, "ids": ids}}
        bodies.append(json.dumps({"docs": docs, "new_edits": not replicated}).encode())
    return bodies


def send_each(client: Client, path: str, bodies: Sequence[Any]) -> None:
    for body in bodies:
        client.send("POST", path, body)


@contextmanager
def database(client: Client, documents: float = 0) -> Iterator[str]:
    """A database that holds the documents of this scale, dropped afterwards."""
    path = client.database()
    if documents:
        send_each(client, f"{path}/_bulk_docs", bulk_bodies(documents))
    yield path
    client.drop(path)


Run = Callable[[Client, float], Measured]


@dataclass(frozen=True)
class Operation:
    name: str
    unit: str
    run: Run
    about: str


def seconds(scale: float) -> int:
    return max(1, round(4 * scale))


def put(connections: int, *, rules: dict[str, str] | None = None) -> Run:
    def run(client: Client, scale: float) -> Measured:
        with database(client) as path:
            if rules:
                client.send("PUT", f"{path}/_design/rules", rules)
            body = document(1)
            del body["_id"]
            text = json.dumps(json.dumps(body))
            return client.load(
                connections,
                seconds(scale),
                f"""
local n = 0
function request()
  n = n + 1
  return wrk.format("PUT", "{client.prefix}{path}/n" .. n, nil, {text})
end""",
            )

    return run


def get(connections: int) -> Run:
    def run(client: Client, scale: float) -> Measured:
        with database(client, 1 / 20) as path:
            return client.load(
                connections,
                seconds(scale),
                f"""
local n = 0
function request()
  n = (n + 7) % {BATCH}
  return wrk.format("GET", string.format("{client.prefix}{path}/p%07d", n))
end""",
            )

    return run


def bulk(*, replicated: bool) -> Run:
    def run(client: Client, scale: float) -> Measured:
        bodies = bulk_bodies(scale, replicated=replicated)
        with database(client) as path:
            target = f"{path}/_bulk_docs"
            return client.timed(len(bodies) * BATCH, lambda: send_each(client, target, bodies))

    return run


def listing(rest: str) -> Run:
    """One GET that lists everything."""

    def run(client: Client, scale: float) -> Measured:
        with database(client, scale) as path:
            count = json.loads(client.send("GET", path))["doc_count"]
            return client.timed(count, lambda: client.drain(path + rest))

    return run


def posting(rest: str, ask: Callable[[range], Any]) -> Run:
    """A POST about each batch of documents."""

    def run(client: Client, scale: float) -> Measured:
        bodies = [json.dumps(ask(numbers)).encode() for numbers in batches(scale)]
        with database(client, scale) as path:
            return client.timed(len(bodies) * BATCH, lambda: send_each(client, path + rest, bodies))

    return run


def large_attachment(times_read: int) -> Run:
    def run(client: Client, scale: float) -> Measured:
        megabytes = max(1, round(64 * scale))
        content = random.Random(1).randbytes(1 << 20) * megabytes
        with database(client) as path:
            target = f"{path}/a/file.bin"
            kind = "application/octet-stream"
            written = client.timed(megabytes, lambda: client.send("PUT", target, content, Content_Type=kind))
            if not times_read:
                return written
            if client.drain(target) != len(content):
                raise Refused("the attachment came back with another length")
            return client.timed(
                megabytes * times_read, lambda: [client.drain(target) for _ in range(times_read)]
            )

    return run


def small_attachments(client: Client, scale: float) -> Measured:
    data = base64.b64encode(random.Random(2).randbytes(10 << 10)).decode()
    attached = {"_attachments": {"file.bin": {"content_type": "application/octet-stream", "data": data}}}
    docs = [{**document(number), **attached} for number in range(max(1, round(200 * scale)))]
    with database(client) as path:

        def write() -> None:
            for doc in docs:
                client.send("PUT", f"{path}/{doc['_id']}", doc)

        return client.timed(len(docs), write)


def view(*, built: bool) -> Run:
    def run(client: Client, scale: float) -> Measured:
        with database(client, scale) as path:
            count = json.loads(client.send("GET", path))["doc_count"]
            client.send("PUT", f"{path}/_design/bench", VIEWS)
            target = f"{path}/_design/bench/_view/by_group?group=true"
            first = client.timed(count, lambda: client.send("GET", target))
            if not built:
                return first
            return client.timed(20, lambda: [client.send("GET", target) for _ in range(20)])

    return run


def find(client: Client, scale: float) -> Measured:
    with database(client, scale) as path:
        client.send("POST", f"{path}/_index", {"index": {"fields": ["group"]}, "name": "group"})

        asked = [{"selector": {"group": group}, "limit": 25} for group in range(50)]
        client.send("POST", f"{path}/_find", asked[0])  # builds the index
        return client.timed(50, lambda: send_each(client, f"{path}/_find", asked))


def replicate(client: Client, scale: float) -> Measured:
    with database(client, scale / 2) as path, database(client) as copy:
        login = {name: value for name, value in client.headers.items() if name == "Authorization"}
        source, target = (
            {"url": f"http://{client.host}:{client.port}{client.prefix}{one}", "headers": login}
            for one in (path, copy)
        )
        count = json.loads(client.send("GET", path))["doc_count"]
        body = {"source": source, "target": target}
        return client.timed(count, lambda: client.send("POST", "/_replicate", body))


def ids(numbers: range) -> Any:
    return {"docs": [{"id": name(number)} for number in numbers]}


def unknown_edits(numbers: range) -> Any:
    return {name(number): [f"2-{revisions(number, 1)[0]}"] for number in numbers}


OPERATIONS = (
    Operation("put_1", "docs/s", put(1), "PUT of single documents over one connection"),
    Operation("put_64", "docs/s", put(64), "the same over 64 connections"),
    Operation("put_rules", "docs/s", put(1, rules=RULES), "put_1 where a validate_doc_update looks at each"),
    Operation("get_1", "docs/s", get(1), "GET of single documents over one connection"),
    Operation("get_64", "docs/s", get(64), "the same over 64 connections"),
    Operation("bulk", "docs/s", bulk(replicated=False), "_bulk_docs, 1,000 documents of 1 KB a request"),
    Operation("bulk_replica", "docs/s", bulk(replicated=True), "the same with histories and new_edits=false"),
    Operation("changes", "rows/s", listing("/_changes"), "_changes of 20,000 documents"),
    Operation("changes_docs", "rows/s", listing("/_changes?include_docs=true"), "the same with documents"),
    Operation("all_docs", "rows/s", listing("/_all_docs"), "_all_docs of 20,000 documents"),
    Operation("all_docs_docs", "rows/s", listing("/_all_docs?include_docs=true"), "the same with documents"),
    Operation("bulk_get", "docs/s", posting("/_bulk_get?revs=true", ids), "_bulk_get of 1,000 documents"),
    Operation("revs_diff", "revs/s", posting("/_revs_diff", unknown_edits), "_revs_diff of 1,000 revisions"),
    Operation("att_put", "MB/s", large_attachment(0), "PUT of one attachment of 64 MB"),
    Operation("att_get", "MB/s", large_attachment(4), "GET of the same"),
    Operation("att_small", "docs/s", small_attachments, "PUT of documents with an attachment of 10 KB"),
    Operation("view_build", "docs/s", view(built=False), "first query of a JavaScript view with _count"),
    Operation("view_query", "queries/s", view(built=True), "grouped query of the same view"),
    Operation("find", "queries/s", find, "_find by an indexed field"),
    Operation("replicate", "docs/s", replicate, "_replicate between two databases of the server"),
)
