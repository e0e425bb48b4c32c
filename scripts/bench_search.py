"""Measure the search, and what making its index anew costs the doors. Used by `scripts/bench_search`.

Packages of two versions each, with words as frequent as those of a language, are written through the couch
door. Told are, for each engine: how far behind the index is after that, how long searches take (asked one
after the other, over this machine's own network; for the client, and at the server by its log), how soon a
new version is found, how long an index takes that is made anew, alone and beside others, and how long
publishes, reads and `_up` take quietly and meanwhile. These two are measured in turns: every few seconds the
child that makes the index is held, or goes on, so that whatever else the machine does is the same for both.
A table at the end has all of it.
"""

import argparse
import asyncio
import os
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

import aiohttp
import bench_servers
import msgspec

from couchreg.followers.search.tokens import STOP_WORDS

BATCH = 1_000  # documents of a request
LOGIN = {"Authorization": aiohttp.encode_basic_auth(*bench_servers.LOGIN.split(":"))}
Ask = Callable[[], Awaitable[None]]
Table = dict[str, str]  # what was measured, by its name


def main() -> int:
    options = arguments().parse_args()
    print(f"{options.packages:,} packages of two versions; load of the machine {os.getloadavg()[0]:.1f}")
    tables = {}
    for engine in options.engines.split(","):
        count = min(options.packages, options.whoosh_packages) if engine == "whoosh" else options.packages
        with tempfile.TemporaryDirectory(prefix="couchreg-bench-") as folder:
            table = asyncio.run(measure(engine, Path(folder), count, options))
        tables[f"{engine}, {count:,} packages"] = table
    print_table(tables)
    return 0


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench_search", description=__doc__)
    parser.add_argument("--packages", type=int, default=10_000, help="how many (10000)")
    parser.add_argument("--whoosh-packages", type=int, default=10_000, help="with whoosh at most (10000)")
    parser.add_argument("--engines", default="fts5,whoosh", help="which, with commas (fts5,whoosh)")
    parser.add_argument("--queries", type=int, default=300, help="of each kind (300)")
    parser.add_argument("--seconds", type=float, default=15.0, help="for the queries of each kind (15)")
    parser.add_argument(
        "--rest", type=float, default=20.0, help="seconds before, for the index to be put in order (20)"
    )
    parser.add_argument("--turn", type=float, default=2.0, help="seconds that indexing is held, or not (2)")
    return parser


# -- packages
class Words:
    """A made-up language whose n-th word is used 1/n as often as its first (Zipf's law).

    As in English the most frequent words say nothing (`the`, `of`): they stand in descriptions, and nobody
    looks for them. Titles, keywords, names of fields and questions are made of the 20,000 others, in
    descriptions and in questions alike as often as their rank says.
    """

    def __init__(self) -> None:
        self._chosen = random.Random(14)
        syllables = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
        empty = sorted(STOP_WORDS)
        ends = ("", "k", "n", "r", "th")
        self.all = [
            "".join(self._chosen.choices(syllables, k=3 + n % 3)) + ends[n % len(ends)] for n in range(20_000)
        ]
        self._written = [*empty, *self.all]
        self._weights = list(accumulate(1 / rank for rank in range(1, len(self._written) + 1)))
        self._said = [weight - self._weights[len(empty) - 1] for weight in self._weights[len(empty) :]]

    def some(self, count: int) -> list[str]:
        """Words that say something."""
        return self._chosen.choices(self.all, cum_weights=self._said, k=count)

    def sentence(self, count: int) -> str:
        return " ".join(self._chosen.choices(self._written, cum_weights=self._weights, k=count))

    def package(self, number: int, version: str) -> dict[str, Any]:
        fields = [{"name": f"{word}_{n}", "type": "string"} for n, word in enumerate(self.some(8))]
        return {
            "_id": f"p{number}@{version}",
            "title": " ".join(self.some(5)),
            "description": self.sentence(60),
            "keywords": self.some(4),
            "licenses": [{"name": self._chosen.choice(("CC0-1.0", "CC-BY-4.0", "ODbL-1.0"))}],
            "resources": [{"name": "table", "path": "t.csv", "format": "csv", "schema": {"fields": fields}}],
        }


# -- a server
@contextmanager
def served(engine: str, data: Path, *more: str) -> Iterator[tuple[str, int]]:
    """The address of a registry over a directory that stays, and the number of its process."""
    settings = ("--search-engine", engine, "--validation", "off", "--analytics", "off", *more)
    with bench_servers.couchreg(*settings, door="Registry", data=data) as subject:
        assert subject.pid is not None
        yield subject.url.replace(f"{bench_servers.LOGIN}@", ""), subject.pid


class Answered:
    """What a server's log says of the searches that it answered."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self.settings = ("--access-log", "json", "--access-log-file", str(log))

    async def searches(self) -> list[float]:
        """Seconds of each, in order, when what is gathered for the log has been written."""
        await asyncio.sleep(0.5)
        lines = (msgspec.json.decode(line) for line in self._log.read_bytes().splitlines())
        return [line["seconds"] for line in lines if line["path"] == "/-/search"]


def indexers(server: int) -> list[int]:
    """The children of a server that write indexes."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                if b"search" in (entry / "cmdline").read_bytes():
                    parents[int(entry.name)] = int(parent)
    return [one for one, parent in parents.items() if parents.get(parent) == server]


def tell(processes: list[int], number: signal.Signals) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, number)


def processor_time(process: int) -> float:
    """Seconds that a process has used, its children not counted."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Registry:
    """A client of its door."""

    def __init__(self, session: aiohttp.ClientSession, url: str, packages: int) -> None:
        self._session, self.url = session, url
        self._published = 0
        self.packages = packages

    async def json(self, method: str, path: str, body: Any = None) -> Any:
        async with self._session.request(method, self.url + path, json=body, headers=LOGIN) as response:
            if response.status >= 400:
                raise RuntimeError(f"{method} {path}: {response.status} {await response.text()}")
            return await response.json(content_type=None)

    async def load(self, words: Words) -> None:
        for version in ("1.0.0", "1.1.0"):
            for start in range(0, self.packages, BATCH):
                numbers = range(start, min(self.packages, start + BATCH))
                docs = {"docs": [words.package(number, version) for number in numbers]}
                await self.json("POST", "/_couch/registry/_bulk_docs", docs)

    async def place(self) -> tuple[int, int]:
        """Of the index in the changes, and the last one of these."""
        followers = (await self.json("GET", "/-/followers"))["followers"]
        [search] = [one for one in followers if one["name"] == "search"]
        return search["seq"], search["update_seq"]

    async def caught_up(self) -> None:
        _, wanted = await self.place()
        while (await self.place())[0] < wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.2)

    async def at_rest(self) -> None:
        """Until nobody follows any more: searches are measured where the server has nothing else to do."""
        while True:
            followers = (await self.json("GET", "/-/followers"))["followers"]
            if all(one["seq"] >= one["update_seq"] for one in followers):
                return
            await asyncio.sleep(0.2)

    async def search(self, **asked: Any) -> Any:
        async with self._session.get(f"{self.url}/-/search", params=asked) as response:
            return await response.json(loads=msgspec.json.decode)

    async def publish(self) -> None:
        self._published += 1
        name = f"new{self._published}-{time.monotonic_ns()}"
        body = {"name": name, "title": name, "resources": [{"name": "t", "data": [{"n": 1}]}]}
        await self.json("PUT", f"/{name}/1.0.0", body)

    async def read(self) -> None:
        await self.json("GET", f"/p{random.randrange(self.packages)}/1.0.0")

    async def up(self) -> None:
        await self.json("GET", "/_couch/_up")

    async def found(self) -> float:
        """Seconds from the answer to a publish until it is found."""
        word = f"zebra{time.monotonic_ns()}"
        body = {"name": word, "title": word, "resources": [{"name": "t", "data": [{"n": 1}]}]}
        await self.json("PUT", f"/{word}/1.0.0", body)
        began = time.monotonic()
        while not (await self.search(q=word))["total"]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        return time.monotonic() - began


# -- measurements
async def measure(engine: str, folder: Path, count: int, options: argparse.Namespace) -> Table:
    words = Words()
    table: Table = {}

    def note(name: str, value: str) -> None:
        table[name] = value
        print(f"{engine}: {name}: {value}", flush=True)

    async with aiohttp.ClientSession() as session:
        log = Answered(folder / "access")
        with served(engine, folder / "data", *log.settings) as (url, _):
            registry = Registry(session, url, count)
            began = time.monotonic()
            await registry.load(words)
            written = time.monotonic()
            await registry.caught_up()
            note("written in", f"{written - began:.0f} s")
            note("indexed behind that", f"{time.monotonic() - written:.0f} s")
            await registry.at_rest()
            note("all followers behind that", f"{time.monotonic() - written:.0f} s")
            await asyncio.sleep(options.rest)
            asked = await searches(registry, words, options)
            answered = iter(await log.searches())
            for name, took in asked.items():
                at_server = list(islice(answered, len(took)))
                note(name, f"{shown(took)}; at the server {shown(at_server)}")
            delays = [await registry.found() for _ in range(10)]
            middle, most = statistics.median(delays), max(delays)
            note("found after a publish", f"{middle:.2f} s, at most {most:.2f} s")
        shutil.rmtree(folder / "data" / "search")
        with served(engine, folder / "data") as (url, _):
            began = time.monotonic()
            await Registry(session, url, count).caught_up()
            note("index made anew in", f"{time.monotonic() - began:.0f} s")
        shutil.rmtree(folder / "data" / "search")
        with served(engine, folder / "data") as (url, server):
            turns = Turns(Registry(session, url, count), server, options.turn)
            await turns.run()
        note("index made anew beside others in", f"{turns.seconds[True]:.0f} s")
        for name in turns.took[True]:
            note(f"{name}, quietly", shown(turns.took[False][name]))
            note(f"{name}, meanwhile", shown(turns.took[True][name]))
        note("server's processor, quietly", f"{turns.share(False):.0f} %")
        note("server's processor, meanwhile", f"{turns.share(True):.0f} %")
        note("load of the machine", f"{os.getloadavg()[0]:.1f}")
    return table


async def searches(registry: Registry, words: Words, options: argparse.Namespace) -> dict[str, list[float]]:
    """Of each kind so many as were asked for, or as there is time for."""
    facets = {"facet": "license,format,keywords"}

    def asked_for(count: int, more: Mapping[str, str]) -> dict[str, str]:
        return {"q": " ".join(words.some(count)), **more}

    kinds: dict[str, Callable[[], dict[str, str]]] = {"first page, facets": lambda: facets}
    for number, name in ((1, "1 word"), (2, "2 words"), (3, "3 words")):
        kinds[name] = partial(asked_for, number, {})
        kinds[f"{name}, facets"] = partial(asked_for, number, facets)
    frequent = iter(words.all)
    kinds["most frequent words, facets"] = lambda: {"q": next(frequent), **facets}
    kinds["rare word"] = lambda: {"q": random.choice(words.all[1000:])}
    found: dict[str, list[float]] = {}
    for name, make in kinds.items():
        took = found[name] = []
        end = time.monotonic() + options.seconds
        while len(took) < options.queries and (time.monotonic() < end or len(took) < 2):
            asked = make()
            began = time.monotonic()
            await registry.search(**asked)
            took.append(time.monotonic() - began)
    return found


class Turns:
    """How long publishes, reads and `_up` take, each asked by one client, while an index is made and, in
    turns with that, while those who make it are held: `took` and `seconds` by whether it is being made."""

    def __init__(self, registry: Registry, server: int, seconds: float) -> None:
        self._registry = registry
        self._server = server
        self._turn = seconds
        self._number = 0  # of the turn
        self._is_making = True
        self._wanted = 0  # the place of an index that has been made
        self.took: dict[bool, dict[str, list[float]]] = {
            making: {"publish": [], "read": [], "_up": []} for making in (False, True)
        }
        self.seconds = {False: 0.0, True: 0.0}
        self._processor = {False: 0.0, True: 0.0}

    def share(self, making: bool) -> float:
        """Percents of a processor that the server itself used."""
        return 100 * self._processor[making] / max(self.seconds[making], 0.001)

    async def run(self) -> None:
        """Until the index has been made."""
        registry = self._registry
        _, self._wanted = await registry.place()
        asks: list[tuple[str, Ask]] = [
            ("publish", registry.publish),
            ("read", registry.read),
            ("_up", registry.up),
        ]
        tasks = [asyncio.create_task(self._repeat(*one)) for one in asks]
        try:
            while await self._while_making():
                await self._while_held()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _repeat(self, name: str, ask: Ask) -> None:
        while True:
            began, number = time.monotonic(), self._number
            await ask()
            if number == self._number:  # else it was of both
                self.took[self._is_making][name].append(time.monotonic() - began)
            await asyncio.sleep(0.02)

    async def _while_making(self) -> bool:
        """One turn; whether it is still being made."""
        with self._counted(making=True):
            end = time.monotonic() + self._turn
            while time.monotonic() < end:
                if (await self._registry.place())[0] >= self._wanted:
                    return False
                await asyncio.sleep(0.1)
        return True

    async def _while_held(self) -> None:
        held = indexers(self._server)
        tell(held, signal.SIGSTOP)
        try:
            with self._counted(making=False):
                await asyncio.sleep(self._turn)
        finally:
            tell(held, signal.SIGCONT)

    @contextmanager
    def _counted(self, *, making: bool) -> Iterator[None]:
        self._number += 1
        self._is_making = making
        began, used = time.monotonic(), processor_time(self._server)
        try:
            yield
        finally:
            self.seconds[making] += time.monotonic() - began
            self._processor[making] += processor_time(self._server) - used


def shown(took: list[float]) -> str:
    if len(took) < 2:
        return "too few"
    ordered = sorted(took)
    middle, high = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.95)]
    return f"{middle * 1000:.1f} ms, 95 % within {high * 1000:.1f} ms"


def print_table(tables: Mapping[str, Table]) -> None:
    names = list(dict.fromkeys(name for table in tables.values() for name in table))
    widths = [max(len(name) for name in names), *(max(len(title), 80) for title in tables)]
    rows = [["", *tables], *([name, *(table.get(name, "") for table in tables.values())] for name in names)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    sys.exit(main())
