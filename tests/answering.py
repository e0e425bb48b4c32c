"""Small servers that answer as a test wants them to."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Answering(BaseHTTPRequestHandler):
    """One request to such a server; `do_GET` and its like are the test's."""

    def answer_json(self, status: int, value: Any) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.dumps(value, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@contextmanager
def answering(requests: type[Answering]) -> Iterator[str]:
    """The address of one, while the block lasts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), requests)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
