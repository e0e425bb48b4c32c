"""How much the server grows under answers and listeners that are many. For `scripts/bench --memory`."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench_client import Client
from bench_operations import BATCH, database
from bench_servers import Subject

DOCUMENTS = 100_000  # of 1 KB, in one answer
FEEDS = 2_000  # open at the same time
MEGABYTE = 1 << 20
INTERVAL = 0.02  # seconds between looks at the process


def report(subject: Subject, scale: float) -> int:
    client = Client(subject)
    documents, feeds = max(BATCH, round(DOCUMENTS * scale)), max(1, round(FEEDS * scale))
    with database(client, documents / BATCH / 20) as path:
        with peak(subject) as growth:
            size = client.drain(f"{path}/_changes?include_docs=true")
        print(
            f"_changes?include_docs=true of {documents:,} documents ({size / MEGABYTE:,.0f} MB): "
            f"{growth[0] / MEGABYTE:+,.1f} MB"
        )
    with database(client) as path:
        before = resident(subject)
        connections = [listening(client, path) for _ in range(feeds)]
        grown = resident(subject) - before
        print(f"{feeds:,} continuous feeds: {grown / MEGABYTE:+,.1f} MB")
        heard(client, path, connections)
    client.close()
    return 0


def resident(subject: Subject) -> int:
    """Bytes of the process that are in memory."""
    for line in Path(f"/proc/{subject.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"there is no process {subject.pid}")


@contextmanager
def peak(subject: Subject) -> Iterator[list[int]]:
    """Afterwards the list holds by how much the process had grown at most."""
    before = resident(subject)
    found = [before]
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(INTERVAL):
            found.append(resident(subject))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()
        found[:] = [max(found) - before]


def listening(client: Client, path: str) -> socket.socket:
    """A continuous feed that has been answered."""
    connection = socket.create_connection((client.host, client.port), timeout=60)
    request = [
        f"GET {client.prefix}{path}/_changes?feed=continuous&heartbeat=60000 HTTP/1.1",
        f"Host: {client.host}",
    ]
    request += [f"{name}: {value}" for name, value in client.headers.items()]
    connection.sendall("\r\n".join([*request, "", ""]).encode())
    if b" 200 " not in connection.recv(4096):
        raise OSError("a feed was refused")
    return connection


def heard(client: Client, path: str, connections: list[socket.socket]) -> None:
    """One write reaches all of them, and they hang up."""
    client.send("PUT", f"{path}/news", {})
    for connection in connections:
        text = b""
        while b'"news"' not in text:
            piece = connection.recv(4096)
            if not piece:
                raise OSError("a feed ended early")
            text += piece
        connection.close()
    assert json.loads(client.send("GET", path))["doc_count"] == 1
