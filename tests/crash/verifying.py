"""A server started over what a crash left: it has to show what was acknowledged, without anybody's help."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp

from couchreg.app import App, build
from couchreg.config import load
from couchreg.docstore.maintenance.audit import Audit
from couchreg.errors import CouchregError
from couchreg.package.layout import is_kept
from tests.crash.ledger import ABSENT, Key, Ledger
from tests.crash.writers import LOGIN
from tests.processes import ADMIN

CATCHING_UP = 30  # seconds for a follower


@asynccontextmanager
async def restarted(data: Path) -> AsyncIterator[App]:
    """A server in this process."""
    settings = {"port": 0, "couch_port": 0, "data_dir": data, "admin": ":".join(ADMIN), "validation": "off"}
    app = build(load(settings | {"password_iterations": 1000}, environ={}))
    await app.start()
    try:
        yield app
    finally:
        await app.stop()


async def faults(data: Path, ledger: Ledger, at: int) -> list[str]:
    """Everything that is wrong after a crash at a moment of the record, in sentences."""
    async with restarted(data) as app, aiohttp.ClientSession(headers=LOGIN) as http:
        return await Verifier(app, http, ledger, at).faults()


class Verifier:
    def __init__(self, app: App, http: aiohttp.ClientSession, ledger: Ledger, at: int) -> None:
        self._app = app
        self._http = http
        self._ledger = ledger
        self._at = at
        self._found: list[str] = []

    async def faults(self) -> list[str]:
        self._twice()
        names: list[str] = []
        packages: set[str] = set()
        for step in (
            lambda: self._names(names),
            lambda: self._documents("docs" in names),
            lambda: self._databases(names),
            self._settings,
            self._finished,
            lambda: self._versions(packages),
            self._sound,
            lambda: self._followed(packages),
            self._writable,
        ):
            try:
                await step()
            except (AssertionError, CouchregError) as error:
                self._found.append(f"{type(error).__name__}: {error}")
        return self._found

    async def _names(self, names: list[str]) -> None:
        names += await self._json(f"{self._app.couch_url}/_all_dbs")

    # -- what was acknowledged
    def _compare(self, key: Key, found: Hashable) -> None:
        allowed = self._ledger.allowed(key, self._at)
        if found not in allowed:
            self._found.append(f"{key} is {found!r}, and may be {sorted(allowed, key=repr)!r}")

    def _twice(self) -> None:
        """No name may have two files."""
        folder = self._app.settings.data_dir / "databases"
        names = Counter(path.name.partition("@")[0] for path in folder.glob("[!.]*@*.db"))
        self._found += [f"{name} has {count} files" for name, count in names.items() if count > 1]

    async def _documents(self, there: bool) -> None:
        found: dict[str, Hashable] = {}
        base = f"{self._app.couch_url}/docs"
        rows = (await self._json(f"{base}/_all_docs?include_docs=true"))["rows"] if there else []
        for row in rows:
            digest = ""
            if "_attachments" in row["doc"]:
                data = await self._bytes(f"{base}/{row['id']}/file.bin")
                digest = hashlib.sha256(data).hexdigest() if data is not None else "no bytes"
            found[row["id"]] = (row["doc"]["n"], digest)
        for key in self._ledger.begun("doc", self._at):
            self._compare(key, found.pop(key[1], ABSENT))
        self._found += [f"document {doc_id!r} comes from nowhere" for doc_id in found]

    async def _databases(self, names: list[str]) -> None:
        for key in self._ledger.begun("db", self._at):
            content: Any = ABSENT
            if key[1] in names:
                url = f"{self._app.couch_url}/{key[1]}/_all_docs?include_docs=true"
                content = tuple(row["doc"]["n"] for row in (await self._json(url))["rows"])
            self._compare(key, content)

    async def _settings(self) -> None:
        found = await self._json(f"{self._app.couch_url}/_node/_local/_config/crash")
        for key in self._ledger.begun("setting", self._at):
            self._compare(key, found.get(key[1], ABSENT))

    async def _finished(self) -> None:
        """What was promised is kept without anybody's help."""
        deadline = asyncio.get_running_loop().time() + CATCHING_UP
        sessions = self._app.registry.sessions
        while any(record.state == "checking" for record in sessions.of(ADMIN[0])):
            if asyncio.get_running_loop().time() > deadline:
                self._found.append("a publish that was promised comes to no end")
                return
            await asyncio.sleep(0.02)
        failed = [record for record in sessions.of(ADMIN[0]) if record.state in ("refused", "failed")]
        self._found += [f"{record.name} {record.version}: {record.outcome}" for record in failed]

    async def _versions(self, names: set[str]) -> None:
        """Every version there is has all its files, as they were sent; `names` gets the packages with any."""
        base = self._app.registry_url
        for key in self._ledger.begun("version", self._at):
            _, name, version = key
            content: Any = ABSENT
            if await self._bytes(f"{base}/{name}/{version}/datapackage.json") is not None:
                names.add(name)
                files = [("blob.bin", ""), ("data/rows.csv", "")]
                content = tuple(
                    [(path, await self._digest(f"{base}/{name}/{version}/{path}")) for path, _ in files]
                )
            self._compare(key, content)

    async def _digest(self, url: str) -> str:
        data = await self._bytes(url)
        return "no bytes" if data is None else hashlib.sha256(data).hexdigest()

    # -- the whole
    async def _sound(self) -> None:
        store = self._app.store
        for name in await store.names():
            self._found += [f"{name}: {sentence}" for sentence in await (await store.open(name)).check()]

    async def _followed(self, names: set[str]) -> None:
        """Followers come to the end, the search knows every package, and the datastore holds every blob."""
        deadline = asyncio.get_running_loop().time() + CATCHING_UP
        while rows := [row for row in await self._followers() if row["seq"] != row["update_seq"]]:
            if asyncio.get_running_loop().time() > deadline:
                self._found.append(f"followers do not come to the end: {rows}")
                return
            await asyncio.sleep(0.02)
        self._found += [f"problems: {row}" for row in await self._followers() if row["problems"]]
        while faults := await self._differences(names):
            if asyncio.get_running_loop().time() > deadline:
                self._found += faults
                return
            await asyncio.sleep(0.1)

    async def _differences(self, names: set[str]) -> list[str]:
        """What the search and the datastore have other than the database; purges are followed later."""
        async with self._http.get(
            f"{self._app.registry_url}/search?keys=%5B%22rows%22%5D&limit=200"
        ) as answer:
            if answer.status == 503:  # where nothing is to be followed, an index may be cleared still
                return [f"the search: {await answer.text()}"]
            assert answer.status == 200, await answer.text()
            found = {hit["name"] for hit in (await answer.json())["hits"]}
        faults = [] if found == names else [f"the search finds {sorted(found)}, not {sorted(names)}"]
        audit = await Audit(self._app.store, self._app.attachments, "registry").check()
        faults += [f"the datastore lacks {key}" for key in audit.missing]
        faults += [f"the datastore has other bytes at {key}" for key in audit.different]
        return faults + [f"nothing needs {key}" for key in audit.orphans if is_kept(key)]

    async def _followers(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = (await self._json(f"{self._app.registry_url}/-/followers"))["followers"]
        return rows

    async def _writable(self) -> None:
        """Every database takes a document."""
        for name in await self._json(f"{self._app.couch_url}/_all_dbs"):
            url = f"{self._app.couch_url}/{quote(name, safe='')}/_local/probe"
            async with self._http.put(url, json={}) as response:
                if response.status != 201:
                    self._found.append(f"{name} cannot be written: {await response.text()}")

    async def _json(self, url: str) -> Any:
        async with self._http.get(url) as response:
            assert response.status == 200, f"{url}: {await response.text()}"
            return await response.json(content_type=None)

    async def _bytes(self, url: str) -> bytes | None:
        """None for what is not there; an answer that breaks off is written down."""
        try:
            async with self._http.get(url) as response:
                data = await response.read()
        except aiohttp.ClientError as error:
            self._found.append(f"{url} breaks off: {error}")
            return b""
        if response.status not in (200, 404):
            self._found.append(f"{url} answers {response.status}: {data[:200]!r}")
        return data if response.status == 200 else None
