"""One database in a CouchDB: the `docstore.base.Database` protocol over HTTP."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from couchreg.docstore.base import (
    SETTINGS,
    Changes,
    DatabaseInfo,
    Edit,
    LocalDocument,
    Opened,
    Range,
    Revision,
    Row,
    Seq,
    Setting,
    Updated,
)
from couchreg.docstore.remote import listing, private, reading, sequences, writing
from couchreg.docstore.remote.address import document_path
from couchreg.docstore.remote.asking import DatabaseCalls
from couchreg.docstore.remote.calls import GONE, LOOK
from couchreg.docstore.remote.copies import Copies
from couchreg.docstore.remote.needed import NeededFiles
from couchreg.docstore.remote.notes import LIFE, SECURITY, is_note
from couchreg.docstore.remote.records import read_local
from couchreg.docstore.remote.replicas import differences
from couchreg.docstore.remote.watching import Watcher
from couchreg.errors import BadRequest, CouchregError, Forbidden, NotFound, Unsure
from couchreg.model import json
from couchreg.model.revtree import RevTree
from couchreg.model.user import User

FRESH: Final = 2.0  # seconds for which a setting is believed
LONGPOLL: Final = 25_000  # milliseconds that one request waits for news
_NUMBERS: Final[Mapping[Setting, str]] = {
    "revs_limit": "/_revs_limit",
    "purged_infos_limit": "/_purged_infos_limit",
}


class _Told(msgspec.Struct):
    """What `GET /db` says."""

    update_seq: Any
    doc_count: int = 0
    doc_del_count: int = 0
    purge_seq: Any = 0
    sizes: dict[str, Any] = {}
    instance_start_time: Any = "0"
    compact_running: bool = False
    cluster: dict[str, Any] = {}
    props: dict[str, Any] = {}


_told: Final = msgspec.json.Decoder(_Told)


class CouchDatabase:
    """Of a single node. `life` is what its sequences are of: the mark that was written when the database was
    made."""

    def __init__(self, name: str, asking: DatabaseCalls, life: str) -> None:
        self.name = name
        self.life = life
        self._asking = asking
        self._is_gone = False
        self._watcher = Watcher(self._news)
        self._settings: dict[Setting, tuple[float, Any]] = {}
        self._telling: asyncio.Task[_Told] | None = None  # asked now
        self._telling_next: asyncio.Task[_Told] | None = None  # asked when that one is over
        self._needed = NeededFiles(self)
        self._order: sequences.OneCopy | Copies = sequences.OneCopy(life)

    # -- sequences
    async def update_seq(self) -> Seq:
        self._check_life()
        return self._stamp((await self._tell()).update_seq)

    def _check_life(self) -> None:
        """There may be another one of this name by now. Raises NotFound."""
        if self._is_gone:
            raise NotFound(GONE)

    async def parse_since(self, since: str) -> Seq:
        found = self._order.parse(since)
        if found is None:
            return await self.update_seq()
        return found if found.number else self._stamp("0")

    def _stamp(self, told: Any) -> Seq:
        return self._order.stamp(told)

    async def wait(self, since: Seq) -> None:
        now = await self.update_seq()
        known = since if since.incarnation == self.life else self._stamp("0")
        if now.number <= known.number:
            await self._watcher.wait(known)

    async def _news(self, since: Seq) -> Seq:
        with self._asking.calls.feed() as is_free:
            if is_free:
                told = await listing.news(self._asking, self._order.since(since), LONGPOLL)
                last = await self._place_of(told)
                return last if last.number > since.number else since
        await asyncio.sleep(LOOK)
        return await self.update_seq()

    async def _place_of(self, told: Any) -> Seq:
        """What somebody has come to who was told of news."""
        return self._stamp(told)

    async def _tell(self) -> _Told:
        """What is so after this was called. Those who come while it is asked share the next answer."""
        if self._telling_next is None:
            self._telling_next = asyncio.create_task(self._ask_after(self._telling))
        return await asyncio.shield(self._telling_next)

    async def _ask_after(self, before: "asyncio.Task[_Told] | None") -> _Told:
        if before is not None:
            await asyncio.wait([before])
        self._telling, self._telling_next = self._telling_next, None
        return await self._asking.decoded(await self._asking.ask("GET", ""), _told)

    def gone(self) -> None:
        """It has been deleted, here."""
        self._is_gone = True
        self._watcher.fail(NotFound(GONE))

    async def close(self) -> None:
        await self._watcher.close()
        for task in (self._telling, self._telling_next):
            if task is not None and not task.done():
                task.cancel()
                await asyncio.wait([task])

    # -- reads
    async def info(self) -> DatabaseInfo:
        told = await self._tell()
        sizes = {name: size if isinstance(size, int) else 0 for name, size in told.sizes.items()}
        created = str(told.instance_start_time)
        return DatabaseInfo(
            doc_count=told.doc_count,
            doc_del_count=told.doc_del_count,
            update_seq=await self._place_of(told.update_seq),
            purge_seq=sequences.stamp(told.purge_seq, self.life),
            size_file=sizes.get("file", 0),
            size_active=sizes.get("active", 0),
            size_external=sizes.get("external", 0),
            created=float(created) if created.isdecimal() else 0.0,
            compact_running=told.compact_running,
        )

    async def tree(self, doc_id: str) -> RevTree | None:
        return await reading.tree(self._asking, doc_id)

    async def revision(self, doc_id: str, rev: str | None = None) -> Revision:
        return await reading.revision(self._asking, doc_id, rev)

    async def revisions(self, doc_id: str, revs: Sequence[str]) -> list[Revision | None]:
        return await reading.revisions(self._asking, doc_id, revs)

    async def open_revs(
        self,
        wanted: Sequence[tuple[str, Sequence[str] | None]],
        *,
        latest: bool = False,
        histories: bool = False,
    ) -> list[list[Opened]]:
        return await reading.open_revs(self._asking, wanted, latest=latest, histories=histories)

    async def winners(self, ids: Sequence[str], *, bodies: bool) -> list[Row | None]:
        return await reading.winners(self._asking, ids, bodies=bodies)

    def all_docs(self, wanted: Range, *, bodies: bool) -> AsyncIterator[list[Row]]:
        return listing.all_docs(self._asking, wanted, bodies=bodies)

    async def changes(
        self,
        since: Seq,
        *,
        until: Seq | None = None,
        limit: int | None = None,
        descending: bool = False,
        bodies: bool = False,
        all_leafs: bool = False,
        ids: Collection[str] | None = None,
    ) -> AsyncIterator[Changes]:
        now = await self.update_seq()
        start = since if since.incarnation == self.life else self._stamp("0")
        end = now if until is None or until.number > now.number else until
        wanted = listing.ChangesWanted(start, end, end is until, limit, bodies, all_leafs, ids, self._order)
        found = listing.backwards if descending else listing.changes
        async for stretch in found(self._asking, wanted):
            yield stretch

    async def pending(self, since: Seq) -> int:
        return await listing.pending(self._asking, self._order.since(since))

    # -- writes
    async def update(
        self, edits: Sequence[Edit], *, new_edits: bool, user: User, together: bool = False
    ) -> Updated:
        """Raises MissingStub, IllegalDocid and whatever else the whole call is refused with: then nothing
        of it is written. Unsure where it may be written all the same.

        `together` writes one after the other and takes back what was written where one is refused: whoever
        reads in between sees it, and after a crash in between the first ones stay.
        """
        if not edits:
            return Updated([], await self.update_seq())
        try:
            return await self._update(edits, new_edits=new_edits, together=together)
        except (Unsure, asyncio.CancelledError):
            self._asking.calls.doubt()
            raise

    async def _update(self, edits: Sequence[Edit], *, new_edits: bool, together: bool) -> Updated:
        texts = await writing.prepared(self._asking, edits, new_edits=new_edits)
        write = writing.together if together and len(edits) > 1 else writing.written
        outcomes = await write(self._asking, edits, texts, new_edits=new_edits)
        if together:
            Updated(outcomes, self._stamp("0")).check()
        with written_already():
            return Updated(outcomes, await self.update_seq())

    async def referred(self, keys: Collection[str]) -> set[str]:
        """All of them for a while after a write of which nobody knows whether it was done."""
        if self._asking.calls.in_doubt:
            return set(keys)
        return await self._needed.among(keys)

    async def missing_revs(
        self, wanted: Mapping[str, Sequence[str]]
    ) -> dict[str, tuple[list[str], list[str]]]:
        value = {doc_id: list(revs) for doc_id, revs in wanted.items()}
        answer = await self._asking.ask("POST", "/_revs_diff", value=value)
        found = await self._asking.decoded(answer, differences)
        return {doc_id: (one.missing, one.possible_ancestors) for doc_id, one in found.items()}

    # -- local documents
    async def local(self, doc_id: str) -> LocalDocument:
        check_local(doc_id, NotFound("missing"))
        answer = await self._asking.ask("GET", document_path(doc_id))
        answer.check()
        return read_local(answer.data)

    async def update_local(self, doc_id: str, body: dict[str, Any] | None, rev: str | None = None) -> str:
        check_local(doc_id, Forbidden("This document is the server's own."))
        path = document_path(doc_id)
        if body is None:
            query = {} if rev is None else {"rev": rev}
            answer = await self._asking.ask("DELETE", path, query=query)
        else:
            value = {"_id": doc_id, **({} if rev is None else {"_rev": rev}), **body}
            answer = await self._asking.ask("PUT", path, value=value)
        answer.check()
        return str((await answer.json())["rev"])

    # -- settings
    async def setting(self, name: Setting) -> Any:
        """As it was FRESH seconds ago at the most; what is changed here counts at once."""
        asked, value = self._settings.get(name, (0.0, None))
        if not asked or time.monotonic() - asked > FRESH:
            begun = time.monotonic()
            value = await self._read_setting(name)
            self._settings[name] = (begun, value)
        return value

    async def _read_setting(self, name: Setting) -> Any:
        if name not in SETTINGS:
            return None
        if name in ("q", "n", "partitioned"):
            told = await self._tell()
            return (told.props.get(name) or None) if name == "partitioned" else told.cluster.get(name)
        path = _NUMBERS.get(name)
        answer = await self._asking.ask("GET", path or document_path(SECURITY))
        if path is None and answer.status == 404 and answer.problem().reason != GONE:
            return None
        answer.check()
        found = await answer.json()
        return found if path else found.get("value")

    async def set_setting(self, name: Setting, value: Any) -> None:
        if name == "partitioned":
            raise BadRequest("Whether a database has partitions is said when it is made.")
        if name in ("q", "n"):
            raise BadRequest("How a database is spread is said when it is made.")
        path = _NUMBERS.get(name)
        body = json.encode(value if path else {"value": value})
        answer = await self._asking.ask("PUT", path or document_path(SECURITY), body=body)
        answer.check()
        self._settings.pop(name, None)

    async def mark(self) -> None:
        """Write down that this life of the database has begun, and close it to all but administrators: who
        may do what is judged before this store."""
        await private.close(self._asking)
        answer = await self._asking.ask("PUT", document_path(LIFE), value={"life": self.life})
        answer.check()


@contextmanager
def written_already() -> Iterator[None]:
    """Whatever fails from here on, nobody may be told that nothing was written. Raises Unsure."""
    try:
        yield
    except Unsure:
        raise
    except CouchregError as error:
        raise Unsure(f"Written, but for how far followers have to go: {error.reason}") from error


def check_local(doc_id: str, error: CouchregError) -> None:
    if is_note(doc_id):
        raise error
