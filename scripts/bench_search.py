"""Measure the search, and what making its index anew costs the doors. Used by `scripts/bench_search`.

Packages of two versions each, with words as frequent as those of a language, are written through the couch
door. Told are, for each engine: how far behind the index is after that, how long searches take (asked one
after the other, over this machine's own network), how soon a new version is found, how long an index takes
that is made anew, and how long publishes, reads and `_up` take quietly and meanwhile.
"""

import argparse
import asyncio
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any

import aiohttp
import bench_servers

from couchreg.followers.search.tokens import STOP_WORDS

BATCH = 1_000  # documents of a request
LOGIN = {"Authorization": aiohttp.encode_basic_auth(*bench_servers.LOGIN.split(":"))}
Ask = Callable[[], Awaitable[None]]


def main() -> int:
    options = arguments().parse_args()
    print(f"{options.packages:,} packages of two versions; load of the machine {os.getloadavg()[0]:.1f}")
    for engine in options.engines.split(","):
        with tempfile.TemporaryDirectory(prefix="couchreg-bench-") as folder:
            asyncio.run(measure(engine, Path(folder), options))
    return 0


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench_search", description=__doc__)
    parser.add_argument("--packages", type=int, default=10_000, help="how many (10000)")
    parser.add_argument("--engines", default="fts5,whoosh", help="which, with commas (fts5,whoosh)")
    parser.add_argument("--queries", type=int, default=300, help="of each kind (300)")
    parser.add_argument("--seconds", type=float, default=10.0, help="of quiet measurements (10)")
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
def served(engine: str, data: Path) -> Iterator[str]:
    """The address of a registry over a directory that stays."""
    settings = ("--search-engine", engine, "--validation", "off", "--analytics", "off")
    with bench_servers.couchreg(*settings, door="Registry", data=data) as subject:
        yield subject.url.replace(f"{bench_servers.LOGIN}@", "")


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

    async def caught_up(self) -> None:
        while True:
            [search] = [
                one
                for one in (await self.json("GET", "/-/followers"))["followers"]
                if one["name"] == "search"
            ]
            if search["seq"] >= search["update_seq"]:
                return
            await asyncio.sleep(0.2)

    async def search(self, **asked: Any) -> Any:
        async with self._session.get(f"{self.url}/-/search", params=asked) as response:
            return await response.json()

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
async def measure(engine: str, folder: Path, options: argparse.Namespace) -> None:
    words = Words()
    async with aiohttp.ClientSession() as session:
        with served(engine, folder / "data") as url:
            registry = Registry(session, url, options.packages)
            began = time.monotonic()
            await registry.load(words)
            written = time.monotonic()
            await registry.caught_up()
            behind = time.monotonic() - written
            print(f"{engine}: written in {written - began:.0f} s, indexed {behind:.0f} s later")
            await searches(engine, registry, words, options.queries)
            delays = [await registry.found() for _ in range(10)]
            middle, most = statistics.median(delays), max(delays)
            print(f"{engine}: found {middle:.2f} s after its publish, {most:.2f} s at most")
            quiet = await probes(registry, lambda: asyncio.sleep(options.seconds))
        shutil.rmtree(folder / "data" / "search")
        with served(engine, folder / "data") as url:
            registry = Registry(session, url, options.packages)
            began = time.monotonic()
            busy = await probes(registry, registry.caught_up)
            print(f"{engine}: made anew in {time.monotonic() - began:.0f} s; load {os.getloadavg()[0]:.1f}")
        for name, took in quiet.items():
            print(f"{engine}: {name:8} quiet {shown(took)}, meanwhile {shown(busy[name])}")


async def searches(engine: str, registry: Registry, words: Words, count: int) -> None:
    chosen = random.Random(7)
    kinds: Mapping[str, Callable[[], dict[str, str]]] = {
        "1 word": lambda: {"q": " ".join(words.some(1))},
        "2 words": lambda: {"q": " ".join(words.some(2))},
        "3 words": lambda: {"q": " ".join(words.some(3))},
        "facets": lambda: {"q": " ".join(words.some(2)), "facet": "license,format,keywords"},
        "rare": lambda: {"q": chosen.choice(words.all[1000:])},
    }
    for name, make in kinds.items():
        took = []
        for _ in range(count):
            asked = make()
            began = time.monotonic()
            await registry.search(**asked)
            took.append(time.monotonic() - began)
        print(f"{engine}: {name:8} {shown(took)}")


async def probes(registry: Registry, until: Callable[[], Awaitable[None]]) -> dict[str, list[float]]:
    """How long publishes, reads and `_up` take, each asked by one client, until something is over."""
    took: dict[str, list[float]] = {"publish": [], "read": [], "_up": []}
    asks: list[tuple[str, Ask]] = [
        ("publish", registry.publish),
        ("read", registry.read),
        ("_up", registry.up),
    ]

    async def repeat(name: str, ask: Ask) -> None:
        while True:
            began = time.monotonic()
            await ask()
            took[name].append(time.monotonic() - began)
            await asyncio.sleep(0.02)

    tasks = [asyncio.create_task(repeat(*one)) for one in asks]
    await until()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return took


def shown(took: list[float]) -> str:
    if len(took) < 2:
        return "too few"
    ordered = sorted(took)
    middle, high = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.95)]
    return f"{middle * 1000:.1f} ms, 95 % within {high * 1000:.1f} ms"


if __name__ == "__main__":
    sys.exit(main())
