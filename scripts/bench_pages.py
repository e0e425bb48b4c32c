"""Measure how long the server takes for each page when it has many packages. Used by `scripts/bench_pages`.

Packages with words as frequent as those of a language are written through the couch door, and two versions
of a real one with tables are published. Then every page is asked for again and again, one request after the
other, by a client that has seen none; of some another one each time, so that nothing of it is remembered. The
pages of people are for somebody who has logged in with the form, as people do, so that no visit waits for the
hash of a password; how long the form took is shown above the table, and is not held against it. The table
shows the milliseconds to the end of the answer (of the first visit, the least, the median, what one in twenty
and one in a hundred exceed, and the most), the bytes of the page, and those that were sent of it.
"""

import argparse
import asyncio
import os
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import bench_servers
from bench_search import BATCH, LOGIN, Registry, Words

from couchreg.client import Credentials, publish

GDP = Path(__file__).parents[1] / "tests" / "data" / "packages" / "gdp"
BROWSER = {"Accept": "text/html,*/*;q=0.8", "Accept-Encoding": "gzip"}
PLAIN = {"Accept": "text/html", "Accept-Encoding": "identity"}
ALLOWED = 100.0  # milliseconds
PAGES = {
    "home": "/",
    "search": "/-/search?q={rare}",
    "search, frequent": "/-/search?q={frequent}",
    "search, resources": "/-/search?q={rare}&in=resources",
    "search, everything": "/-/search",
    "search, another": "/-/search?q={another}",
    "search, of every fifth, another": "/-/search?q={frequent}+{another}",
    "package": "/gdp/2026",
    "package of many": "/p{middle}/1.0.0",
    "package, another": "/p{number}/1.0.0",
    "table": "/-/table/gdp/2026/gdp",
    "table, page 100": "/-/table/gdp/2026/gdp?offset=5000",
    "table, another page": "/-/table/gdp/2026/gdp?offset={offset}",
    "table, filtered": "/-/table/gdp/2026/gdp?query=Germany&where=Year+%3E+2000&order=Year&down=1",
    "sql": "/-/sql",
    "sql, another": "/-/sql?q=select+Year,avg(Value)+from+gdp.gdp+group+by+Year+order+by+Year+limit+{number}",
    "sql, answered": "/-/sql?q=select+Year,avg(Value)+from+gdp.gdp+group+by+Year+order+by+Year",
    "difference": "/-/diff/gdp/2026/2027",
    "report": "/-/report/gdp/2026",
    "nothing there": "/nothing-at-all",
    "offline": "/-/offline",
    "login": "/-/login",
    "register": "/-/register",
    "account": "/-/account",
    "publish": "/-/publish",
    "owners": "/-/owners/gdp",
    "admin": "/-/admin",
}
OF_PEOPLE = ("account", "publish", "owners", "admin")


class Took(NamedTuple):
    """Of one request: its status, milliseconds, and bytes before and after compression."""

    status: int
    milliseconds: float
    size: int
    sent: int


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench_pages", description=__doc__)
    parser.add_argument("--packages", type=int, default=10_000, help="how many (10000)")
    parser.add_argument("--visits", type=int, default=30, help="of each page (30)")
    parser.add_argument("--data", help="a data directory that stays, filled before or now")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="couchreg-bench-") as folder:
        return asyncio.run(measure(Path(options.data or folder + "/data"), options))


async def measure(data: Path, options: argparse.Namespace) -> int:
    words = Words()
    is_filled = data.exists()
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        with bench_servers.couchreg("--validation", "off", door="Registry", data=data) as subject:
            url = subject.url.replace(f"{bench_servers.LOGIN}@", "")
            if not is_filled:
                await fill(session, url, words, options.packages)
            await settled(session, url)
            names = {"rare": words.all[5000], "frequent": words.all[0], "middle": options.packages // 2}
            print(f"{options.packages:,} packages; load of the machine {os.getloadavg()[0]:.1f}")
            cookie = await logged_in(session, url)
            heads = ("first", "least", "median", "95 %", "99 %", "most", "bytes", "sent")
            print(f"{'page':32}" + "".join(f"{one:>9}" for one in heads))
            slow = []
            for name, path in PAGES.items():
                headers = {**BROWSER, **(cookie if name in OF_PEOPLE else {})}
                took = [
                    await ask(session, url + path.format(**names, **other(words, number)), headers)
                    for number in range(options.visits)
                ]
                shown, slowest = row(took)
                bad = sum(one.status not in (200, 404) for one in took)
                told = f"  {bad} not answered" if bad else ""
                print(f"{name:32}{shown}{took[-1].size:9,}{took[-1].sent:9,}{told}", flush=True)
                if slowest > ALLOWED or bad:
                    slow.append(name)
    print(f"a visit took more than {ALLOWED:.0f} ms of: {', '.join(slow) or 'none'}")
    return 1 if slow else 0


def other(words: Words, number: int) -> dict[str, Any]:
    """What is different in each visit."""
    return {"another": words.all[number + 1], "number": number + 1, "offset": 50 * (number + 1)}


def row(took: Sequence[Took]) -> tuple[str, float]:
    """The milliseconds as they are shown, and the most."""
    times = sorted(one.milliseconds for one in took)
    at = [times[min(len(times) - 1, int(len(times) * share))] for share in (0.95, 0.99)]
    shown = (took[0].milliseconds, times[0], statistics.median(times), *at, times[-1])
    return "".join(f"{one:9.1f}" for one in shown), times[-1]


async def fill(session: aiohttp.ClientSession, url: str, words: Words, packages: int) -> None:
    began = time.monotonic()
    for start in range(0, packages, BATCH):
        docs = [plain(words, number) for number in range(start, min(packages, start + BATCH))]
        async with session.post(
            f"{url}/_couch/registry/_bulk_docs", json={"docs": docs}, headers=LOGIN
        ) as response:
            if response.status >= 400:
                sys.exit(f"scripts/bench_pages: {await response.text()}")
    print(f"written in {time.monotonic() - began:.0f} s", flush=True)
    for version in ("2026", "2027"):
        await asyncio.to_thread(publish_real, url, version)


def plain(words: Words, number: int) -> dict[str, Any]:
    """A package whose resource is no table, so that nothing is made of it."""
    document = words.package(number, "1.0.0")
    document["resources"][0] |= {"path": "t.txt", "format": "txt"}
    return document


def publish_real(url: str, version: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        text = (GDP / "datapackage.json").read_text().replace('"2026"', f'"{version}"')
        shutil.copytree(GDP, folder, dirs_exist_ok=True)
        (Path(folder) / "datapackage.json").write_text(text)
        publish(url, Path(folder), credentials=Credentials(*bench_servers.LOGIN.split(":")))


async def settled(session: aiohttp.ClientSession, url: str) -> None:
    """Wait until the index has everything, and the tables can be asked."""
    began = time.monotonic()
    registry = Registry(session, url, 0)
    while True:
        found = (await registry.json("GET", "/-/followers"))["followers"]
        if all(one["seq"] >= one["update_seq"] for one in found if one["name"] in ("search", "tables")):
            break
        await asyncio.sleep(0.5)
    while "pending" in str(await registry.json("GET", "/-/parquet/gdp/2027")):  # noqa: ASYNC110
        await asyncio.sleep(0.5)
    print(f"settled in {time.monotonic() - began:.0f} s", flush=True)


async def logged_in(session: aiohttp.ClientSession, url: str) -> dict[str, str]:
    """The cookie of somebody who has sent the form of the login."""
    async with session.get(f"{url}/-/login", headers=PLAIN) as response:
        [token] = re.findall(r'name="form" value="(\w+)"', await response.text())
        first = response.cookies
    name, _, password = bench_servers.LOGIN.partition(":")
    began = time.perf_counter()
    async with session.post(
        f"{url}/-/login",
        data={"form": token, "name": name, "password": password},
        headers={**PLAIN, "Cookie": pairs(first)},
        allow_redirects=False,
    ) as response:
        if response.status != 303:
            sys.exit(f"scripts/bench_pages: the login was answered {response.status}")
        print(f"the login took {(time.perf_counter() - began) * 1000:.1f} ms")
        return {"Cookie": pairs(response.cookies)}


def pairs(cookies: SimpleCookie) -> str:
    return "; ".join(f"{one.key}={one.value}" for one in cookies.values() if one.value)


async def ask(session: aiohttp.ClientSession, address: str, headers: dict[str, str]) -> Took:
    began = time.perf_counter()
    async with session.get(address, headers=headers) as response:
        body = await response.read()
        took = (time.perf_counter() - began) * 1000
        status = response.status
    async with session.get(address, headers={**headers, "Accept-Encoding": "identity"}) as response:
        whole = len(await response.read())
    return Took(status, took, whole, len(body))


if __name__ == "__main__":
    sys.exit(main())
