"""What one request costs, measured on this machine. For `scripts/simulate`."""

import asyncio
import base64
import json
import os
import tempfile
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from urllib.parse import urlsplit

import bench_servers
from bench_packages import Couchreg
from bench_requests import Load, Request, cpu_seconds
from bench_servers import Subject

CLIENTS = 16
PADDED = 54 << 10  # bytes of a package's JSON: what npm's had in the middle in 2025
PADDED_COUNT = 200


@dataclass(frozen=True)
class Costs:
    """Seconds of processor time of couchreg and of the CouchDB below it, which is 0 for documents of its own;
    what is no time says so."""

    descriptor: float
    unchanged: float  # the same, asked for with the ETag that it has
    file: float  # of 10 KB
    publish: float  # of one table of 10 KB with its checks, children included
    publishes: float  # such publishes a second, CLIENTS at a time
    row: float  # a row of `_changes` with a document of PADDED bytes
    stored: float  # bytes on the disk for a byte of JSON
    below_descriptor: float = 0.0
    below_file: float = 0.0
    below_publish: float = 0.0
    load: float = 0.0  # of the machine when this was measured
    cores: int = 1  # of that machine

    def as_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def of_json(cls, text: str) -> "Costs":
        """Raises ValueError."""
        found = json.loads(text)
        known = {field.name for field in fields(cls)}
        if not isinstance(found, dict) or not found.keys() <= known:
            raise ValueError(f"costs have the members {', '.join(sorted(known))}")
        if not all(isinstance(value, int | float) and value >= 0 for value in found.values()):
            raise ValueError("costs are numbers, none below 0")
        try:
            return cls(**found)
        except TypeError:
            raise ValueError("not all costs are there") from None


def measure(seconds: float, couchdb: str | None = None, couchdb_pid: int | None = None) -> Costs:
    """With documents of its own, or in the CouchDB of this address and process. Raises OSError, Refused."""
    with tempfile.TemporaryDirectory(prefix="couchreg-simulate-") as folder:
        data = Path(folder) / "data"
        where = ["--docstore", couchdb] if couchdb else []
        with bench_servers.couchreg(*where, data=data) as subject:
            return asyncio.run(_measure(subject, seconds, couchdb_pid))


async def _measure(couch: Subject, seconds: float, below: int | None) -> Costs:
    login = couch.url.partition("://")[2].rpartition("@")[0]
    scheme, _, rest = couch.registry.partition("://")
    peer = Couchreg("couchreg", Subject("couchreg", f"{scheme}://{login}@{rest}", couch.pid))
    await peer.prepare()
    tag = _tag(couch.registry + "/read/1.0.0")
    unchanged = peer.descriptor().replace(b"\r\n\r\n", f"\r\nIf-None-Match: {tag}\r\n\r\n".encode(), 1)
    descriptor, below_descriptor, _ = await _cost(peer, [peer.descriptor()], seconds, below)
    known, _, _ = await _cost(peer, [unchanged], seconds, below)
    file, below_file, _ = await _cost(peer, [peer.file()], seconds, below)
    publish, below_publish, publishes = await _cost(peer, None, seconds, below)
    row, stored = await asyncio.to_thread(_rows, couch)
    return Costs(
        descriptor=descriptor,
        unchanged=known,
        file=file,
        publish=publish,
        publishes=publishes,
        row=row,
        stored=stored,
        below_descriptor=below_descriptor,
        below_file=below_file,
        below_publish=below_publish,
        load=os.getloadavg()[0],
        cores=os.cpu_count() or 1,
    )


async def _cost(
    peer: Couchreg, asked: Sequence[Request] | None, seconds: float, below: int | None
) -> tuple[float, float, float]:
    """Of one request, of the server and of what is below it; and how many a second. None publishes."""
    before, load = cpu_seconds(below), Load(peer.subject)
    found = await load.run(lambda n: asked[0] if asked else peer.publish(f"p{n}"), CLIENTS, seconds)
    after = cpu_seconds(below)
    count = found.rate * seconds
    used = 0.0 if before is None or after is None else (after - before) / count
    return found.cpu or 0.0, used, found.rate


def _rows(couch: Subject) -> tuple[float, float]:
    """Of a row of `_changes` with a large document, and bytes on the disk for one of JSON."""
    text = {"readme": base64.b64encode(os.urandom(PADDED * 3 // 8)).decode() + "word " * (PADDED // 10)}
    _ask(couch, "PUT", "/simulate")
    documents = [{"_id": f"p{number}", "n": number, **text} for number in range(PADDED_COUNT)]
    for start in range(0, PADDED_COUNT, 50):
        _ask(couch, "POST", "/simulate/_bulk_docs", {"docs": documents[start : start + 50]})
    sizes = json.loads(_ask(couch, "GET", "/simulate"))["sizes"]
    before = cpu_seconds(couch.pid)
    rounds = 5
    for _ in range(rounds):
        _ask(couch, "GET", "/simulate/_changes?include_docs=true")
    after = cpu_seconds(couch.pid)
    used = 0.0 if before is None or after is None else (after - before) / rounds / PADDED_COUNT
    return used, sizes["file"] / max(1, sizes["external"])


def _ask(couch: Subject, method: str, path: str, body: object = None) -> bytes:
    parts = urlsplit(couch.url)
    address = f"http://{parts.hostname}:{parts.port}{path}"
    data = None if body is None else json.dumps(body).encode()
    login = base64.b64encode(f"{parts.username}:{parts.password}".encode()).decode()
    headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
    asked = urllib.request.Request(address, data, headers, method=method)
    with urllib.request.urlopen(asked, timeout=120) as answer:
        found: bytes = answer.read()
        return found


def _tag(address: str) -> str:
    with urllib.request.urlopen(address, timeout=60) as answer:
        return str(answer.headers["ETag"])
