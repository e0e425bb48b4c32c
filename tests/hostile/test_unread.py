"""Answers that nobody reads do not pile up in memory."""

import json
import socket
import time
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.hostile.content import put
from tests.hostile.watching import Watch
from tests.processes import Server, running

READERS = 60
SIZE = 6 << 20  # bytes of the document that they ask for
MOST = 160 << 20  # bytes, measured up to 136 MiB; all answers together would be 360 MiB


@pytest.fixture
def server(tmp_path: Path) -> object:
    with running(tmp_path / "data", "--validation", "off") as server:
        rows = [[number, "x" * 90] for number in range(SIZE // 100)]
        text = json.dumps({"name": "big", "resources": [{"name": "rows", "data": rows}]})
        put(server, "big", text.encode())
        yield server


@pytest.mark.parametrize(
    ("door", "path"),
    [
        ("registry", "/big/1.0.0"),
        ("registry", "/big/1.0.0/rows"),
        ("registry", "/_couch/registry/big@1.0.0"),
        ("couch", "/registry/big@1.0.0"),
        ("couch", "/registry/_all_docs?include_docs=true"),
        ("couch", "/registry/_changes?include_docs=true"),
    ],
)
def test_unread_answers_are_not_held(server: Server, door: str, path: str) -> None:
    port = urlsplit(server.registry_url if door == "registry" else server.couch_url).port or 0
    watch = Watch(server.process.pid, None, None, None)
    before = watch.mark_memory()
    with ExitStack() as stack:
        for _ in range(READERS):
            line = stack.enter_context(closing(socket.create_connection(("127.0.0.1", port))))
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            line.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        _settle(watch)
        assert watch.peak() - before < MOST


def _settle(watch: Watch) -> None:
    """Until the server has nothing more to do."""
    used = -1.0
    while used != (now := watch.cpu()):
        used = now
        time.sleep(1)
