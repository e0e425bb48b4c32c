"""Measure how soon a large table can be asked, and how fast it answers, beside DuckDB on the same file. Used
by `scripts/bench_tables`.

A table of a million rows (six columns, made up, the same each time) is published. Told are: how long the
publish took and how much later the first question was answered; medians of questions over one connection,
with DuckDB's own times for the same statement on the same Parquet file in turns with them, and their ratio
(CPU is the processor time of the server and its children for one question, with what they do ahead for the
next one); how much memory the server and its children had at most; and how long `/_up` took while statements
were asked that want all of the machine.
"""

import argparse
import http.client
import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import bench_servers
import duckdb

from couchreg.client import Credentials, publish

NAME, VERSION, TABLE = "bench", "1.0.0", "sales"
FIELDS = {
    "id": "integer",
    "day": "date",
    "region": "string",
    "shop": "integer",
    "amount": "number",
    "note": "string",
}
REGIONS = ("North", "South", "East", "West", "Isles", "Capital")
INTERVAL = 0.02  # seconds between looks at processes
MEGABYTE = 1 << 20
STATEMENTS = {  # what is asked with SQL; {table} is how the table is called
    "group by, 6 groups": "SELECT region, count(*), sum(amount), avg(amount) FROM {table} GROUP BY region",
    "group by, 1,000 groups": (
        "SELECT shop, sum(amount) AS whole FROM {table} GROUP BY shop ORDER BY whole DESC LIMIT 10"
    ),
    "filter and order": "SELECT * FROM {table} WHERE amount > 990 ORDER BY amount DESC, id LIMIT 10",
}
GREEDY = (
    "SELECT " + "1+" * 20000 + "1",
    "SELECT repeat('x', 2000000000)",
    "SELECT count(*) FROM range(10000000) a, range(10000000) b",
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t",
    "SELECT * FROM range(1000000000) ORDER BY hash(range)",
)


def main() -> int:
    options = arguments().parse_args()
    load = f"{os.getloadavg()[0]:.1f}"
    print(f"{options.rows:,} rows; {os.cpu_count()} cores, load of the machine {load}", flush=True)
    with tempfile.TemporaryDirectory(prefix="couchreg-bench-") as folder:
        source = package(Path(folder) / "package", options.rows)
        data = Path(folder) / "data"
        with bench_servers.couchreg(door="Registry", data=data) as subject:
            registry = Registry(subject)
            with watched(subject) as memory:
                publish_and_ask(registry, source)
            print(f"memory of the conversion: {memory}")
            with watched(subject) as memory:
                questions(registry, data, options)
            print(f"memory of the questions: {memory}")
            with watched(subject) as memory:
                greedy(registry, options.seconds)
            print(f"memory of these: {memory}; load of the machine {os.getloadavg()[0]:.1f}")
    return 0


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench_tables", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the table (1000000)")
    parser.add_argument("--rounds", type=int, default=30, help="of each question (30)")
    parser.add_argument("--seconds", type=float, default=60.0, help="of statements that want everything (60)")
    return parser


def package(folder: Path, rows: int) -> Path:
    """A folder with the table."""
    folder.mkdir()
    chosen, first = random.Random(13), date(2015, 1, 1)
    days = [str(first + timedelta(days=number)) for number in range(3650)]
    with (folder / "sales.csv").open("w", encoding="utf-8") as file:
        file.write(",".join(FIELDS) + "\n")
        for number in range(rows):
            amount = chosen.randrange(100, 100_000)
            file.write(
                f"{number},{days[number * 3650 // rows]},{chosen.choice(REGIONS)},{chosen.randrange(1000)},"
                f"{amount / 100:.2f},Order {number * 7919 % 1_000_003} of customer {amount % 5000}\n"
            )
    fields = [{"name": name, "type": type} for name, type in FIELDS.items()]
    resource = {"name": TABLE, "path": "sales.csv", "schema": {"fields": fields}}
    descriptor = {"name": NAME, "version": VERSION, "resources": [resource]}
    (folder / "datapackage.json").write_text(json.dumps(descriptor), "utf-8")
    return folder


class Registry:
    """A client of its door, over one connection."""

    def __init__(self, subject: bench_servers.Subject) -> None:
        self.url = subject.url.replace(f"{bench_servers.LOGIN}@", "")
        self.pid = subject.pid or 0
        self._connection = self.connect()

    def connect(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.url)
        return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=600)

    def get(self, path: str) -> tuple[int, bytes]:
        self._connection.request("GET", path)
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def right(self, path: str) -> bytes:
        status, body = self.get(path)
        if status != 200:
            raise RuntimeError(f"{path}: {status} {body[:500]!r}")
        return body


def address(sql: str) -> str:
    return f"/-/sql?q={quote(sql)}"


def publish_and_ask(registry: Registry, source: Path) -> None:
    asked = address(f"SELECT count(*) AS n FROM {NAME}.{TABLE}")
    size = (source / "sales.csv").stat().st_size
    began = time.monotonic()
    publish(registry.url, source, credentials=Credentials(*bench_servers.LOGIN.split(":")))
    published = time.monotonic()
    status, body = registry.get(asked)
    while status != 200:
        time.sleep(INTERVAL)
        status, body = registry.get(asked)
    first = time.monotonic() - published
    print(
        f"publish of {size / MEGABYTE:.0f} MB: {published - began:.1f} s; "
        f"asked {first:.1f} s after its answer: {json.loads(body)['rows'][0]['n']:,} rows",
        flush=True,
    )


def questions(registry: Registry, data: Path, options: argparse.Namespace) -> None:
    """Medians, in turns with DuckDB's own."""
    [file] = (data / "datastore" / "_parquet" / NAME / VERSION).iterdir()
    print(f"Parquet file: {file.stat().st_size / MEGABYTE:.1f} MB")
    far = options.rows * 9 // 10
    viewed = f"/-/viewer/rows?dataset={NAME}@{VERSION}&length=100&offset="
    page = f"SELECT * FROM {{table}} LIMIT 100 OFFSET {far}"
    asked = {name: (address(sql.format(table=f"{NAME}.{TABLE}")), sql) for name, sql in STATEMENTS.items()}
    asked["100 rows at the start"] = (f"{viewed}0", "SELECT * FROM {table} LIMIT 100")
    asked[f"100 rows at offset {far:,}"] = (f"{viewed}{far}", page)
    asked["the same with SQL"] = (address(page.format(table=f"{NAME}.{TABLE}")), page)
    with duckdb.connect(config={"threads": 1}) as connection:
        for name, (path, sql) in asked.items():
            alone = sql.format(table=f"read_parquet('{file}')")
            ours, theirs = Timing(partial(processor, registry.pid)), Timing(time.process_time)
            for _ in range(options.rounds):
                ours.add(partial(registry.right, path))
                theirs.add(connection.sql(alone).fetchall)
            ratio = ours.median / theirs.median
            print(f"{name:32} {ours}; DuckDB alone {theirs}; {ratio:.1f} times", flush=True)


class Timing:
    """How long something took each time, and its processor time, which varies less."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._took: list[float] = []
        self._processor = 0.0

    def add(self, run: Callable[[], Any]) -> None:
        began = self._clock()
        self._took.append(took(run))
        self._processor += self._clock() - began

    @property
    def median(self) -> float:
        return statistics.median(self._took)

    def __str__(self) -> str:
        shown = (self.median, min(self._took), self._processor / len(self._took))
        return "{:.1f} ms (best {:.1f}, CPU {:.1f})".format(*(seconds * 1000 for seconds in shown))


def processor(pid: int) -> float:
    """Seconds of processor time of a process and of all that it has started, also of what has ended."""
    total = 0
    for process in (pid, *descendants(pid)):
        with suppress(OSError):
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15]))
    return total / os.sysconf("SC_CLK_TCK")


def took(run: Callable[[], Any]) -> float:
    began = time.monotonic()
    run()
    return time.monotonic() - began


def greedy(registry: Registry, seconds: float) -> None:
    """Two at a time, which is what the server answers at once, one after the other; and how long everybody
    else waits meanwhile."""
    until, statuses = time.monotonic() + seconds, Counter[int]()

    def ask(number: int) -> None:
        for sql in GREEDY[number:] + GREEDY[:number]:
            if time.monotonic() < until:
                connection = registry.connect()
                sent = {"Content-Type": "application/json"}
                connection.request("POST", "/-/sql", json.dumps({"q": sql}), sent)
                statuses[connection.getresponse().status] += 1
                connection.close()

    waits = []
    with ThreadPoolExecutor(2) as threads:
        asked = [threads.submit(ask, number) for number in range(2)]
        while not waits or not all(one.done() for one in asked):
            waits.append(took(partial(registry.right, "/_couch/_up")))
            time.sleep(INTERVAL)
    waits.sort()
    print(
        f"{statuses.total()} statements that want everything, answered {dict(statuses)}; "
        f"/_up meanwhile {statistics.median(waits) * 1000:.1f} ms, "
        f"99 % within {waits[len(waits) * 99 // 100] * 1000:.1f} ms, {waits[-1] * 1000:.1f} ms at most"
    )


# -- memory
class Memory:
    """How much a server had at most, and each of its processes below."""

    def __init__(self) -> None:
        self.server = self.child = 0

    def __str__(self) -> str:
        return f"server {self.server / MEGABYTE:,.0f} MB, its largest child {self.child / MEGABYTE:,.0f} MB"


@contextmanager
def watched(subject: bench_servers.Subject) -> Iterator[Memory]:
    found, ended = Memory(), threading.Event()

    def watch() -> None:
        while not ended.wait(INTERVAL):
            found.server = max(found.server, resident(subject.pid or 0))
            for child in descendants(subject.pid or 0):
                found.child = max(found.child, resident(child))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def resident(pid: int) -> int:
    """Bytes of a process that are in memory; 0 for one that has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    return 0


def descendants(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, task.read_text().split()):
                found += [child, *descendants(child)]
    return found


if __name__ == "__main__":
    sys.exit(main())
