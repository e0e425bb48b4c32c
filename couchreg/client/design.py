"""Design documents between folders and any CouchDB, couchreg's couch door among them.

A new version does not make its readers wait: its views are written to a design document beside it, which is
queried until their indexes are built, and only then is the live one replaced. Databases share indexes between
design documents whose views are equal.
"""

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import quote, unquote

from yarl import URL

from couchreg.client.errors import ClientError, Missing, UsageError
from couchreg.client.transport import Login, Transport
from couchreg.designdocs import folders
from couchreg.designdocs.folders import Folded, FolderError

SCRATCH = ".scratch"  # behind a design document's id: where its views are built before they are live
BUILT_FROM = ("language", "options", "views")  # the members that make an index
JAVASCRIPT = "javascript"
LOOK = 0.5  # seconds between two looks at an index that is being built
SAME, CREATED, UPDATED, DIFFERS, NEW, ABSENT = "same", "created", "updated", "differs", "new", "absent"


class DesignAddress(NamedTuple):
    """A database by its address, and one of its design documents by name, "" for all of them."""

    server: str  # scheme, host and port, with the credentials written before the host
    database: str  # its path, encoded
    design: str


def place_of(text: str) -> DesignAddress:
    """`http://host:5984/db` or `…/db/_design/name`. Raises UsageError."""
    try:
        url = URL(text)
    except ValueError:
        url = URL()
    path = url.raw_path.rstrip("/")
    database, _, design = path.partition("/_design/")
    if (
        url.scheme not in ("http", "https")
        or not database.strip("/")
        or "/" in design
        or url.raw_query_string
    ):
        shown = text.rpartition("@")[2]
        raise UsageError(
            f"{shown!r} is not the address of a database: write it as http://127.0.0.1:5984/db, or as "
            "…/db/_design/name."
        )
    server = url.with_path("/").with_query(None).with_fragment(None)
    return DesignAddress(str(server), database, unquote(design))


class DesignRow(NamedTuple):
    """What became of a design document, or how it differs."""

    id: str
    state: str


class Designs:
    """The design documents of one database; `async with` opens and closes the connection."""

    def __init__(self, place: DesignAddress, login: Login | None = None) -> None:
        self._place = place
        self._transport = Transport(place.server, login, couch=True)

    async def __aenter__(self) -> Self:
        await self._transport.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._transport.close()

    # -- the three commands

    async def push(self, folder: Path) -> list[DesignRow]:
        """Write what the folder holds. Raises UsageError for a folder that is none, ClientError."""
        return [DesignRow(folded.id, await self._push(folded)) for folded in await self._folded(folder)]

    async def pull(self, folder: Path) -> list[DesignRow]:
        """Make a folder of what is there: of one design document, or in it one for each."""
        rows = []
        for doc_id in [f"_design/{self._place.design}"] if self._place.design else await self._ids():
            folded = _unfolded(doc_id, await self._stored(doc_id, attachments=True))
            name = folder.resolve().name if self._place.design else quote(doc_id.partition("/")[2], safe="")
            target = folder if self._place.design else folder / name
            with _as_usage():
                await asyncio.to_thread(folders.write, target, folders.files_of(folded, name))
            rows.append(DesignRow(doc_id, CREATED))
        return rows

    async def ls(self, folder: Path) -> list[DesignRow]:
        """Each design document of the folder, and, for a whole database, those that only it has."""
        rows = []
        every = await self._folded(folder)
        for folded in every:
            try:
                stored = await self._stored(folded.id, attachments=True)
                rows.append(DesignRow(folded.id, SAME if folded.is_as(stored) else DIFFERS))
            except Missing:
                rows.append(DesignRow(folded.id, NEW))
        if not self._place.design:
            known = {folded.id for folded in every}
            rows += [DesignRow(doc_id, ABSENT) for doc_id in await self._ids() if doc_id not in known]
        return rows

    async def _folded(self, folder: Path) -> Sequence[Folded]:
        with _as_usage():
            if not self._place.design:
                return await asyncio.to_thread(folders.read_all, folder)
            found = await asyncio.to_thread(folders.read, folder)
            return [Folded(f"_design/{self._place.design}", found.members, found.attachments)]

    # -- one design document

    async def _push(self, folded: Folded) -> str:
        try:
            stored = await self._stored(folded.id, attachments=True)
        except Missing:
            stored = {}
        if stored and folded.is_as(stored):
            return SAME
        body = folded.body() | ({"_rev": stored["_rev"]} if stored else {})
        async with self._warmed(folded):
            await self._transport.send("PUT", self._address(folded.id), body)
        return UPDATED if stored else CREATED

    @asynccontextmanager
    async def _warmed(self, folded: Folded) -> AsyncIterator[None]:
        """While the indexes of its views are there, built."""
        names = [name for name in folded.members.get("views", {}) if name != "lib"]
        if not names or folded.members.get("language", JAVASCRIPT) != JAVASCRIPT:
            yield
            return
        scratch = folded.id + SCRATCH
        wanted = {name: folded.members[name] for name in BUILT_FROM if name in folded.members}
        rev = await self._replace(scratch, wanted)
        try:
            await self._build(scratch, names[0])
            yield
        finally:
            with suppress(ClientError):  # whoever pushes next replaces it
                await self._transport.send("DELETE", self._address(scratch).with_query(rev=rev))

    async def _replace(self, doc_id: str, body: dict[str, Any]) -> str:
        with suppress(Missing):
            body = body | {"_rev": (await self._stored(doc_id))["_rev"]}
        return str((await self._transport.send("PUT", self._address(doc_id), body))["rev"])

    async def _build(self, doc_id: str, view: str) -> None:
        """Wait until the index has nothing to catch up with. What is wrong with its functions is raised."""
        place = self._address(doc_id, "_view", view)
        lazily = {"limit": "1", "reduce": "false"}
        await self._transport.json(place.with_query({**lazily, "update": "lazy"}))
        before = -1
        while True:
            index = (await self._transport.json(self._address(doc_id, "_info")))["view_index"]
            pending = index.get("updates_pending", {}).get("total", 0)
            if not pending or (pending == before and not index.get("updater_running")):
                break
            before = pending
            await asyncio.sleep(LOOK)
        await self._transport.json(place.with_query(lazily))

    # -- requests

    async def _ids(self) -> list[str]:
        bounds = {"startkey": '"_design/"', "endkey": '"_design0"', "inclusive_end": "false"}
        listed = await self._transport.json(self._address("_all_docs").with_query(bounds))
        return [str(row["id"]) for row in listed["rows"] if not str(row["id"]).endswith(SCRATCH)]

    async def _stored(self, doc_id: str, *, attachments: bool = False) -> dict[str, Any]:
        address = self._address(doc_id)
        found = await self._transport.json(address.with_query(attachments="true") if attachments else address)
        return dict(found)

    def _address(self, doc_id: str, *below: str) -> URL:
        kind, slash, name = doc_id.partition("/")
        steps = [kind + slash + quote(name, safe=""), *(quote(step, safe="") for step in below)]
        path = "/".join([self._place.database, *steps])
        return URL(str(self._transport.url).rstrip("/") + path, encoded=True)


def _unfolded(doc_id: str, stored: dict[str, Any]) -> Folded:
    members = {name: value for name, value in stored.items() if not name.startswith("_")}
    try:
        found = {
            name: base64.b64decode(item["data"]) for name, item in stored.get(folders.ATTACHMENTS, {}).items()
        }
    except (binascii.Error, KeyError, TypeError):
        raise ClientError(f"The attachments of {doc_id} did not come as they should.") from None
    return Folded(doc_id, members, found)


@contextmanager
def _as_usage() -> Iterator[None]:
    """What is wrong with a folder is the user's to mend."""
    try:
        yield
    except FolderError as error:
        raise UsageError(f"{error.reason}.") from error
