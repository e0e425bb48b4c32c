"""Requests for every route of both tables, by somebody without an account. One seed makes the same ones."""

import gzip
import json
from collections.abc import Iterator
from random import Random
from typing import Any
from urllib.parse import quote

from couchreg.http.couch.table import TABLE
from couchreg.http.registry.routes import ROUTES
from tests.hostile import nastiness
from tests.hostile.asked import PLACES, SPARQL, usual
from tests.hostile.content import PACKAGES
from tests.hostile.sending import Request

EVERY_SIZE = (30, 300, 3_000, 30_000)
LARGE = (120_000, 900_000, 1_100_000, 4_100_000, 9_000_000)
LINE = 60_000  # bytes of a request line, of which the server takes 65,536
FIELD = 60_000  # bytes of a header; the server takes fewer

NAMES = [*PACKAGES, "none", "wide@1.0.0", "_", "%00", "..", "x" * 300]
VERSIONS = ["1.0.0", "latest", "2.0.0", "^1", "1.x", "x" * 300, "9" * 300 + ".0.0", ">=1 <2 || " * 30]
PATHS = ["r0", "rows", "data", "datapackage.json", "data/words.csv", "none", "r0/x", "a/" * 500]
IDS = ["wide@1.0.0", "rows@1.0.0", "big@1.0.0", "wide", "none", "_design/x", "_local/x", "x" * 500, "%ff"]
DATABASES = ["registry"] * 12 + ["open", "parts", "_users", "_replicator", "none", "x" * 300]
FILL: dict[str, list[str]] = {
    "db": DATABASES,
    "docid": IDS,
    "id": IDS,
    "attachment": PATHS,
    "local": ["x", "y", "none", "x" * 200, "_rev"],
    "ddoc": ["d", "x", "none"],
    "node": ["_local", "nonode@nohost", "none"],
    "section": ["couchdb", "none"],
    "key": ["x", "uuid"],
    "path": PATHS,
    "job": ["1"],
    "view": ["v"],
    "partition": ["p"],
    "name": NAMES,
    "version": VERSIONS,
    "old": VERSIONS,
    "new": VERSIONS,
    "tag": ["latest", "x"],
    "user": ["anna", "admin", "x" * 300, "none"],
    "who": ["anna", "group:none", "x" * 300],
    "group": ["none", "..", "x" * 300],
    "number": ["0", "9" * 30],
    "cube": ["rows:rows", "big@1.0.0:r0", "rows", "none:none", ":", "x" * 300 + ":r0"],
    "ref": ["a", "b", "a.a", "_count", "none", "." * 300],
}
QUERY = [
    "rev",
    "revs",
    "revs_info",
    "open_revs",
    "atts_since",
    "latest",
    "conflicts",
    "deleted_conflicts",
    "meta",
    "attachments",
    "att_encoding_info",
    "local_seq",
    "new_edits",
    "batch",
    "deleted",
    "key",
    "keys",
    "startkey",
    "endkey",
    "start_key",
    "end_key",
    "limit",
    "skip",
    "descending",
    "inclusive_end",
    "include_docs",
    "update_seq",
    "sorted",
    "group",
    "group_level",
    "reduce",
    "stale",
    "stable",
    "update",
    "partition",
    "since",
    "style",
    "filter",
    "doc_ids",
    "seq_interval",
    "heartbeat",
    "count",
    "callback",
    "view",
    "next",
    "basic",
    "range",
    "clone",
    "profile",
    "meta",
    "type",
    "order",
    "start",
    "from",
    "to",
    "dry-run",
    "q",
    "fields",
    *("sql", "dataset", "config", "split", "offset", "length", "where", "orderby", "query", "_size", "_next"),
    *("cut", "drilldown", "aggregates", "page", "pagesize", "simple", "format"),
    *("where", "about", "facet", "bbox", "temporal", "in", "sort", "text", "like", "license", "field"),
    *("subject", "predicate", "object", "default-graph-uri", "named-graph-uri"),
]
VALUES = [
    "true",
    "false",
    "all",
    "0",
    "1",
    "-1",
    "x",
    "null",
    "[]",
    "{}",
    '"a"',
    "ok",
    "1-a",
    "now",
    "_design",
    "_doc_ids",
    "_selector",
    "_view",
    "all_docs",
    "normal",
    "longpoll",
    "continuous",
    "eventsource",
    "schema.org",
    "dcat-ap",
    "croissant",
    "expanded",
    "flattened",
    "croissant,flattened",
    "name",
    "newest",
    "^1",
    "*",
    "9999-12-31",
    "0001-01-01",
    '["a"]',
    '["word"]',
    '["1-a"]',
]
BREADTH = 0.02  # of the requests are large


class Guests:
    """An endless list of requests."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self._rows = [("couch", row.template, op.method, op.name) for row in TABLE for op in row.operations]
        self._rows += [("registry", route.path, route.method, route.operation) for route in ROUTES]

    def __iter__(self) -> Iterator[Request]:
        """All routes in turn, in a new order each time."""
        while True:
            self.chance.shuffle(self._rows)
            for door, template, method, name in self._rows:
                yield self.request(door, template, method, name)

    def request(self, door: str, template: str, method: str, name: str) -> Request:
        pick, roll = self.chance.choice, self.chance.random
        size = pick(LARGE) if roll() < BREADTH else pick(EVERY_SIZE)
        method = "HEAD" if method == "GET" and roll() < 0.15 else method
        target = self._target(template)
        if roll() < 0.02 and door == "couch":
            template, target, method = "/{db}/_changes", "/registry/_changes?filter=_selector", "POST"
        if roll() < 0.03:
            method = pick(["BREW", "OPTIONS", "PATCH", "A" * 60, "COPY", "POST"])
        if door == "couch" and roll() < 0.2:
            door, target = "registry", "/_couch" + target
        kind, body = (
            self._body(template, size) if method not in ("GET", "HEAD") or roll() < 0.02 else ("", b"")
        )
        headers = self._headers(kind)
        head, body = self._framed(method, target, headers, body)
        live = "feed=" in target or "/_changes" in target
        reading = pick([0, 1000, 200_000]) if roll() < 0.1 else -1
        pieces = pick([2, 5, 40]) if body and roll() < 0.05 else 1
        return Request(door, head, body, reading, pieces, 0.5 if live else 30.0)

    # -- the first line
    def _target(self, template: str) -> str:
        parts = [self._part(part) for part in template.split("/")]
        path = "/".join(parts) or "/"
        if template in PLACES and self.chance.random() < 0.6:
            path = self.chance.choice(PLACES[template])
        query = self._query() if self.chance.random() < 0.6 else ""
        if (listed := usual(template)) and self.chance.random() < 0.5:
            query = "?" + quote(self.chance.choice(listed), safe="=&,/_") + query.replace("?", "&", 1)
        return path[:LINE] + query

    def _part(self, part: str) -> str:
        if not part.startswith("{"):
            return part
        name = part.strip("{}*?")
        if self.chance.random() < 0.01:
            return quote("a/%" * self.chance.choice(EVERY_SIZE[:3]), safe="%")
        return self.chance.choice(FILL[name])

    def _query(self) -> str:
        pick = self.chance.choice
        pairs = [f"{pick(QUERY)}={self._value()}" for _ in range(pick([1, 1, 2, 3, 6]))]
        if self.chance.random() < 0.03:
            pairs = [f"{pick(QUERY)}={pick(['1', 'true', 'a'])}"] * pick([100, 3000])
        return "?" + pick(["&", "&", "&", ";"]).join(pairs)[:LINE]

    def _value(self) -> str:
        roll = self.chance.random()
        if roll < 0.7:
            return quote(self.chance.choice(VALUES), safe="")
        size = self.chance.choice(EVERY_SIZE)
        if roll < 0.9:
            return quote(self.chance.choice(nastiness.SHAPES)(self.chance, size), safe='[]{}",:')[:LINE]
        return quote(
            json.dumps(["1-a", "wide@1.0.0"][: self.chance.randint(1, 2)] * (size // 8)), safe='[]",'
        )[:LINE]

    # -- headers
    def _headers(self, kind: str) -> list[tuple[str, str]]:
        roll, pick = self.chance.random, self.chance.choice
        headers = [("Content-Type", kind)] if kind and roll() < 0.95 else []
        for name, values in nastiness.KNOWN_VALUES.items():
            if roll() < 0.08:
                headers.append((name, pick(values)))
        if roll() < 0.25:
            name, units = pick(nastiness.HEADERS)
            unit, size = pick(units), pick([20, 200, 4000, 8000, FIELD])
            before, after = pick(["", "", "a/b", '"']), pick(["", "", "x", '"'])
            headers.append((name, before + unit * (size // len(unit)) + after))
        if roll() < 0.02:
            headers += [("Accept", "a/b"), ("Cookie", "a=b"), ("X-Forwarded-For", "1.1.1.1")] * pick([20, 40])
        return headers

    def _framed(
        self, method: str, target: str, headers: list[tuple[str, str]], body: bytes
    ) -> tuple[bytes, bytes]:
        roll = self.chance.random
        if body and roll() < 0.04:
            body = gzip.compress(body, 1)
            headers = [*headers, ("Content-Encoding", "gzip")]
        if body and roll() < 0.08:
            size = self.chance.choice([1, 7, 1000]) if len(body) < 10_000 else 60_000
            cut = (body[start : start + size] for start in range(0, len(body), size))
            body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in cut) + b"0\r\n\r\n"
            headers = [*headers, ("Transfer-Encoding", "chunked")]
        elif body or method in ("PUT", "POST"):
            headers = [*headers, ("Content-Length", str(len(body)))]
        lines = "".join(f"{name}: {value}\r\n" for name, value in [*headers, ("Connection", "close")])
        host = "" if "Host: " in lines else "Host: x\r\n"
        return f"{method} {target} HTTP/1.1\r\n{host}{lines}\r\n".encode("utf-8", "surrogateescape"), body

    # -- bodies
    def _body(self, template: str, size: int) -> tuple[str, bytes]:
        roll = self.chance.random()
        if roll < 0.05:
            return "application/json", b""
        if roll < 0.12:
            return self._multipart(size)
        if template == "/-/sparql" and roll < 0.8:
            return self._question(size)
        if roll < 0.16:
            return "application/x-www-form-urlencoded", ("a=b&" * (size // 4)).encode()[:size]
        if roll < 0.35:
            return "application/json", self.chance.choice(nastiness.SHAPES)(self.chance, size).encode()
        return "application/json", self._wanted(template, size).encode()

    def _question(self, size: int) -> tuple[str, bytes]:
        """SPARQL as the protocol sends it, at times with a long comment or long text within."""
        text, roll = self.chance.choice(SPARQL), self.chance.random()
        if roll < 0.1:
            text = f"# {'x' * size}\n{text}"
        elif roll < 0.2:
            text = text.replace("?c", f'"{"a" * size}"', 1)
        if self.chance.random() < 0.3:
            return "application/x-www-form-urlencoded", f"query={quote(text, safe='')}".encode()
        return "application/sparql-query", text.encode()

    def _wanted(self, template: str, size: int) -> str:
        """Members that some route reads, more or less as it does."""
        shape = self.chance.choice(nastiness.SHAPES)(self.chance, size)
        name = template.rpartition("/")[2]
        if name == "_session" or template.startswith("/adduser"):
            return self.chance.choice([f'{{"name":"a","password":{shape}}}', f'{{"name":{shape}}}'])
        made = self._member(name, size)
        pick = self.chance.choice
        if self.chance.random() < 0.4:
            member = pick(
                ["docs", "keys", "queries", "doc_ids", "selector", "fields", "a", "sort", "_attachments"]
            )
            return f'{{"{member}":{shape}}}'
        return json.dumps(made)

    def _member(self, name: str, size: int) -> Any:
        pick, count = self.chance.choice, max(1, size // 40)
        if name == "_bulk_get":
            one = pick([{"id": "big@1.0.0"}, {"id": "wide@1.0.0", "rev": "1-a"}, {}, 5])
            one = pick([one, {"id": "rows@1.0.0", "atts_since": ["1-a"] * 5}, {"id": "none"}])
            return {"docs": [one] * min(count, 2000)}
        if name in ("_revs_diff", "_missing_revs"):
            if self.chance.random() < 0.3:
                return {"wide@1.0.0": [f"{number}-a" for number in range(size // 9)]}
            return {f"x{number}": [f"{pick([1, 9])}-{number:x}"] for number in range(size // 20)}
        if name == "_bulk_docs":
            return {"docs": [{"_id": f"{pick(['', 'p:'])}g{number}", "a": number} for number in range(count)]}
        if name in ("{db}", "{docid}"):
            return {"_id": pick(["d1", "p:d1", "d2", "p:d2"]), "a": [pick([1, "x", {"b": 1}])] * (size // 4)}
        if name in ("_find", "_explain", "_index", "_changes"):
            found: dict[str, Any] = {"selector": nastiness.selector(self.chance, size)}
            if self.chance.random() < 0.4:
                found["fields"] = nastiness.fields(self.chance, size)
            return found
        if name == "queries":
            return {"queries": [pick([{}, {"keys": ["big@1.0.0"]}, {"limit": 1}, {"skip": 10**9}])] * count}
        return {"keys": [pick([1, "big@1.0.0", "wide@1.0.0", None, ["a"]])] * count, "include_docs": True}

    def _multipart(self, size: int) -> tuple[str, bytes]:
        pick = self.chance.choice
        if self.chance.random() < 0.3:  # little else but delimiters and headers
            unit = pick([b"--b\r\n\r\n", b"--b\r\n", b"--", b"\r\n", b"a:b\r\n", b"\r\n--b" + b" " * 90])
            return pick(["multipart/related;boundary=b", "multipart/form-data; boundary=b"]), unit * (
                size // len(unit)
            )
        listed = {"f": {"follows": True, "length": size, "content_type": "text/plain"}}
        text = json.dumps({"a": 1, "_attachments": listed}).encode()
        part = b"--b\r\nContent-Type: application/json\r\n\r\n" + text
        return 'multipart/related; boundary="b"', part + b"\r\n--b\r\n\r\n" + b"x" * size + b"\r\n--b--"
