"""Packages that are being made in a browser: files that came first, and a descriptor that is written later.

A draft is a publish over several requests whose files are there already: it lies on the same shelf, counts
against the same limits, and is gone a day after the last request. Where no `datapackage.json` came along, a
first one is proposed.
"""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from couchreg.blobstore.spool import Spool, once
from couchreg.errors import BadRequest, Conflict
from couchreg.package.paths import DESCRIPTOR, check_path
from couchreg.registry.checking.checker import Checker
from couchreg.registry.publishing.choosing import choose_received
from couchreg.registry.publishing.describing import with_identity, with_other_files
from couchreg.registry.publishing.filling import fill
from couchreg.registry.publishing.intake import Intake, PublishLimits
from couchreg.registry.publishing.publish import Published, Publisher, link_into
from couchreg.registry.publishing.records import PublishState, Record
from couchreg.registry.publishing.runs import BUSY, Runs, Sender
from couchreg.registry.publishing.threads import IsStopped, in_thread
from couchreg.registry.publishing.zipped import is_zip, unpack

LONGEST = 256 << 10  # bytes of a descriptor that is edited here
TOO_LONG = f"A descriptor that is edited here may have at most {LONGEST} bytes: `couchreg publish` has room."


class Drafts:
    """Begins drafts, and publishes them."""

    def __init__(
        self, runs: Runs, publisher: Publisher, checker: Checker, spool: Spool, limits: PublishLimits
    ) -> None:
        self._runs = runs
        self._publisher = publisher
        self._checker = checker
        self._spool = spool
        self._limits = limits

    async def begin(
        self, intake: Intake, name: str, version: str, sender: Sender
    ) -> tuple[Record, list[tuple[str, str]]]:
        """Keep the files that have arrived, with a descriptor; and the files in which nothing could be seen.

        Raises BadRequest for no files, for such as cannot lie in one folder, for files that take too long to
        look into, and for a descriptor that cannot be edited here; Forbidden for a name that is not the
        sender's to publish under; TooLarge, TooManyRequests, Unavailable.
        """
        sender.allow(name)
        await asyncio.to_thread(_without_folder, intake)
        return await self._begin(intake, (name, version), sender)

    async def describe(self, record: Record, sender: Sender) -> tuple[Record, list[tuple[str, str]]]:
        """Make a draft of a publish that was announced as one and whose files are there; it has another
        record. Raises Conflict for files that are not, and as `begin`."""
        sender.allow(record.name)
        with self._runs.alone(record):
            async with self._filled(record, whole=True) as intake:
                return await self._begin(intake, (record.name, record.version), sender, record)

    async def _begin(
        self, intake: Intake, named: tuple[str, str], sender: Sender, instead: Record | None = None
    ) -> tuple[Record, list[tuple[str, str]]]:
        await self._unpacked(intake)
        await asyncio.to_thread(_check_paths, intake)
        unread: list[tuple[str, str]] = []
        if DESCRIPTOR not in intake.files:
            text, unread = await self._proposed(intake, named, sender.askers)
            await self._take(intake, text)
        elif intake.files[DESCRIPTOR].spooled.length > LONGEST:
            raise BadRequest(TOO_LONG)
        else:
            await self._identify(intake, named)
        await sender.confirm()
        return await self._runs.keep(intake, *named, sender, instead), unread

    async def _identify(self, intake: Intake, named: tuple[str, str]) -> None:
        """A descriptor that came along has the name and version that were said, where it has none."""
        received = intake.files[DESCRIPTOR]
        sent = await asyncio.to_thread(received.spooled.content)
        try:
            before = sent.decode("utf-8-sig")
        except UnicodeDecodeError:
            return  # which the checks will say
        text = await asyncio.to_thread(with_identity, before, named)
        if text == before or len(text.encode()) > LONGEST:
            return
        old = intake.take_back(DESCRIPTOR) if received.ours else intake.files.pop(DESCRIPTOR).spooled
        try:
            await self._take(intake, text)
        finally:
            if received.ours:
                intake.spool.remove(old)

    async def text(self, record: Record) -> str:
        """The descriptor of a draft as it was kept. Raises Conflict for files that are not there."""
        async with self._filled(record) as intake:
            if DESCRIPTOR not in intake.files:
                raise Conflict("This draft has no descriptor yet: send its files again, and go on.")
            found = intake.files[DESCRIPTOR].spooled
            if found.length > LONGEST:
                raise Conflict(f"This datapackage.json has more than {LONGEST} bytes: edit it elsewhere.")
            return (await asyncio.to_thread(found.content)).decode("utf-8-sig", "replace")

    async def files(self, record: Record) -> list[tuple[str, int]]:
        """Paths and bytes, without the descriptor."""
        contents = await self._runs.sessions.contents(record)
        return [(file.path, file.length) for file in contents.files if file.path != DESCRIPTOR]

    async def check(self, record: Record, text: str, sender: Sender) -> Published:
        """Check it with this descriptor, and publish nothing. Raises as `Publisher.publish`."""
        async with self._alone(record) as intake:
            name, version = await self._described(intake, text, sender)
            return await self._publisher.publish(
                intake,
                name,
                version,
                sender.user,
                dry_run=True,
                confirm=sender.confirm,
                askers=sender.askers,
            )

    async def publish(self, record: Record, text: str, sender: Sender) -> Published:
        """Publish it with this descriptor; then the draft is gone. Raises as `Publisher.publish`."""
        async with self._alone(record) as intake:
            name, version = await self._described(intake, text, sender)
            await self._publisher.check_address(name, version, sender.user)
            published = await self._publisher.publish(
                intake, name, version, sender.user, confirm=sender.confirm, askers=sender.askers
            )
            await self._runs.sessions.remove(record)
        return published

    @asynccontextmanager
    async def _alone(self, record: Record) -> AsyncIterator[Intake]:
        """Its files, for whoever looks into them or publishes them: nobody removes them meanwhile."""
        with self._runs.alone(record):
            async with self._filled(record) as intake:
                yield intake

    @asynccontextmanager
    async def _filled(self, record: Record, *, whole: bool = False) -> AsyncIterator[Intake]:
        if record.state is not PublishState.OPEN:
            raise Conflict(BUSY)
        async with Intake(self._spool, self._limits) as intake:
            await fill(intake, self._runs.sessions, record, checked=True, whole=whole)
            yield intake

    async def _described(self, intake: Intake, text: str, sender: Sender) -> tuple[str, str]:
        """Let this be the descriptor, and leave out what it does not name; the name and version in it.
        Raises BadRequest, and Forbidden for a name that is not the sender's to publish under."""
        intake.files.pop(DESCRIPTOR, None)
        await self._take(intake, text)
        intake.read_sent_descriptor()
        members = intake.members
        name, version = members.get("name"), members.get("version")
        if not isinstance(name, str) or not isinstance(version, str):
            raise BadRequest("The descriptor needs a “name” and a “version”, both in quotation marks.")
        sender.allow(name)
        await choose_received(intake)
        for path in intake.left_out:
            del intake.files[path]
        intake.members = {}  # to be settled as of any other form
        return name, version

    async def _take(self, intake: Intake, text: str) -> None:
        data = text.encode("utf-8", "replace")
        if len(data) > LONGEST:
            raise BadRequest(TOO_LONG)
        await intake.receive(DESCRIPTOR, None, once(data))

    async def _unpacked(self, intake: Intake) -> None:
        """One zip file alone is a folder with its descriptor."""
        only = next(iter(intake.files), None)
        if only is None or len(intake.files) > 1 or not only.lower().endswith(".zip"):
            return
        if not is_zip(intake.files[only].spooled.on_disk()):
            return
        ours = intake.files[only].ours
        archive = intake.take_back(only) if ours else intake.files.pop(only).spooled
        try:
            await unpack(intake, archive)
        finally:
            if ours:
                intake.spool.remove(archive)

    async def _proposed(
        self, intake: Intake, named: tuple[str, str], askers: Sequence[str]
    ) -> tuple[str, list[tuple[str, str]]]:
        job = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="draft-", dir=self._spool.directory))
        try:
            await in_thread(partial(_lay_out, job, intake))
            size = sum(file.spooled.length for file in intake.files.values())
            paths = list(intake.files)
            text, unread = await self._checker.propose(
                job / "files", job / "scratch", paths, named, askers=askers, size=size, longest=LONGEST
            )
        finally:
            await asyncio.to_thread(shutil.rmtree, job)
        if text is None:
            raise BadRequest(TOO_LONG)
        return await asyncio.to_thread(with_other_files, text, paths, LONGEST), unread


def _lay_out(job: Path, intake: Intake, is_stopped: IsStopped) -> None:
    for folder in ("files", "scratch"):
        (job / folder).mkdir()
    for path, file in intake.files.items():
        target = job / "files" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        link_into(target, file, is_stopped)


def _check_paths(intake: Intake) -> None:
    """Raises BadRequest for no files, and for paths that cannot be those of one package."""
    if not intake.files:
        raise BadRequest("Choose at least one file.")
    before: list[str] = []
    for pieces in sorted(path.split("/") for path in intake.files):  # a folder comes right before what it has
        path = check_path("/".join(pieces))  # with the folder it may have been another matter
        if before and pieces[: len(before)] == before:
            raise BadRequest(f"The path {'/'.join(before)!r} is both a file and the folder of {path!r}.")
        before = pieces


def _without_folder(intake: Intake) -> None:
    """Of a whole folder a browser sends the name, too: paths begin below it."""
    first = next(iter(intake.files), "").partition("/")
    before = first[0] + "/"
    if first[1] and all(path.startswith(before) for path in intake.files):
        intake.files = {path.removeprefix(before): file for path, file in intake.files.items()}
