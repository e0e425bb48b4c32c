"""A database of another server as a follower reads it: whole documents, in the terms of a store.

Nothing is written there. Whatever stands in the way is Unavailable: a follower waits until it is over, and no
document is to blame for it. What is read here is what the login may read.
"""

import asyncio
import hashlib
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

import aiohttp

from couchreg.docstore.base import BEGINNING, Attachment, Change, Changes, DatabaseInfo, Range, Row, Seq
from couchreg.errors import CouchregError, NotFound, Unavailable
from couchreg.model import json
from couchreg.replication.calls import LARGEST, Manners, PeerAnswer, PeerCalls, TooMuch
from couchreg.replication.endpoints import Endpoint, packages_url
from couchreg.replication.files import path_of
from couchreg.replication.network import Networks
from couchreg.replication.options import Replication
from couchreg.replication.peers import Broken
from couchreg.replication.remote import RemoteDatabase

PAGE: Final = 1_000  # changes of one answer
TIMEOUT: Final = 60.0  # seconds after which a feed in which nothing comes is begun again
LISTED: Final = 10_000  # ids of one range, in one answer
MOST_LISTED: Final = 1_000_000  # ids of one range: a peer may answer for ever
_NUMBER: Final = re.compile(r"[0-9]{1,18}")
_NOT_TOLD: Final = 0


class FollowedDatabase:
    """The database at an endpoint. `life` is which one it is: deleted and made again, or with something
    purged, it is another one, and so is that of another address."""

    def __init__(self, endpoint: Endpoint, manners: Manners) -> None:
        """`endpoint` is the database's, or a registry's. `open` is the first to ask."""
        self._manners = manners
        self._is_found = False
        self._life = ""
        self.newest = BEGINNING  # as far as it has been heard of
        self.heard: float | None = None  # monotonic: when it last said anything
        self._reach(endpoint)

    def _reach(self, endpoint: Endpoint) -> None:
        self._endpoint, self._shown = endpoint, endpoint.shown
        self._calls = PeerCalls(endpoint, Networks(private=True), self._manners)
        replication = Replication(endpoint, endpoint)
        self._remote = RemoteDatabase(self._calls, self._manners, replication, endpoint.shown)

    async def close(self) -> None:
        await self._calls.close()

    async def open(self) -> None:
        """Find out where it is, and which one it is now. Raises Unavailable."""
        if not self._is_found:
            await self._find()
        self._life = (await self._look()).incarnation

    async def _find(self) -> None:
        async with self._in_words():
            told = await self._remote.greeting()
        url = packages_url(self._endpoint.url, told)
        if url is None:
            raise Unavailable(f"{self._shown} is neither a registry nor a database of one.")
        if "db_name" not in told:
            await self.close()
            self._reach(replace(self._endpoint, url=url + "/"))
        self._is_found = True

    # -- places
    async def info(self) -> DatabaseInfo:
        """Only the place is told: what was purged makes it another database."""
        seq = await self.update_seq()
        told = _NOT_TOLD
        return DatabaseInfo(told, told, seq, BEGINNING, told, told, told, float(told))

    async def update_seq(self) -> Seq:
        """Raises Unavailable, also when it is another database than it was."""
        found = await self._look()
        if found.incarnation != self._life:
            raise Unavailable(f"{self._shown} is another database than it was.")
        return found

    async def _look(self) -> Seq:
        async with self._in_words():
            told = await self._remote.greeting()
        parts = (told.get("instance_start_time"), told.get("uuid"), _purged(told), self._shown)
        life = hashlib.sha256(json.encode([str(part) for part in parts])).hexdigest()[:16]
        self.newest = _seq(told.get("update_seq", 0), life)
        return self.newest

    async def parse_since(self, since: str) -> Seq:
        return _seq(since, self._life)

    async def wait(self, since: Seq) -> None:
        """Until something comes after `since`."""
        while True:
            try:
                async with asyncio.timeout(TIMEOUT), self._in_words():
                    page = await self._remote.changes(since.text, 1, wait=True)
                if page.rows:
                    self.newest = max(self.newest, _seq(page.rows[-1].seq, self._life))
                    return
            except TimeoutError:
                await self.update_seq()  # whether it is there, and the same

    # -- reading
    async def changes(
        self, since: Seq, *, bodies: bool = False, all_leafs: bool = False
    ) -> AsyncIterator[Changes]:
        """As a store has them, without bodies; whether the winner is a deletion is not told."""
        place: Any = since.text
        while True:
            async with self._in_words():
                page = await self._remote.changes(place, PAGE, wait=False)
            rows = [Change(_seq(row.seq, self._life), row.id, row.revs, False, None, ()) for row in page.rows]
            place = page.last_seq
            last = _seq(place, self._life)
            self.newest = max(self.newest, last)
            yield Changes(rows, last)
            if len(rows) < PAGE:
                return

    async def winners(self, ids: Sequence[str], *, bodies: bool) -> list[Row | None]:
        if not ids:
            return []
        query = {"include_docs": "true"} if bodies else {}
        try:
            found = await self._object("POST", "/_all_docs", query, {"keys": list(ids)})
        except TooMuch as error:
            if len(ids) == 1:
                raise Unavailable(f"{self._shown}: a document is too large to be read.") from error
            middle = len(ids) // 2
            parts = (ids[:middle], ids[middle:])
            return [row for part in parts for row in await self.winners(part, bodies=bodies)]
        rows = found.get("rows")
        if not isinstance(rows, list) or len(rows) != len(ids):
            raise Unavailable(f"{self._shown}: the answer to _all_docs cannot be read.")
        return await asyncio.to_thread(lambda: [_row(row) for row in rows])

    async def all_docs(self, wanted: Range, *, bodies: bool) -> AsyncIterator[list[Row]]:
        [found] = await self.ranges([wanted])
        yield found

    async def ranges(self, wanted: Sequence[Range]) -> list[list[Row]]:
        """The rows of many ranges of ids, without bodies."""
        found = await self._listed([(one.start, one.end, 0) for one in wanted])
        for rows, one in zip(found, wanted, strict=True):
            more = rows
            while len(more) >= LISTED:
                if len(rows) > MOST_LISTED:
                    raise Unavailable(f"{self._shown}: a package has more than {MOST_LISTED} versions.")
                [more] = await self._listed([(rows[-1].id, one.end, 1)])  # behind the last one
                rows += more
        return found

    async def _listed(self, wanted: Sequence[tuple[str | None, str | None, int]]) -> list[list[Row]]:
        """The first LISTED rows of each (start, end, how many to skip)."""
        queries = [
            {"start_key": start, "end_key": end, "skip": skip, "limit": LISTED} for start, end, skip in wanted
        ]
        found = await self._object("POST", "/_all_docs/queries", {}, {"queries": queries})
        results = found.get("results")
        if not isinstance(results, list) or len(results) != len(wanted):
            raise Unavailable(f"{self._shown}: the answer to _all_docs/queries cannot be read.")
        return [[row for one in _list(result, "rows") if (row := _row(one))] for result in results]

    async def text(self, file: Attachment, most: int) -> str:
        """The first bytes of a file, as text. Raises NotFound, Unavailable."""
        pieces, size = [], 0
        doc_id, _, name = file.key.partition("/")
        path = path_of(doc_id) + "/" + "/".join(path_of(part)[1:] for part in name.split("/"))
        async with self._in_words(), self._calls.stream("GET", path) as response:
            if response.status in (404, 410):
                raise NotFound
            if response.status != 200:
                raise Unavailable(f"{self._shown}: a file is answered with {response.status}.")
            async for piece in response.content.iter_chunked(64 << 10):
                pieces.append(piece)
                size += len(piece)
                if size >= most:
                    break
        return b"".join(pieces)[:most].decode("utf-8", "replace")

    # -- asking
    async def _object(self, method: str, path: str, query: Mapping[str, str], value: Any) -> dict[str, Any]:
        """Raises TooMuch, Unavailable."""
        async with self._in_words():
            answer: PeerAnswer = await self._calls.ask(method, path, query=query, value=value, most=LARGEST)
            if answer.status != 200:
                raise Broken(answer.reason)
            found = await answer.large_json()
            if not isinstance(found, dict):
                raise Broken("The answer is not a JSON object.")
            return found

    @asynccontextmanager
    async def _in_words(self) -> AsyncIterator[None]:
        """Raises Unavailable for whatever another server may do, and passes on what a caller deals with."""
        try:
            yield
            self.heard = time.monotonic()
        except (TooMuch, NotFound) as error:
            if getattr(error, "error", "") == "db_not_found":
                raise Unavailable(f"{self._shown}: there is no such database.") from error
            raise
        except Unavailable:
            raise
        except CouchregError as error:
            raise Unavailable(f"{self._shown}: {error.reason}") from error
        except (aiohttp.ClientError, ConnectionError) as error:
            raise Unavailable(f"{self._shown}: {type(error).__name__}") from error


def _seq(given: Any, life: str) -> Seq:
    """A place as a server writes it: a number, or a text that begins with one."""
    text = given if isinstance(given, str) else json.encode(given).decode()
    found = _NUMBER.match(text.lstrip('["'))
    number = int(found[0]) if found else 0
    return Seq(number, text, life) if number else Seq(0, "0", life)


def _purged(told: Mapping[str, Any]) -> str:
    """How much has been purged: the beginning of its place, for the rest of it may be written differently."""
    return str(told.get("purge_seq", 0)).partition("-")[0]


def _list(value: Any, name: str) -> list[Any]:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []


def _row(row: Any) -> Row | None:
    """A row of `_all_docs`; None for what it does not know. What is no row counts as that."""
    value = row.get("value") if isinstance(row, dict) else None
    if not isinstance(value, dict) or not isinstance(row.get("id"), str):
        return None
    doc = row.get("doc")
    deleted = value.get("deleted") is True
    members = attachments = None
    if isinstance(doc, dict):
        own = {name: item for name, item in doc.items() if not name.startswith("_")}
        members = json.encode(own)[1:-1]
        attachments = _attachments(row["id"], doc.get("_attachments"))
    return Row(row["id"], str(value.get("rev")), deleted, members, attachments or ())


def _attachments(doc_id: str, stubs: Any) -> tuple[Attachment, ...]:
    """The key says where it is asked for; bytes are not needed to know which files there are."""
    names = stubs if isinstance(stubs, dict) else {}
    return tuple([Attachment(name, "", 0, b"", 0, 0, "identity", "", f"{doc_id}/{name}") for name in names])
