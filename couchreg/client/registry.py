"""A registry as its users see it: publish, install, search, info, unpublish. Each raises ClientError."""

from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from yarl import URL

from couchreg.client import asking
from couchreg.client.address import read_package
from couchreg.client.cache import Cache
from couchreg.client.catalog import ClientCatalog
from couchreg.client.direct import DirectUpload
from couchreg.client.errors import ClientError, Missing, NotAllowed, not_a_registry
from couchreg.client.folder import Folder
from couchreg.client.following import Told, ended, status_address, unheard
from couchreg.client.install import Installation, Installed, InstallOptions, plan
from couchreg.client.people import People
from couchreg.client.project import Project
from couchreg.client.reading import Reader
from couchreg.client.stepwise import StepwiseUpload
from couchreg.client.suggesting import meant, mistaken_for
from couchreg.client.transport import Login, Progress, Transport, no_progress, read_json
from couchreg.client.upload import PackageUpload
from couchreg.model import json

Item = TypeVar("Item")
SMALL = 64 << 10  # bytes of a package up to which everything is sent at once, in one request


@dataclass(frozen=True, slots=True)
class Published:
    """A version that the registry has; `new` is False when it had this very content before."""

    name: str
    version: str
    url: str
    new: bool
    report: dict[str, Any] | None  # of a registry that accepts packages with errors
    left_out: tuple[str, ...] = ()  # files beside the package's, which were not sent
    skipped: tuple[str, ...] = ()  # names of resources whose data nobody looks into
    unchecked: tuple[dict[str, Any], ...] = ()  # {resource, member, reason}: what no check vouches for
    checking: str | None = None  # where to see how far it is, of one that is not published yet


class Registry:
    """One registry; use it with `async with`."""

    def __init__(self, url: str, credentials: Login | None = None) -> None:
        self._transport = Transport(url, credentials)
        self.people = People(self._transport)
        self.reader = Reader(self._transport)
        self.catalog = ClientCatalog(self._transport)
        self.url = str(self._transport.url)

    @property
    def credentials(self) -> Login | None:
        return self._transport.credentials

    async def open(self) -> None:
        await self._transport.open()

    async def close(self) -> None:
        await self._transport.close()

    @asynccontextmanager
    async def about(self, name: str, wanted: str | None = None) -> AsyncIterator[None]:
        """Inside, Missing for a package or a version that is not there says which one may be meant."""
        try:
            yield
        except Missing as error:
            sentence = await meant(self._transport, name, wanted, error.reason)
            if sentence is None:
                raise
            raise Missing(sentence) from error

    async def asked_of(self, package: str, work: Coroutine[Any, Any, Item]) -> Item:
        """The result of `work` with `NAME[@WANTED]`, inside of `about`."""
        try:
            meant = read_package(package)
        except BaseException:
            work.close()
            raise
        async with self.about(*meant):
            return await work

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def publish(
        self,
        folder: Folder,
        progress: Progress = no_progress,
        *,
        direct: bool = False,
        wait: bool = True,
        told: Told = unheard,
    ) -> Published:
        """Send a package, with `direct` straight to the datastore. Returns when the registry keeps it, or,
        without `wait`, when it has everything and checks it. `told` is given each status meanwhile."""
        able = "publishing" in await self._greet()
        url = self._transport.address(folder.name, folder.version)
        if direct:
            answer, new = await DirectUpload(self._transport, folder, progress, told).run(wait=wait)
        elif able and folder.length > SMALL:
            answer, new = await StepwiseUpload(self._transport, folder, progress, told).run(wait=wait)
        else:
            place = url if wait or not able else url.with_query({"wait": "0"})
            answer, new = await self._sent(folder, progress, place, told, wait=wait)
        said = answer if isinstance(answer, dict) else {}
        report = said.get("report")
        checking = str(status_address(self._transport, said)) if said.get("state") == "checking" else None
        return Published(
            folder.name,
            folder.version,
            str(url),
            new,
            report,
            left_out=folder.left_out,
            skipped=_listed(said.get("skipped"), str),
            unchecked=_listed(said.get("unchecked"), dict),
            checking=checking,
        )

    async def _sent(
        self, folder: Folder, progress: Progress, url: URL, told: Told, *, wait: bool
    ) -> tuple[Any, bool]:
        """All in one request."""
        upload = PackageUpload(folder, progress)
        try:
            async with self._transport.request("PUT", url, headers=upload.headers(), data=upload) as response:
                answer, status = await read_json(response), response.status
        except ClientError as error:
            raise upload.fault or error from None
        return await ended(self._transport, answer, status, told, wait=wait)

    async def _greet(self) -> Mapping[str, Any]:
        """See that a registry answers and takes the password, before much is sent; what it offers."""
        if self.credentials is None:
            raise NotAllowed("Publishing needs a login: use couchreg login, or set COUCHREG_TOKEN.")
        answer = await self._transport.json(self._transport.url)
        if not isinstance(answer, dict) or "couchreg" not in answer:
            raise not_a_registry(self.url)
        links = answer.get("links")
        return links if isinstance(links, dict) else {}

    async def unpublish(
        self, name: str, version: str | None = None, *, for_good: bool = False
    ) -> dict[str, Any]:
        """Delete a version, or all of them: `{versions, until?}`; `until` is when they go for good."""
        segments = [name] if version is None else [name, version]
        address = self._transport.address(*segments, query={"for-good": "true"} if for_good else None)
        self.reader.forget(name)
        return self._versions_in(await self._transport.send("DELETE", address))

    async def undelete(self, name: str, version: str | None = None) -> dict[str, Any]:
        """Bring a deleted version back, or all that are kept: `{versions}`."""
        segments = ["-", "undelete", name] if version is None else ["-", "undelete", name, version]
        self.reader.forget(name)
        return self._versions_in(await self._transport.send("POST", self._transport.address(*segments)))

    def _versions_in(self, answer: Any) -> dict[str, Any]:
        versions = self._transport.stated(answer, "versions", list)
        until = answer.get("until")
        told = {"until": until} if isinstance(until, str) else {}
        return {"versions": list(_listed(versions, str)), **told}

    async def info(self, name: str, version: str | None = None) -> dict[str, Any]:
        """The descriptor as the registry serves it, of a version, tag or range, else of the latest."""
        return await self.reader.descriptor(name, version)

    async def mistaken_for(self, name: str) -> str | None:
        """Of a package that is there None, else the one that is almost called so, or an empty text."""
        try:
            await self.people.rights.collaborators(name)
        except Missing:
            return await mistaken_for(self._transport, name)
        return None

    async def dependents(self, name: str) -> list[dict[str, Any]]:
        """The packages whose latest version depends on this one. Raises Missing where it is not there."""
        found = await self.catalog.dependents(name)
        if not found:  # of what nobody has, nobody depends on it
            await self.catalog.versions(name)
        return found

    async def replicas(self) -> list[dict[str, Any]]:
        """What it is a mirror of, with how far behind it is; nothing for one that is no mirror."""
        found = await self._transport.json(self._transport.address("-", "replicas"))
        rows = self._transport.stated(found, "replicas", list)
        return [row for row in rows if isinstance(row, dict)]

    async def search(self, words: Sequence[str], limit: int = 20) -> list[dict[str, Any]]:
        """The packages that match all words, best first."""
        query = {"keys": json.encode(list(words)).decode(), "limit": str(limit)}
        found = await self._transport.json(self._transport.address("search", query=query))
        return self._transport.stated(found, "hits", list)

    async def look(self, question: Sequence[tuple[str, str]]) -> dict[str, Any]:
        """What `/-/search` answers to these parameters: `{total, hits, facets?, suggestion?, next}`."""
        address = self._transport.address("-", "search").with_query(question)
        found: dict[str, Any] = await self._transport.json(address)
        self._transport.stated(found, "hits", list)
        return found

    def ask(
        self, sql: str, parameters: asking.Parameters | None, format: str, size: str | None = None
    ) -> AsyncIterator[bytes]:
        """The answer to a statement over `package.table`, in pieces."""
        return asking.ask(self._transport, sql, parameters, format, size)

    async def answer(self, sql: str, parameters: asking.Parameters | None, form: str) -> Any:
        """The same as a list of objects, a `pyarrow.Table`, or a frame of pandas or polars."""
        return await asking.answer(self._transport, sql, parameters, form)

    async def install(
        self,
        name: str,
        version: str | None,
        folder: Path,
        progress: Progress = no_progress,
        *,
        force: bool = False,
        cache: Cache | None = None,
        on_size: Progress = no_progress,
    ) -> Installed:
        """Write a version into `folder`; `on_size` learns the bytes of all files before the first comes."""
        exact, files = plan(self._transport, name, await self.info(name, version))
        on_size(sum(file.length or 0 for file in files))
        means = InstallOptions(force=force, cache=cache)
        return await Installation(self._transport, folder, progress, means).run(name, exact, files)

    def project(self, folder: Path, cache: Cache | None = None, *, offline: bool = False) -> Project:
        """A folder of packages with a lock file, to install into."""
        return Project(self._transport, folder, self.reader, cache, offline=offline)


def _listed(value: Any, kind: type[Item]) -> tuple[Item, ...]:
    """The items of a list in a registry's answer that are what they should be."""
    return tuple(item for item in value if isinstance(item, kind)) if isinstance(value, list) else ()
