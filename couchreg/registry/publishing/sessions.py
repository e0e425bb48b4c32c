"""Publishes over several requests: announced, filled file by file, committed; bounded, and gone in the end.

Records and files lie on a `Shelf`, so a restart loses nothing of them. Whose one is, its pledge tells. Of the
files announced those count as there that a published version has, or another publish of the same person:
nobody gets bytes that way which they could not read, or have not sent.
"""

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from couchreg.blobstore.base import BlobStore
from couchreg.blobstore.spool import once
from couchreg.errors import BadRequest, Conflict, NotFound, TooManyRequests, Unavailable
from couchreg.package.descriptor import examine
from couchreg.package.paths import DESCRIPTOR
from couchreg.package.text import BadText, read_json
from couchreg.registry.publishing.arriving import Arrival
from couchreg.registry.publishing.held import Held
from couchreg.registry.publishing.records import Announced, PublishManifest, PublishState, Record
from couchreg.registry.publishing.shelf import Arrived, Shelf

Mine = Callable[[Record], Awaitable[bool]]
LetGo = Callable[[Record, Arrived], Awaitable[None]]
REMEMBERED = 32  # publishes whose lists of files are in memory
TOUCHED = 600.0  # seconds: how exactly the time of the last request is kept


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """What publishes under way may take."""

    unfinished_of_one: int = 16
    finished_of_one: int = 50  # whose outcomes are kept
    records: int = 10_000
    space: int = 80 << 30  # bytes that all may bring; of one user half
    lasts: float = 86_400  # seconds without a request; then it is removed, and an outcome forgotten
    left_for: float = 90_000  # seconds that the sweep may leave what was sent elsewhere and never published
    setting: str = ""  # by which the operator changes `space`


@dataclass
class Contents:
    """What was announced in one publish, and what is there."""

    files: tuple[Announced, ...]
    arrived: Arrived
    numbers: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.numbers = {file.path: number for number, file in enumerate(self.files)}

    @property
    def absent(self) -> list[int]:
        return [number for number in range(len(self.files)) if number not in self.arrived.complete]


async def _nothing_elsewhere(record: Record, arrived: Arrived) -> None:
    """All that a publish has lies on the shelf."""


class Sessions:
    """The publishes under way of one server; whoever makes it calls `start` and `close`."""

    def __init__(
        self,
        shelf: Shelf,
        held: Held,
        blobs: BlobStore,
        limits: SessionLimits,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.shelf = shelf
        self.held = held
        self.blobs = blobs
        self.limits = limits
        self.clock = clock
        self.let_go: LetGo = _nothing_elsewhere  # of what lies elsewhere, when its publish needs it no more
        self._records: dict[str, Record] = {}
        self._contents: OrderedDict[str, Contents] = OrderedDict()
        self._receiving: set[tuple[str, int]] = set()
        self._opening = asyncio.Lock()

    async def load(self) -> list[Record]:
        """What an earlier life of the server has left: those that it has acknowledged and not finished."""
        for record in await asyncio.to_thread(self.shelf.load):
            self._records[record.id] = record
        await self.expire()
        return [record for record in self._records.values() if record.state is PublishState.CHECKING]

    async def expire(self) -> None:
        """Remove what nobody has touched for long; what is being checked stays."""
        limit = self.clock() - self.limits.lasts
        for record in list(self._records.values()):
            if record.touched < limit and record.state is not PublishState.CHECKING:
                await self.remove(record)

    def of(self, user: str) -> list[Record]:
        """Those of a user, the newest first."""
        found = [record for record in self._records.values() if record.user == user]
        return sorted(found, key=lambda record: -record.made)

    def get(self, session: str) -> Record:
        """Raises NotFound."""
        try:
            return self._records[session]
        except KeyError:
            raise NotFound("There is no such publish: it is over, has expired, or is not yours.") from None

    def holds(self, record: Record) -> bool:
        """Whether it has not been removed."""
        return record.id in self._records

    # -- the first step
    async def open(
        self, manifest: PublishManifest, user: str, pledge: Any, mine: Mine, askers: Sequence[str]
    ) -> tuple[Record, bool]:
        """The publish that this manifest begins, or goes on with; and whether it is new. `mine` tells which
        publishes under the name of the user are of the same account.

        Raises InvalidPackage for a descriptor that no check will take, TooManyRequests, Unavailable.
        """
        async with self._opening:
            own = [record for record in self.of(user) if await mine(record)]
            for record in own:
                if record.digest == manifest.digest and not record.is_finished:
                    record.touched, record.pledge = self.clock(), pledge
                    await self._take_held(record, own)
                    return record, False
            if manifest.descriptor is not None:
                await asyncio.to_thread(_examine, manifest, manifest.descriptor)
            record = self._new(manifest, user, pledge, askers)
            await self._make_room(user)
            await asyncio.to_thread(self.shelf.create, record, manifest.files)
            self._records[record.id] = record
            await self._begin(record, manifest, own)
            return record, True

    async def _begin(self, record: Record, manifest: PublishManifest, own: Sequence[Record]) -> None:
        contents = await self.contents(record)
        if manifest.descriptor is not None:
            await self._write_descriptor(record, contents, manifest.descriptor)
        await self._take_held(record, own)
        record.length = sum(contents.files[number].length for number in contents.absent)
        try:
            await self._find_space(record)
        except (TooManyRequests, Unavailable):
            await self.remove(record)
            raise
        await asyncio.to_thread(self.shelf.save, record)

    def _new(self, manifest: PublishManifest, user: str, pledge: Any, askers: Sequence[str]) -> Record:
        now = self.clock()
        return Record(
            id=secrets.token_hex(16),
            name=manifest.name,
            version=manifest.version,
            user=user,
            pledge=pledge,
            digest=manifest.digest,
            length=0,
            made=now,
            touched=now,
            askers=tuple(askers),
        )

    async def _make_room(self, user: str, going: int = 0) -> None:
        """Forget the oldest outcomes; some publishes are `going`. Raises TooManyRequests, Unavailable when
        that does not help."""
        own = self.of(user)
        finished = [record for record in own if record.is_finished]
        for record in finished[self.limits.finished_of_one - 1 :]:
            await self.remove(record)
        if len(own) - len(finished) - going >= self.limits.unfinished_of_one:
            raise TooManyRequests(
                f"You have {len(own) - len(finished)} unfinished publishes: finish or delete one of them "
                "(GET /-/publishing lists them).",
                retry_after=60,
            )
        if len(self._records) - going >= self.limits.records:
            raise Unavailable("Too many publishes are under way: try again in a while.", retry_after=60)

    async def _find_space(self, record: Record, instead: Record | None = None) -> None:
        """Room for its bytes: those go first that a publish which is over has left. Raises TooManyRequests,
        Unavailable."""
        space, counted = self.limits.space, [one for one in self._records.values() if one is not instead]
        own = [one for one in counted if one.user == record.user]
        if not await self._fits(own, space // 2):
            raise TooManyRequests(
                f"Your unfinished publishes may bring {space // 2} bytes together: finish or delete one of "
                f"them. {self._whose()}",
                retry_after=60,
            )
        if not await self._fits(counted, space):
            raise Unavailable(
                f"All publishes under way may bring {space} bytes together: try again in a while. "
                f"{self._whose()}",
                retry_after=60,
            )

    async def _fits(self, records: Sequence[Record], most: int) -> bool:
        for record in sorted(records, key=lambda item: item.made):
            if sum(item.length for item in records) <= most:
                return True
            if record.is_finished and record.length:
                await self.forget_files(record)
        return sum(item.length for item in records) <= most

    def _whose(self) -> str:
        setting = self.limits.setting
        return f"The limit is the operator's: the setting {setting}." if setting else ""

    async def _write_descriptor(self, record: Record, contents: Contents, data: bytes) -> None:
        number = contents.numbers[DESCRIPTOR]
        arrival = Arrival(self.shelf.part(record.id, number), contents.files[number])
        await self._arrived(record, contents, number, await arrival.receive(once(data), 0))

    # -- what is there
    async def contents(self, record: Record) -> Contents:
        """The files of a publish."""
        found = self._contents.get(record.id)
        if found is None:
            files = await asyncio.to_thread(self.shelf.files, record.id)
            found = Contents(files, await asyncio.to_thread(self.shelf.arrived, record.id))
            self._contents[record.id] = found
            while len(self._contents) > REMEMBERED:
                self._contents.popitem(last=False)
        self._contents.move_to_end(record.id)
        return found

    async def missing(self, record: Record) -> list[int]:
        """The numbers of the files that have to be sent."""
        contents = await self.contents(record)
        absent = contents.absent
        if not absent or self.blobs.is_local:
            return absent
        held = await self.held.find({contents.files[number].sha256 for number in absent})
        return [number for number in absent if contents.files[number].sha256 not in held]

    async def _take_held(self, record: Record, own: Sequence[Record]) -> None:
        """Take what is there already: of published versions, and of other publishes of the same person."""
        contents = await self.contents(record)
        sources: dict[str, tuple[Path, str]] = {}
        for other in own:
            if (
                other.id != record.id
                and other.id in self._records
                and other.state is not PublishState.PUBLISHED
            ):
                sources |= self._own(other.id, await self.contents(other))
        if self.blobs.is_local:
            wanted = {contents.files[number].sha256 for number in contents.absent}
            for sha256, file in (await self.held.find(wanted, fresh=True)).items():
                path = self.blobs.local_path(file.key)
                if path is not None:
                    sources[sha256] = (path, file.digest.hex())
        await asyncio.to_thread(self._link, record.id, contents, sources)

    def _own(self, session: str, contents: Contents) -> dict[str, tuple[Path, str]]:
        return {
            contents.files[number].sha256: (self.shelf.place(session, number, md5), md5)
            for number, md5 in contents.arrived.complete.items()
        }

    def _link(self, session: str, contents: Contents, sources: dict[str, tuple[Path, str]]) -> None:
        for number in contents.absent:
            source, md5 = sources.get(contents.files[number].sha256, (None, ""))
            if source is not None and self.shelf.link(session, number, md5, source):
                contents.arrived.complete[number] = md5

    # -- the second step
    async def receive(self, record: Record, path: str, chunks: AsyncIterable[bytes], start: int) -> int:
        """Take a file, or go on with it; how many bytes of it are there now.

        Raises NotFound for a path that was not announced, Conflict for a publish that takes no more or a part
        that begins elsewhere, TooLarge, DigestMismatch, Unavailable.
        """
        contents, number = await self.awaited(record, path)
        if number in contents.arrived.complete:
            return contents.files[number].length
        if (record.id, number) in self._receiving:
            raise Conflict(f"The file {path[:200]!r} is being sent by another request.")
        self._receiving.add((record.id, number))
        arrival = Arrival(self.shelf.part(record.id, number), contents.files[number])
        try:
            await self._arrived(record, contents, number, await arrival.receive(chunks, start))
        finally:
            self._receiving.discard((record.id, number))
            if number not in contents.arrived.complete:
                contents.arrived.partial[number] = self.shelf.begun(record.id, number)
        return arrival.length

    async def awaited(self, record: Record, path: str) -> tuple[Contents, int]:
        """What is there of an open publish, and the number of a file of it, for who brings some of that.
        Raises NotFound for a path that was not announced, Conflict for a publish that takes no more."""
        contents = await self.contents(record)
        number = contents.numbers.get(path)
        if number is None:
            raise NotFound(f"The file {path[:200]!r} was not announced.")
        if record.state is not PublishState.OPEN:
            raise Conflict(f"This publish takes no more files: it is {record.state}.")
        record.touched = self.clock()
        return contents, number

    async def _arrived(self, record: Record, contents: Contents, number: int, md5: str | None) -> None:
        if md5 is None:
            return
        self.shelf.complete(record.id, number, md5)
        contents.arrived.partial.pop(number, None)
        contents.arrived.complete[number] = md5

    # -- the end
    async def save(self, record: Record, state: PublishState, outcome: Any = None) -> None:
        """How far it is now, durably. Raises NotFound for one that was removed, Unavailable."""
        self.get(record.id)
        record.state, record.outcome, record.touched = state, outcome, self.clock()
        if state is PublishState.PUBLISHED:
            record.length = 0  # its files go
        await asyncio.to_thread(self.shelf.save, record)

    async def adopt(self, record: Record, files: Sequence[Announced], instead: Record | None = None) -> None:
        """Take a publish that arrived in one request. One `instead` of which it is does not count against it,
        and is the caller's to remove when the files are there. Raises TooManyRequests, Unavailable."""
        async with self._opening:
            try:
                await self._make_room(record.user, 0 if instead is None else 1)
                self._records[record.id] = record
                await self._find_space(record, instead)
                await asyncio.to_thread(self.shelf.create, record, files)
            except BaseException:
                self._records.pop(record.id, None)
                raise

    async def touch(self, record: Record) -> None:
        """Somebody works on it: its time begins anew, also for a server that starts again. Raises NotFound,
        Unavailable."""
        if record.state is PublishState.OPEN and self.clock() - record.touched > TOUCHED:
            await self.save(record, record.state)

    async def forget_files(self, record: Record) -> None:
        """The bytes are published, or are of no more use."""
        if not self.holds(record):
            return
        elsewhere = await self._elsewhere(record)
        self._contents.pop(record.id, None)
        await asyncio.to_thread(self.shelf.drop_files, record.id)
        await self.let_go(record, elsewhere)
        if record.length:
            record.length = 0
            await asyncio.to_thread(self.shelf.save, record)

    async def remove(self, record: Record, *, handed_on: bool = False) -> None:
        """All of it; what was `handed_on` lies elsewhere for another publish from now on."""
        elsewhere = Arrived() if handed_on else await self._elsewhere(record)
        self._records.pop(record.id, None)
        self._contents.pop(record.id, None)
        await asyncio.to_thread(self.shelf.remove, record.id)
        await self.let_go(record, elsewhere)

    async def _elsewhere(self, record: Record) -> Arrived:
        """What has come of a publish that may not lie on the shelf; nothing of one that has gone."""
        if self.blobs.is_local or not self.holds(record):
            return Arrived()
        return await asyncio.to_thread(self.shelf.arrived, record.id)


def _examine(manifest: PublishManifest, descriptor: bytes) -> None:
    """Refuse at once what would be refused when everything has been sent."""
    try:
        members = read_json(descriptor)
    except BadText as error:
        raise BadRequest(f"The descriptor {error.fault}.") from None
    if not isinstance(members, dict):
        raise BadRequest("A data package descriptor must be a JSON object.")
    examine(members, manifest.name, manifest.version)
