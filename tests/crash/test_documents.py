"""A server killed while documents and attachments are written: every acknowledged revision is there."""

import http.client
import json
import os
import random
import threading
import time
from base64 import b64encode
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from couchreg.app import build
from couchreg.config import load
from tests.processes import ADMIN, Server, running

ROUNDS, ENOUGH = 3, 150
Held = dict[str, tuple[str, Any]]  # id -> (revision, what it holds)


class Client:
    """One connection to the database `docs`, as the administrator; `with` closes it."""

    def __init__(self, server: Server) -> None:
        port = int(server.couch_url.rpartition(":")[2])
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        login = b64encode(":".join(server.admin).encode()).decode()
        self._headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def bytes(self, method: str, path: str, body: bytes = b"") -> bytes:
        self._connection.request(method, f"/docs{path}", body, self._headers)
        return self._connection.getresponse().read()

    def json(self, method: str, path: str, body: bytes = b"") -> Any:
        answer = json.loads(self.bytes(method, path, body))
        assert "error" not in answer, answer
        return answer


class Writer(threading.Thread):
    """Writes until the server is gone; `acknowledged` grows with every answer."""

    def __init__(self, server: Server, prefix: str, reached: threading.Semaphore) -> None:
        super().__init__()
        self._server, self._prefix, self._reached = server, prefix, reached
        self.acknowledged: Held = {}

    def run(self) -> None:
        ways = (self._put, self._bulk, self._attach)
        with (
            Client(self._server) as client,
            suppress(OSError, http.client.HTTPException),
        ):  # until it is killed
            for count in range(100_000):
                ways[count % 3](client, f"{self._prefix}-{count}")

    def _keep(self, doc_id: str, rev: str, value: Any) -> None:
        self.acknowledged[doc_id] = (rev, value)
        self._reached.release()

    def _put(self, client: Client, doc_id: str) -> None:
        first = client.json("PUT", f"/{doc_id}", b'{"n":1}')
        body = json.dumps({"_rev": first["rev"], "n": 2}).encode()
        self._keep(doc_id, client.json("PUT", f"/{doc_id}", body)["rev"], 2)

    def _bulk(self, client: Client, doc_id: str) -> None:
        docs = [{"_id": f"{doc_id}-{i}", "n": i} for i in range(20)]
        rows = client.json("POST", "/_bulk_docs", json.dumps({"docs": docs}).encode())
        for row, doc in zip(rows, docs, strict=True):
            self._keep(row["id"], row["rev"], doc["n"])

    def _attach(self, client: Client, doc_id: str) -> None:
        data = doc_id.encode() * 5000
        self._keep(doc_id, client.json("PUT", f"/{doc_id}/file.bin", data)["rev"], data)


def write_and_kill(server: Server, number: int, chance: random.Random) -> Held:
    """What four writers were told before the server died at a random moment."""
    reached = threading.Semaphore(0)
    writers = [Writer(server, f"r{number}w{n}", reached) for n in range(4)]
    for writer in writers:
        writer.start()
    for _ in range(ENOUGH):
        reached.acquire()
    time.sleep(chance.uniform(0, 0.02))  # the moment of the crash
    server.kill()
    for writer in writers:
        writer.join()
    return {doc_id: held for writer in writers for doc_id, held in writer.acknowledged.items()}


def verify(server: Server, kept: Held) -> None:
    with Client(server) as client:
        keys = [doc_id for doc_id, (_, value) in kept.items() if not isinstance(value, bytes)]
        body = json.dumps({"keys": keys}).encode()
        rows = client.json("POST", "/_all_docs?include_docs=true", body)["rows"]
        assert {row["id"]: (row["value"]["rev"], row["doc"]["n"]) for row in rows} == {
            k: kept[k] for k in keys
        }
        for doc_id in kept.keys() - set(keys):
            rev, data = kept[doc_id]
            assert client.bytes("GET", f"/{doc_id}/file.bin?rev={rev}") == data


def test_every_acknowledged_revision_survives(tmp_path: Path) -> None:
    seed = int(os.environ.get("COUCHREG_TEST_SEED", random.randrange(1 << 32)))
    print(f"COUCHREG_TEST_SEED={seed}")
    chance, kept = random.Random(seed), Held()
    for number in range(ROUNDS):
        with running(tmp_path / "data") as server:
            if number == 0:
                create(server)
            verify(server, kept)
            kept |= write_and_kill(server, number, chance)
    with running(tmp_path / "data") as server:
        verify(server, kept)
    assert len(kept) >= ROUNDS * ENOUGH


def create(server: Server) -> None:
    with Client(server) as client:
        client.json("PUT", "")


async def test_a_killed_database_is_sound(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        create(server)
        write_and_kill(server, 0, random.Random())
    settings = {"port": 0, "couch_port": 0, "data_dir": tmp_path / "data", "admin": ":".join(ADMIN)}
    app = build(load(settings, environ={}))
    await app.start()
    try:
        assert await (await app.store.open("docs")).check() == []
    finally:
        await app.stop()
