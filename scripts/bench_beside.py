"""Small publishes while a large table is checked. For `scripts/bench_publishing --beside`.

One client publishes the small package again and again: first while nothing else is done, then while the table
is checked, each time as many; `/_up` is asked ten times a second meanwhile. A machine that does other things
is not the same for both, so there is a third measurement: while the check is under way its process is stopped
and goes on in turns, some publishes each. The large table comes over several requests, as `couchreg publish`
sends it, and its check goes on by itself.
"""

import asyncio
import json
import os
import signal
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bench_servers
import duckdb
from bench_packages import Couchreg, request
from bench_requests import Connection, cpu_seconds
from bench_tables import descendants, processor

from couchreg.client import Credentials, Folder, Registry
from couchreg.registry.checking.checker import CheckLimits

NAME, ROW = "large", 66  # bytes of a row
REGIONS = ["North", "South", "East", "West", "Isles", "Capital"]
FIELDS = [
    {"name": "id", "type": "integer"},
    {"name": "day", "type": "date"},
    {"name": "region", "type": "string", "constraints": {"enum": REGIONS}},
    {"name": "shop", "type": "integer", "constraints": {"minimum": 0, "maximum": 999}},
    {"name": "amount", "type": "number", "constraints": {"minimum": 0}},
    {"name": "note", "type": "string"},
]
MADE = """
COPY (SELECT i AS id, DATE '2015-01-01' + (i * 3650 // {rows})::INT AS "day",
      {regions}[1 + (hash(i) % 6)::INT] AS region, (hash(i + 7) % 1000)::INT AS shop,
      round((100 + hash(i + 13) % 99900) / 100.0, 2) AS amount,
      'Order ' || (i * 7919 % 1000003) || ' of customer ' || (hash(i + 21) % 5000) AS note
      FROM range({rows}) rows(i)) TO '{path}' (HEADER)
"""
TURN = 20  # publishes until the check is stopped, or goes on
WARM = 20  # publishes before any is counted
ASKING = 0.1  # seconds between two of `/_up`
LOOKING = 1.0  # seconds between two looks at the large publish
IDLE = 0.1  # of a processor: what a server uses that does nothing


@dataclass
class Waits:
    """Seconds of each publish, and of each `/_up` meanwhile."""

    publishes: list[float] = field(default_factory=list)
    up: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.publishes)

    def __str__(self) -> str:
        up = f"/_up {_ms(statistics.median(self.up))}, at most {_ms(max(self.up))}"
        return f"median {_ms(self.median)}, 95 % within {_ms(_most_of(self.publishes))}; {up}"


async def beside(megabytes: int, count: int) -> int:
    """Prints each, and the ratios."""
    with tempfile.TemporaryDirectory(prefix="couchreg-bench-") as folder:
        source = table(Path(folder, NAME), megabytes)
        with bench_servers.couchreg(door="Registry", data=Path(folder, "data")) as subject:
            peer = Couchreg("couchreg", subject)
            await _publish(peer, "warm", min(WARM, count), Waits())
            await _rest(subject)
            quiet = await _measured("quiet", peer, count)
            await _rest(subject)
            began = time.perf_counter()
            status = await _begin(subject, source)
            enough = status is not None and await _while_checked(peer, status, quiet, count)
            state = "published" if status is None else await _end(peer, status)
            print(f"the large publish: {state} after {time.perf_counter() - began:.0f} s")
    if not enough:
        print("Its check was over before the small publishes were: choose a larger table.")
    return 0 if enough else 1


async def _while_checked(peer: Couchreg, status: str, quiet: Waits, count: int) -> bool:
    """Whether the check had not ended before what is measured beside it."""
    await _until(peer, status, lambda found: _ended(found) or "rows" in found.get("progress", {}))
    busy = await _measured("busy", peer, count)
    print(f"ratio of the medians {busy.median / quiet.median:.2f}")
    check = _check(peer.subject)
    if check is None:
        return False
    stopped, going = await _in_turns(peer, check, count)
    print(f"ratio of those in turns {going.median / stopped.median:.2f}")
    return not _ended(await _status(peer, status))


def table(folder: Path, megabytes: int) -> Path:
    """A folder with a package of one table of about so many megabytes, made up, the same each time."""
    folder.mkdir()
    path = folder / "sales.csv"
    with duckdb.connect() as made:
        made.execute(MADE.format(rows=megabytes * 1_000_000 // ROW, regions=REGIONS, path=path))
    resource = {"name": "sales", "path": "sales.csv", "schema": {"fields": FIELDS, "primaryKey": ["id"]}}
    descriptor = {"name": NAME, "version": "1.0.0", "resources": [resource]}
    (folder / "datapackage.json").write_text(json.dumps(descriptor), "utf-8")
    return folder


async def _measured(name: str, peer: Couchreg, count: int) -> Waits:
    waits = Waits()
    await _publish(peer, name, count, waits)
    _tell(name, waits)
    return waits


async def _in_turns(peer: Couchreg, check: int, count: int) -> tuple[Waits, Waits]:
    """While the check is stopped, and while it goes on."""
    stopped, going = Waits(), Waits()
    turns = [(stopped, signal.SIGSTOP), (going, signal.SIGCONT)]
    try:
        for turn in range(0, count, TURN):
            for waits, sent in turns:
                _send(check, sent)
                await _publish(peer, f"{sent.name.lower()}-{turn}", min(TURN, count - turn), waits)
            turns.reverse()  # whoever comes second finds what the first has left
    finally:
        _send(check, signal.SIGCONT)
    _tell("in turns, stopped", stopped)
    _tell("in turns, going on", going)
    return stopped, going


def _send(check: int, sent: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # it is over
        os.kill(check, sent)


def _tell(name: str, waits: Waits) -> None:
    load = os.getloadavg()[0]
    print(f"{name:18} {len(waits.publishes)} publishes: {waits}; load of the machine {load:.1f}", flush=True)


async def _publish(peer: Couchreg, name: str, count: int, waits: Waits) -> None:
    connection, other = await Connection.to(peer.subject.url), await Connection.to(peer.subject.url)
    asking = asyncio.create_task(_ask(other, waits))
    try:
        for number in range(count):
            began = time.perf_counter()
            await connection.send(peer.publish(f"{name}-{number}"))
            waits.publishes.append(time.perf_counter() - began)
    finally:
        asking.cancel()
        connection.close()
        other.close()


async def _ask(connection: Connection, waits: Waits) -> None:
    asked = request("GET", "/_couch/_up")
    while True:
        began = time.perf_counter()
        await connection.send(asked)
        waits.up.append(time.perf_counter() - began)
        await asyncio.sleep(ASKING)


async def _begin(subject: bench_servers.Subject, source: Path) -> str | None:
    """Send the large package; the path of its status, None when it was published within the request."""
    login = Credentials(*bench_servers.LOGIN.split(":"))
    async with Registry(subject.registry, login) as registry:
        published = await registry.publish(Folder.read(source, None), wait=False)
    return published.checking and f"/-/publishing/{published.checking.rpartition('/')[2]}"


async def _status(peer: Couchreg, path: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(await peer.send(peer.get(path, peer.authorization)))
    return found


async def _until(peer: Couchreg, path: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first status of which something holds."""
    while True:
        found = await _status(peer, path)
        if holds(found):
            return found
        await asyncio.sleep(LOOKING)


def _ended(found: dict[str, Any]) -> bool:
    return bool(found["state"] != "checking")


async def _end(peer: Couchreg, path: str) -> str:
    """What has become of the large publish."""
    return str((await _until(peer, path, _ended))["state"])


def _check(subject: bench_servers.Subject) -> int | None:
    """The process of the check, which has computed most of those of its rank; None when it is over."""
    ranked = [child for child in descendants(subject.pid or 0) if _rank(child) == CheckLimits().of(0).nice]
    return max(ranked, key=processor, default=None)


def _rank(pid: int) -> int | None:
    with suppress(OSError):
        return os.getpriority(os.PRIO_PROCESS, pid)
    return None  # it has ended


async def _rest(subject: bench_servers.Subject) -> None:
    """Until the server and its children have done what publishes leave them to do."""
    used = cpu_seconds(subject.pid) or 0.0
    while True:
        await asyncio.sleep(1)
        before, used = used, cpu_seconds(subject.pid) or 0.0
        if used - before < IDLE:
            return


def _most_of(waits: list[float]) -> float:
    return sorted(waits)[len(waits) * 95 // 100]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"
