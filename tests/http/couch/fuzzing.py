"""Requests that nobody would write: made from good ones by a seeded chance, and sent as they are."""

import asyncio
import gzip
import json
import random
import re
from typing import Any

IDS = ["a", "b", "c", "_design/d", "_design%2Fd", "_local/l", "_x", "%C3%A9", "x%2Fy", "%ff", "_design", "~"]
REVS = [
    "1-a",
    "2-b",
    "1-967a00dff5e02add41819138abb3284d",
    "0-0",
    "-1-x",
    "x",
    "",
    "9" * 30 + "-a",
    "1-" + "f" * 33,
]
NAMES = ["f", "g/h", "_f", "%E2%82%AC", "%00", "..", "%ff"]
BELOW = [
    "_all_docs",
    "_all_docs/queries",
    "_design_docs",
    "_local_docs",
    "_local_docs/queries",
    "_changes",
    "_bulk_docs",
    "_bulk_get",
    "_revs_diff",
    "_missing_revs",
    "_purge",
    "_purged_infos",
    "_purged_infos_limit",
    "_revs_limit",
    "_security",
    "_ensure_full_commit",
    "_compact",
    "_compact/d",
    "_view_cleanup",
    "_shards/a",
    "_sync_shards",
    "_partition/x/_all_docs",
    "_temp_view",
    "_index",
]
ABOVE = [
    "/",
    "/_up",
    "/_uuids",
    "/_all_dbs",
    "/_dbs_info",
    "/_active_tasks",
    "/_membership",
    "/_session",
    "/_reshard/jobs",
    "/_node/_local/_stats",
    "/_node/_local/_config/x/y",
    "/other",
    "/_users",
    "/_utils",
    "/%zz",
    "//",
    "/favicon.ico",
]
METHODS = ["GET"] * 5 + ["POST"] * 5 + ["PUT"] * 5 + ["HEAD", "DELETE", "COPY", "OPTIONS", "PATCH", "BREW"]
READ = {
    "_purged_infos",
    "_up",
    "_uuids",
    "_all_dbs",
    "_active_tasks",
    "_membership",
    "_stats",
    "favicon.ico",
    "",
}
BOTH = {"_all_docs", "_design_docs", "_local_docs", "_changes"}
PARAMETERS = [
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
    "last-event-id",
    "q",
    "n",
    "placement",
    "engine",
    "count",
    "w",
    "callback",
    "view",
    "next",
]
VALUES = [
    "true",
    "false",
    "all",
    "0",
    "1",
    "-1",
    "x",
    "",
    "null",
    "%5B%5D",
    "%5B%221-a%22%5D",
    "%22a%22",
    "%7B%7D",
    "ok",
    "1-a",
    "now",
    "_design",
    "_doc_ids",
    "_selector",
    "all_docs",
    "9" * 40,
    "1e9",
    "%00",
    "%ff",
    "%",
    "a%2Fb",
    "1.5",
    "%5B%22a%22%2C1%5D",
    "normal",
    "longpoll",
    "continuous",
    "eventsource",
]
HEADERS = [
    ("If-Match", ['"1-a"', "1-a", "*", "", "x"]),
    ("If-None-Match", ['"1-a"', "*", 'W/"x", "1-a"', ","]),
    (
        "Range",
        ["bytes=0-0", "bytes=-1", "bytes=5-1", "bytes=", "bytes=0-0,1-1,2-", "x", "bytes=" + "1-1," * 40],
    ),
    (
        "Accept",
        [
            "*/*",
            "multipart/mixed",
            "multipart/related",
            "text/html",
            "application/json;q=0",
            ";;q=x",
            "\u00e9",
        ],
    ),
    ("Accept-Encoding", ["gzip", "identity;q=0", "br;q=x", "*"]),
    (
        "Content-Type",
        [
            "application/json",
            "text/plain",
            "multipart/related;boundary=b",
            'multipart/related; boundary="b"',
            "multipart/form-data; boundary=b",
            "multipart/related",
            "multipart/related;boundary=",
            ";",
            "x",
        ],
    ),
    ("Content-Encoding", ["gzip", "identity", "br"]),
    ("Content-MD5", ["XUFAKrxLKna5cZ2REBfFkg==", "x"]),
    (
        "Destination",
        ["b", "b?rev=1-a", "b?rev=x", "http://x/y", "%ff", "_design/z", "_local/z?rev=0-1", "b?x"],
    ),
    ("X-HTTP-Method-Override", ["PUT", "DELETE", "COPY", "TRACE", "x"]),
    ("X-Couch-Full-Commit", ["true", "x"]),
    ("Last-Event-ID", ["0", "now", "x"]),
    ("Expect", ["100-continue", "x"]),
    ("Referer", ["http://evil.example/", "x"]),
    ("Origin", ["http://evil.example"]),
    ("X-Couch-Request-ID", ["mine", "x" * 40]),
    ("Prefer", ["return=minimal"]),
]
ATTACHMENTS: list[Any] = [
    {"f": {"data": "aGk="}},
    {"f": {"stub": True}},
    {"f": {"follows": True, "length": 2}},
    {"f": {"data": "*"}},
    {},
    5,
    {"f": {"follows": True, "length": 2, "content_type": "text/plain"}, "g": {"follows": True, "length": 1}},
    {"f": {"follows": True, "length": 9, "encoding": "gzip", "encoded_length": 2, "digest": "md5-x"}},
    {"_f": {"data": ""}},
]


class Fuzzer:
    """`request()` is the next one, complete with its framing. The same seed makes the same requests."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def request(self) -> bytes:
        pick = self.chance.choice
        path, body = self._target(), self._body()
        headers = [(name, pick(values)) for name, values in HEADERS if self.chance.random() < 0.12]
        if self.chance.random() < 0.5 and body[:1] in (b"{", b"["):
            headers.append(("Content-Type", "application/json"))
        elif body[:2] == b"--":
            headers.append(("Content-Type", 'multipart/related; boundary="b"'))
        if self.chance.random() < 0.03:
            body, headers = gzip.compress(body), [*headers, ("Content-Encoding", "gzip")]
        if self.chance.random() < 0.05:
            framed = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in _cut(body)) + b"0\r\n\r\n"
            headers.append(("Transfer-Encoding", "chunked"))
        else:
            framed = body
            headers.append(("Content-Length", str(len(body))))
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        method = self._method(path) if self.chance.random() < 0.75 else pick(METHODS)
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{lines}\r\n"
        return head.encode() + framed

    def _method(self, path: str) -> str:
        """One that is likely to be allowed."""
        name = path.partition("?")[0].rpartition("/")[2]
        if name in READ:
            return "GET"
        if name in ("_security", "_revs_limit", "_purged_infos_limit"):
            return self.chance.choice(["GET", "PUT"])
        if "/_" in path and not path.startswith(("/db/_design", "/db/_local/")):
            only_post = path.startswith("/db/") and name not in BOTH
            return "POST" if only_post else self.chance.choice(["GET", "POST"])
        return self.chance.choice(["GET", "GET", "PUT", "PUT", "PUT", "DELETE", "COPY"])

    def _target(self) -> str:
        pick, roll = self.chance.choice, self.chance.random()
        if roll < 0.15:
            path = pick(ABOVE)
        elif roll < 0.55:
            path = "/db/" + pick(BELOW)
        else:
            path = f"/db/{pick(IDS)}" + (f"/{pick(NAMES)}" if self.chance.random() < 0.35 else "")
        pairs = [f"{pick(PARAMETERS)}={pick(VALUES)}" for _ in range(self.chance.choice([0, 0, 1, 1, 2, 4]))]
        if "_changes" in path:  # a feed that lives must end by itself
            feed = pick(["normal", "normal", "longpoll", "continuous", "eventsource"])
            pairs += ["timeout=1", f"feed={feed}"]
        return path + ("?" + "&".join(pairs) if pairs else "")

    def _body(self) -> bytes:
        roll = self.chance.random()
        if roll < 0.15:
            return b""
        if roll < 0.3:
            return self._broken(self._multipart())
        text = json.dumps(self._shaken(self._json())).encode()
        return self._broken(text) if self.chance.random() < 0.25 else text

    def _json(self) -> Any:
        pick = self.chance.choice
        doc = self._document()
        return pick(
            [
                doc,
                doc,
                {"docs": [self._document() for _ in range(3)], "new_edits": pick([True, False])},
                {"docs": [{"id": pick(IDS), "rev": pick(REVS), "atts_since": [pick(REVS)]}, {"id": "a"}]},
                {pick(IDS): [pick(REVS), pick(REVS)]},
                {"keys": ["a", pick(IDS)], "include_docs": True},
                {"queries": [{"keys": ["a"]}, {"limit": 1, "startkey": "a"}]},
                {"selector": {"_id": {"$gt": None}}},
                {"admins": {"names": ["x"], "roles": []}, "members": {"names": [], "roles": []}},
                {"doc_ids": ["a"]},
                5,
                "x",
            ]
        )

    def _document(self) -> dict[str, Any]:
        pick = self.chance.choice
        doc: dict[str, Any] = {
            "_id": pick(["a", "b", "c", "_design/d", "_local/l", "", 5]),
            "v": pick([1, -0.0, 1e300]),
        }
        for name, values in (
            ("_rev", REVS),
            ("_attachments", ATTACHMENTS),
            ("_deleted", [True, False, 1]),
            (
                "_revisions",
                [{"start": 2, "ids": ["b", "a"]}, {"start": 0, "ids": []}, {"start": -1, "ids": ["a"]}],
            ),
        ):
            if self.chance.random() < 0.35:
                doc[name] = pick(values)
        return doc

    def _shaken(self, value: Any) -> Any:
        """The value with some part of it replaced by another thing."""
        if self.chance.random() < 0.04:
            return self.chance.choice(
                [None, True, 0, -1, 2**70, 1.5, "", "x", "\0", [], {}, [[]], {"": None}]
            )
        if isinstance(value, dict):
            return {key: self._shaken(inner) for key, inner in value.items()}
        return [self._shaken(inner) for inner in value] if isinstance(value, list) else value

    def _multipart(self) -> bytes:
        parts = [json.dumps(self._document()).encode(), b"hi", b"x"][: self.chance.randint(1, 3)]
        about = b'Content-Disposition: attachment; filename="f"\r\n\r\n'
        head = b"--b\r\nContent-Type: application/json\r\n" + about
        return b"".join([head + part + b"\r\n" for part in parts]) + b"--b--"

    def _broken(self, data: bytes) -> bytes:
        """Some bytes changed, lost, or said twice."""
        for _ in range(self.chance.choice([0, 1, 1, 3])):
            at = self.chance.randrange(len(data) + 1)
            to = at + self.chance.choice([0, 1, 1, 5, 40])
            new = self.chance.choice(
                [b"", b"\0", b"\xff", b"\r\n", b"--b", b'"', b"{", b"\\u0000", data[at:to] * 2]
            )
            data = data[:at] + new + data[to:]
        return data


def _cut(body: bytes) -> list[bytes]:
    return [body[at : at + 7] for at in range(0, len(body), 7)]


async def answer(port: int, request: bytes, seconds: float) -> tuple[int, bytes]:
    """Status (0: hung up without a word) and all that came. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(request)
            await writer.drain()
            found = await reader.read()
        except ConnectionError:
            return 0, b""
        finally:
            writer.close()
    status = re.findall(rb"^HTTP/1\.[01] (\d{3})", found, re.MULTILINE)
    return int(status[-1]) if status else 0, found
