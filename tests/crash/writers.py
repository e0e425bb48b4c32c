"""Writers on both doors that keep account of what they were told, until they are to stop or nobody answers.

Every request has to end: one that does not within `LONGEST` seconds is a fault of its own.
"""

import asyncio
import hashlib
import json
import random
from collections.abc import Awaitable, Callable, Hashable
from pathlib import Path
from typing import Any

import aiohttp

from tests.crash.ledger import ABSENT, Key, Ledger
from tests.crash.story import make_package
from tests.processes import ADMIN

LONGEST = 80  # seconds; a publish may wait for 60
Answer = tuple[int, Any]
LOGIN = {"Authorization": aiohttp.encode_basic_auth(*ADMIN)}


class NoAnswer(Exception):
    """The server has gone, or closed the connection."""


class Unclear(Exception):
    """It failed: whether it was done nobody knows."""


class Told(Exception):
    """A definite refusal."""


class Writers:
    """All of them, on one server; `numbers` makes their keys differ from those of other rounds."""

    def __init__(
        self, urls: tuple[str, str], ledger: Ledger, folder: Path, prefix: str, chance: random.Random
    ) -> None:
        self._registry, self._couch = urls
        self._ledger = ledger
        self._folder = folder
        self._prefix = prefix
        self._chance = chance
        self._stop = False
        self._count = 0
        self.silent: list[str] = []  # requests that did not end
        self.statuses: dict[int, int] = {}

    async def run(self, seconds: float) -> None:
        """Write for a while, or until the server is gone."""
        self._stop = False
        jobs = [self.documents, self.documents, self.databases, self.packages, self.packages, self.settings]
        async with self._session() as self._http:
            tasks = [asyncio.create_task(self._repeat(job)) for job in [*jobs, self.reads]]
            await asyncio.wait(tasks, timeout=seconds)
            self._stop = True
            await asyncio.gather(*tasks)

    async def once(self) -> None:
        """One round of each, every request of which has to succeed. Raises Unclear, Told, NoAnswer."""
        async with self._session() as self._http:
            for job in (self.documents, self.databases, self.packages, self.settings):
                await job()

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(headers=LOGIN, timeout=aiohttp.ClientTimeout(total=LONGEST))

    async def _repeat(self, job: Callable[[], Awaitable[None]]) -> None:
        while not self._stop:
            try:
                await job()
            except NoAnswer:
                return
            except (Unclear, Told):
                await asyncio.sleep(0.02)

    def _next(self) -> int:
        self._count += 1
        return self._count

    # -- one request
    async def _ask(self, method: str, url: str, **more: Any) -> Answer:
        try:
            async with self._http.request(method, url, **more) as response:
                body = await response.read()
        except TimeoutError:
            self.silent.append(f"{method} {url}")
            raise NoAnswer from None
        except (aiohttp.ClientError, OSError):
            raise NoAnswer from None
        self.statuses[response.status] = self.statuses.get(response.status, 0) + 1
        try:
            return response.status, json.loads(body)
        except ValueError:
            return response.status, body

    async def _write(self, key: Key, value: Hashable, method: str, url: str, **more: Any) -> Any:
        """Ask for a change, and note what becomes of it."""
        change = self._ledger.begin(key, value)
        status, answer = await self._ask(method, url, **more)
        if status < 300:
            self._ledger.done(change)
            return answer
        if status < 500:
            self._ledger.refused(key, change)
            raise Told(method, url, status, answer)
        raise Unclear(method, url, status, answer)

    # -- documents and attachments
    async def documents(self) -> None:
        number = self._next()
        await (self._edited, self._many, self._attached, self._purged)[number % 4](f"{self._prefix}-{number}")

    async def _edited(self, doc_id: str) -> None:
        url, key = f"{self._couch}/docs/{doc_id}", ("doc", doc_id)
        rev = (await self._write(key, (1, ""), "PUT", url, json={"n": 1}))["rev"]
        rev = (await self._write(key, (2, ""), "PUT", url, json={"_rev": rev, "n": 2}))["rev"]
        if self._chance.random() < 0.5:
            await self._write(key, ABSENT, "DELETE", url, params={"rev": rev})

    async def _many(self, prefix: str) -> None:
        docs = [{"_id": f"{prefix}-{n}", "n": n} for n in range(10)]
        changes = [(key := ("doc", f"{prefix}-{n}"), self._ledger.begin(key, (n, ""))) for n in range(10)]
        status, answer = await self._ask("POST", f"{self._couch}/docs/_bulk_docs", json={"docs": docs})
        if status != 201:
            raise Unclear("_bulk_docs", status, answer)
        for (_, change), row in zip(changes, answer, strict=True):
            if "rev" in row:
                self._ledger.done(change)

    async def _attached(self, doc_id: str) -> None:
        data = self._chance.randbytes(self._chance.choice((100, 5_000, 90_000)))
        url, key = f"{self._couch}/docs/{doc_id}", ("doc", doc_id)
        rev = (await self._write(key, (1, ""), "PUT", url, json={"n": 1}))["rev"]
        value = (1, hashlib.sha256(data).hexdigest())
        await self._write(key, value, "PUT", f"{url}/file.bin", params={"rev": rev}, data=data)

    async def _purged(self, doc_id: str) -> None:
        key = ("doc", doc_id)
        rev = (await self._write(key, (1, ""), "PUT", f"{self._couch}/docs/{doc_id}", json={"n": 1}))["rev"]
        await self._write(key, ABSENT, "POST", f"{self._couch}/docs/_purge", json={doc_id: [rev]})

    # -- databases
    async def databases(self) -> None:
        """Made, filled, deleted, and made again under the same name, each tried again when it fails."""
        name = f"m{self._prefix}-{self._next()}".lower()
        url, key = f"{self._couch}/{name}", ("db", name)
        for life in range(3):
            await self._insist(key, (), "PUT", url)
            await self._write(key, (life,), "PUT", f"{url}/d{life}", json={"n": life})
            if life < 2 or self._chance.random() < 0.5:
                await self._insist(key, ABSENT, "DELETE", url)

    async def _insist(self, key: Key, value: Hashable, method: str, url: str) -> None:
        for _ in range(5):
            change = self._ledger.begin(key, value)
            status, answer = await self._ask(method, url)
            if status < 300 or status in (404, 412):
                self._ledger.done(change)
                return
            if self._stop:
                break
            await asyncio.sleep(0.05)
        raise Unclear(method, url, status, answer)

    # -- packages
    async def packages(self) -> None:
        number = self._next()
        folder = make_package(self._folder / self._prefix, number, self._chance)
        name, version = f"p{number % 10}", f"1.0.{number}-{self._prefix}"
        descriptor = json.loads((folder / "datapackage.json").read_bytes()) | {"version": version}
        content = {path: (folder / path).read_bytes() for path in ("data/rows.csv", "blob.bin")}
        form = aiohttp.FormData()
        form.add_field("datapackage.json", json.dumps(descriptor).encode(), filename="datapackage.json")
        for path, data in content.items():
            form.add_field(path, data, filename=path)
        value = tuple(sorted((path, hashlib.sha256(data).hexdigest()) for path, data in content.items()))
        key, url = ("version", name, version), f"{self._registry}/{name}/{version}"
        if self._chance.random() < 0.3:  # a promise, kept after a crash without us
            await self._write(key, value, "PUT", f"{url}?wait=0", data=form)
            return
        await self._write(key, value, "PUT", url, data=form)
        fate = self._chance.random()
        if fate < 0.2:
            await self._write(key, ABSENT, "DELETE", url)
        elif fate < 0.35:
            await self._purge_version(key, f"{name}@{version}")

    async def _purge_version(self, key: Key, doc_id: str) -> None:
        url = f"{self._couch}/registry"
        status, found = await self._ask("GET", f"{url}/{doc_id}")
        if status == 200:
            await self._write(key, ABSENT, "POST", f"{url}/_purge", json={doc_id: [found["_rev"]]})

    # -- settings
    async def settings(self) -> None:
        number = self._next()
        key = ("setting", f"{self._prefix}-{number % 5}")
        url = f"{self._couch}/_node/_local/_config/crash/{key[1]}"
        await self._write(key, str(number), "PUT", url, json=str(number))
        await asyncio.sleep(0.05)

    # -- reads, whose answers do not matter as long as they come
    async def reads(self) -> None:
        for url in (
            f"{self._registry}/search?keys=%5B%22unusual%22%5D",
            f"{self._couch}/_dbs_info",
            f"{self._couch}/_db_updates?timeout=100",
            f"{self._couch}/registry/_changes?feed=longpoll&since=now&timeout=100",
            f"{self._registry}/-/followers",
        ):
            await self._ask("GET", url)
        await asyncio.sleep(0.02)
