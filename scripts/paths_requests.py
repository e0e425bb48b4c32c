"""The six requests that `scripts/paths` looks at, and the recording of each."""

import base64
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

LOGIN = "admin:paths"
START = 60  # seconds that a server or a recording may take
RECORDER = Path(__file__).with_name("paths_recorder.py")
NAMES = ("couch GET", "couch PUT", "_changes", "resource GET", "multipart publish", "install")
ROWS = "".join(f"{number},word {number}\n" for number in range(100))
BOUNDARY = "paths-boundary"

Calls = list[list[tuple[str, str]]]  # by thread: file and function, in order


def recordings(checkout: Path, scratch: Path, rounds: int) -> dict[str, list[Calls]]:
    """What the functions of a checkout's couchreg did, for each request and each time it was made."""
    scratch.mkdir()
    with serving(checkout, scratch) as server:
        found = {name: list(request(server, rounds)) for name, request in REQUESTS.items()}
        found["install"] = [installed(checkout, scratch, server.registry, n) for n in range(rounds)]
    return found


class Server:
    """A server that records; `couch` and `registry` are the addresses of its doors."""

    def __init__(self, orders: IO[str], scratch: Path, registry: str, couch: str) -> None:
        self.registry, self.couch = registry, couch
        self._orders, self._scratch = orders, scratch
        self._asked = 0
        self._connections: dict[str, http.client.HTTPConnection] = {}

    def send(self, method: str, url: str, body: bytes = b"", kind: str = "application/json") -> None:
        """One request, to the end of its answer; it must succeed. The connection is kept, as clients do."""
        parts = urlsplit(url)
        login = base64.b64encode(LOGIN.encode()).decode()
        kept = self._connections
        connection = kept.setdefault(parts.netloc, http.client.HTTPConnection(parts.netloc, timeout=START))
        headers = {"Authorization": f"Basic {login}", "Content-Type": kind}
        connection.request(method, parts.path, body or None, headers)
        response = connection.getresponse()
        answer = response.read()
        if response.status >= 400:
            sys.exit(f"scripts/paths: {method} {parts.path} answered {response.status}: {answer.decode()}")

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()

    def recorded(self, method: str, url: str, body: bytes = b"", kind: str = "application/json") -> Calls:
        """The same, and what the server did for it."""
        self._asked += 1
        file = self._scratch / f"{self._asked}.json"
        self._order(f"record {file}", Path(f"{file}.ready"))
        self.send(method, url, body, kind)
        self._order("stop", file)
        return read(file)

    def _order(self, order: str, proof: Path) -> None:
        print(order, file=self._orders, flush=True)
        end = time.monotonic() + START
        while not proof.exists():
            if time.monotonic() > end:
                sys.exit("scripts/paths: the server has stopped recording")
            time.sleep(0.01)


def couch_put(server: Server, rounds: int) -> Iterator[Calls]:
    server.send("PUT", f"{server.couch}/paths")
    for number in range(rounds):
        yield server.recorded("PUT", f"{server.couch}/paths/{number}", b'{"word": "one"}')


def couch_get(server: Server, rounds: int) -> Iterator[Calls]:
    for _ in range(rounds):
        yield server.recorded("GET", f"{server.couch}/paths/0")


def changes(server: Server, rounds: int) -> Iterator[Calls]:
    for _ in range(rounds):
        yield server.recorded("GET", f"{server.couch}/paths/_changes")


def publish(server: Server, rounds: int) -> Iterator[Calls]:
    fields = [{"name": "id", "type": "integer"}, {"name": "word", "type": "string"}]
    resource = {"name": "words", "path": "words.csv", "schema": {"fields": fields}}
    descriptor = json.dumps({"name": "paths", "resources": [resource]})
    body = form(("datapackage.json", descriptor), ("words.csv", f"id,word\n{ROWS}"))
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    for number in range(rounds):
        yield server.recorded("PUT", f"{server.registry}/paths/{number}.0.0", body, kind)


def resource_get(server: Server, rounds: int) -> Iterator[Calls]:
    for _ in range(rounds):
        yield server.recorded("GET", f"{server.registry}/paths/0.0.0/words")


REQUESTS = {
    "couch PUT": couch_put,
    "couch GET": couch_get,
    "_changes": changes,
    "multipart publish": publish,
    "resource GET": resource_get,
}


def form(*files: tuple[str, str]) -> bytes:
    """What `curl -F` sends: each file as a part that its path names."""
    disposition = 'Content-Disposition: form-data; name="{0}"; filename="{0}"'
    parts = [f"--{BOUNDARY}\r\n{disposition.format(path)}\r\n\r\n{text}\r\n" for path, text in files]
    return f"{''.join(parts)}--{BOUNDARY}--\r\n".encode()


def installed(checkout: Path, scratch: Path, registry: str, number: int) -> Calls:
    """What `couchreg install paths` does in an empty folder, with nothing in its cache."""
    folder, file = scratch / f"project-{number}", scratch / f"install-{number}.json"
    folder.mkdir()
    env = environment(checkout, scratch, COUCHREG_RECORD_ALL=str(file), COUCHREG_CACHE=str(folder / "cache"))
    command = [
        sys.executable,
        str(RECORDER),
        "install",
        "paths",
        "--dir",
        str(folder),
        "--registry",
        registry,
    ]
    done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"scripts/paths: couchreg install failed: {done.stderr}")
    return read(file)


def read(file: Path) -> Calls:
    recorded = json.loads(file.read_text())
    return [[(path, function) for path, function in calls] for calls in recorded]


def environment(checkout: Path, home: Path, **more: str) -> dict[str, str]:
    """Without settings of whoever runs the script, and with the code of `checkout`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COUCHREG_")}
    return kept | {"PYTHONPATH": str(checkout), "HOME": str(home), "XDG_CONFIG_HOME": str(home)} | more


@contextmanager
def serving(checkout: Path, scratch: Path) -> Iterator[Server]:
    command = [sys.executable, str(RECORDER), "serve", "--port", "0", "--couch-port", "0"]
    command += ["--data-dir", str(scratch / "data")]
    with subprocess.Popen(
        command,
        env=environment(checkout, scratch, COUCHREG_ADMIN=LOGIN),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            server = Server(process.stdin, scratch, *addresses(process.stdout))
            with closing(server):
                yield server
        finally:
            process.terminate()


def addresses(output: IO[str]) -> tuple[str, str]:
    """What the server says of its doors when it has started."""
    found: dict[str, str] = {}
    for line in output:
        label, _, rest = line.partition(" ")
        found[label] = rest.strip().rstrip("/")
        if {"Registry", "CouchDB"} <= set(found):
            return found["Registry"], found["CouchDB"]
    sys.exit("scripts/paths: the server did not start")
