"""What stands for a cluster of three CouchDB nodes: one HTTP server before the couch door of a couchreg,
where each database has three copies. It answers as CouchDB's coordinator does: each copy judges by what it
has, and of what they say a majority counts. Nodes are cut off and come back when a test says so; copies are
made equal by `level` alone.

As there: 202 where a minority has taken an edit, even if the others refused it; a revision that is replicated
is refused by none; reads of one document agree with two copies where two agree; listings and feeds come from
one copy; what a node has that is down nobody sees, and nobody is told.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple
from urllib.parse import quote, unquote

import aiohttp
from aiohttp import web
from yarl import URL

from couchreg.docstore.remote.places import CopyPlace
from tests.docstore.remote.front import opened_client, serving

NODES: Final = (1, 2, 3)
SUFFIX: Final = ".1700000000"
FRONT: Final = "shards/00000000-ffffffff/"
_MODEL: Final = CopyPlace.parse(
    "g2wAAAABaANkAA9ub2RlMUAxMjcuMC4wLjFsAAAAAmEAbgQA_____2poA2EEbQAAAAc4NWZmYWVhZAAPbm9kZTFAMTI3LjAuMC4xag"
)

Said = tuple[int, Any]  # status, JSON
LOST: Final[Said] = 412, {"error": "nodedown", "reason": "progress not possible"}  # a node, just now


def name_of(node: int) -> str:
    return f"node{node}@127.0.0.1"


def place(node: int, number: int) -> str:
    names = (b"node1", b"node%d" % node)
    found = CopyPlace(_MODEL.before.replace(*names), number, _MODEL.behind.replace(*names))
    return f"{number}-{found.opaque}"


class _Asked(NamedTuple):
    method: str
    database: str
    path: str  # behind the database
    query: Mapping[str, str]
    body: Any


class Cluster:
    """`up` are the nodes that are there, those that are asked first in front."""

    def __init__(self, client: aiohttp.ClientSession) -> None:
        self._client = client
        self.up = list(NODES)
        self.deaf: set[int] = set()  # asked for nothing by the others, as if connections were slow
        self.still: set[int] = set()  # the same, and waited for where a place of theirs is asked for
        self.mute: set[int] = set()  # of whose writes nobody hears
        self.losing: set[int] = set()  # hear of no write, and answer what is read
        self.bulks: int | None = None  # that are done still, until one is answered otherwise
        self.otherwise: Said = LOST
        self.stuck = 0  # requests that come to a node which stands still, and are never answered
        self.databases: set[str] = set()
        self.asked: list[str] = []

    @property
    def reached(self) -> list[int]:
        return [node for node in self.up if node not in self.deaf | self.still]

    # -- copies
    async def at(self, node: int, asked: _Asked) -> Said:
        """What one copy says."""
        name = quote(f"{asked.database}-n{node}", safe="")
        url = URL(f"/{name}{asked.path}", encoded=True).update_query(dict(asked.query))
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        data = None if asked.body is None else json.dumps(asked.body).encode()
        async with self._client.request(asked.method, url, data=data, headers=headers) as response:
            return response.status, json.loads(await response.read() or b"null")

    async def copy(self, node: int, database: str, path: str, query: Mapping[str, str]) -> Said:
        """What one copy answers to a question."""
        return await self.at(node, _Asked("GET", database, path, query, None))

    async def all(self, asked: _Asked) -> list[Said]:
        """What those say whose answer is heard."""
        is_write = asked.path == "/_bulk_docs" or asked.method in ("PUT", "DELETE")
        nodes = [node for node in self.reached if not (is_write and node in self.losing)]
        found = [(node, await self.at(node, asked)) for node in nodes]
        return [said for node, said in found if not (is_write and node in self.mute)]

    async def put(self, node: int, database: str, *docs: dict[str, Any]) -> None:
        """Revisions with their histories, at one node alone."""
        body = {"docs": list(docs), "new_edits": False}
        status, rows = await self.at(node, _Asked("POST", database, "/_bulk_docs", {}, body))
        assert (status, rows) == (201, [])

    async def leafs(self, node: int, database: str, doc_id: str) -> dict[str, dict[str, Any]]:
        """By revision, of one copy."""
        query = {"open_revs": "all", "revs": "true"}
        status, found = await self.at(
            node, _Asked("GET", database, f"/{quote(doc_id, safe='')}", query, None)
        )
        return {} if status == 404 else {one["ok"]["_rev"]: one["ok"] for one in found if "ok" in one}

    async def level(self) -> None:
        """What each node that is there has, all of these have in the end."""
        for database in sorted(self.databases):
            for source in self.up:
                feed = await self.at(
                    source, _Asked("GET", database, "/_changes", {"style": "all_docs"}, None)
                )
                for row in feed[1]["results"]:
                    docs = list((await self.leafs(source, database, row["id"])).values())
                    for target in self.up:
                        if target != source:
                            await self.put(target, database, *docs)

    # -- the door
    async def handle(self, request: web.Request) -> web.StreamResponse:
        raw = request.raw_path.partition("?")[0]
        text = await request.read()
        body = json.loads(text) if text else None
        self.asked.append(f"{request.method} {unquote(raw)}")
        parts = raw.split("/")
        if self.stuck:
            self.stuck -= 1
            await asyncio.sleep(3600)
        try:
            if not self.up:
                raise ConnectionError
            status, found = await self._answer(request.method, parts, dict(request.query), body)
        except ConnectionError:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if isinstance(found, str):
            return web.Response(status=status, text=found, content_type="application/json")
        return web.json_response(found, status=status)

    async def _answer(self, method: str, parts: Sequence[str], query: dict[str, str], body: Any) -> Said:
        first = unquote(parts[1])
        if first == "_membership":
            return 200, {"all_nodes": [*map(name_of, self.up)], "cluster_nodes": [*map(name_of, NODES)]}
        if first == "_all_dbs":
            return 200, sorted(self.databases)
        if first == "_node":
            return await self._at_node(method, parts, query, body)
        if first[:1] in ("", "_"):
            url = URL("/".join(parts), encoded=True).update_query(query)
            async with self._client.request(method, url, json=body) as response:
                return response.status, json.loads(await response.read())
        path = "/".join(["", *parts[2:]]) if len(parts) > 2 and parts[2] else ""
        asked = _Asked(method, first, path, query, body)
        if not path:
            return await self._database(asked)
        if first not in self.databases:
            return 404, {"error": "not_found", "reason": "Database does not exist."}
        return await self._in_database(asked)

    async def _at_node(self, method: str, parts: Sequence[str], query: dict[str, str], body: Any) -> Said:
        if parts[2] == "_local":
            name = unquote("/".join(parts[4:]))
            if name not in self.databases:
                return 404, {"error": "not_found", "reason": "missing"}
            return 200, {
                "shard_suffix": list(SUFFIX.encode()),
                "by_range": {"00000000-ffffffff": [*map(name_of, NODES)]},
            }
        node = int(parts[2][4])
        if node not in self.up:
            return 412, {"error": "nodedown", "reason": f"{parts[2]} is down"}
        if node in self.deaf | self.still:
            await asyncio.sleep(3600)
        database = unquote(parts[3]).removeprefix(FRONT).removesuffix(SUFFIX)
        path = "/".join(["", *parts[4:]]) if len(parts) > 4 else ""
        return await self.at(node, _Asked(method, database, path, query, body))

    async def _database(self, asked: _Asked) -> Said:
        if asked.method == "PUT":
            if asked.database in self.databases:
                return 412, {"error": "file_exists", "reason": "there"}
            for node in NODES:
                status, found = await self.at(node, asked._replace(query={}))
                assert status == 201, found
            self.databases.add(asked.database)
            return (201 if len(self.reached) > 1 else 202), {"ok": True}
        if asked.database not in self.databases:
            return 404, {"error": "not_found", "reason": "Database does not exist."}
        if asked.method == "DELETE":
            self.databases.discard(asked.database)
            for node in NODES:
                await self.at(node, asked)
            return 200, {"ok": True}
        node = self.reached[0]
        status, told = await self.at(node, asked)
        number = int(str(told["update_seq"]).partition("-")[0])
        return status, {**told, "update_seq": place(node, number), "cluster": {"q": 1, "n": 3}}

    async def _in_database(self, asked: _Asked) -> Said:
        path = asked.path
        if path == "/_bulk_docs":
            if self.bulks == 0:
                return self.otherwise
            self.bulks = None if self.bulks is None else self.bulks - 1
            return await self._bulk_docs(asked)
        if path == "/_bulk_get":
            return await self._bulk_get(asked)
        if path == "/_changes":
            return await self._changes(asked)
        if path == "/_all_docs" and asked.method == "POST":
            found = [said[1] for said in await self.all(asked)]
            rows = [_agreed([one["rows"][at] for one in found]) for at in range(len(asked.body["keys"]))]
            return 200, {**found[0], "rows": rows}
        if path in ("/_all_docs", "/_local_docs") or (
            path[:2] == "/_" and asked.method == "GET" and not path.startswith(("/_local/", "/_design/"))
        ):
            return await self.at(self.reached[0], asked)
        if path == "/_revs_diff":
            found = [said[1] for said in await self.all(asked)]
            return 200, found[0]
        if asked.query.get("open_revs") == "all":
            return await self._leafs(asked)
        found = await self.all(asked)
        if asked.method == "GET":
            return _agreed(found)
        counted = Counter(status for status, _ in found)
        status, most = counted.most_common(1)[0]
        told = next(said for said in found if said[0] == status)
        return (202 if status in (200, 201) and most < 2 else told[0]), told[1]

    # -- documents
    async def _bulk_docs(self, asked: _Asked) -> Said:
        found = [said[1] for said in await self.all(asked)]
        if not found:
            return 500, []
        if asked.body.get("new_edits") is False:
            return (201 if len(found) > 1 else 202), [row for rows in found for row in rows]
        answers, is_accepted = [], False
        for at in range(len(asked.body["docs"])):
            rows = [one[at] for one in found]
            counted = Counter(row["rev"] for row in rows if "ok" in row)
            if not counted:
                answers.append(rows[0])
                continue
            rev, most = counted.most_common(1)[0]
            row = next(row for row in rows if row.get("rev") == rev)
            is_accepted |= most < 2
            answers.append(row if most > 1 else {**row, "accepted": True})
        return (202 if is_accepted else 201), answers

    async def _bulk_get(self, asked: _Asked) -> Said:
        found = [said[1]["results"] for said in await self.all(asked)]
        results = []
        for at, one in enumerate(asked.body["docs"]):
            docs = [doc for told in found for doc in told[at]["docs"]]
            there = [doc for doc in docs if "ok" in doc][:1]
            results.append({"id": one["id"], "docs": there or docs[:1]})
        return 200, {"results": results}

    async def _leafs(self, asked: _Asked) -> Said:
        found = await self.all(asked._replace(query={**asked.query, "revs": "true"}))
        docs = {one["ok"]["_rev"]: one["ok"] for status, told in found[:2] if status == 200 for one in told}
        older = {rev for doc in docs.values() for rev in _history(doc)[1:]}
        leafs = [doc for rev, doc in docs.items() if rev not in older]
        if "revs" not in asked.query:
            for doc in leafs:
                doc.pop("_revisions")
        return 200, [{"ok": doc} for doc in leafs]

    async def _changes(self, asked: _Asked) -> Said:
        query, node = dict(asked.query), self.reached[0]
        since = query.get("since", "0")
        if since not in ("0", "now"):
            wanted = int(CopyPlace.parse(since.partition("-")[2]).node[4])
            if wanted in self.still:
                await asyncio.sleep(3600)
            query["since"] = since.partition("-")[0] if wanted in self.reached else "0"
            node = wanted if wanted in self.reached else node
        status, told = await self.at(node, asked._replace(query=query))
        if status != 200:
            return status, told
        for row in told["results"]:
            row["seq"] = place(node, _number(row["seq"]))
        told["last_seq"] = place(node, _number(told["last_seq"]))
        return 200, told


def _number(seq: Any) -> int:
    return int(str(seq).partition("-")[0])


def _history(doc: dict[str, Any]) -> list[str]:
    start = doc["_revisions"]["start"]
    return [f"{start - depth}-{name}" for depth, name in enumerate(doc["_revisions"]["ids"])]


def _agreed(found: Sequence[Any]) -> Any:
    """What two copies say; else what looks newest."""
    for one in found:
        if sum(other == one for other in found) > 1:
            return one

    def rank(one: Any) -> tuple[bool, int, str]:
        told = one[1] if isinstance(one, tuple) else one.get("value") or {}
        rev = str(told.get("_rev") or told.get("rev") or "0-")
        is_live = not (told.get("_deleted") or told.get("deleted") or rev == "0-")
        return is_live, int(rev.partition("-")[0]), rev

    return max(found, key=rank)


@asynccontextmanager
async def cluster_at(url: str) -> AsyncIterator[tuple[str, Cluster]]:
    """The address of one before a couch door, with its login."""
    async with opened_client(url) as client:
        cluster = Cluster(client)
        async with serving(cluster.handle, url) as front:
            yield front, cluster
