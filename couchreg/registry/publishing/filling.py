"""From what lies on the shelf, and in the blob store, to an `Intake` that can be published."""

from contextlib import aclosing
from pathlib import Path

from couchreg.blobstore.base import Spooled
from couchreg.docstore.base import Attachment
from couchreg.errors import Conflict
from couchreg.package.paths import DESCRIPTOR
from couchreg.registry.publishing.intake import Intake, Received
from couchreg.registry.publishing.records import Announced, Record
from couchreg.registry.publishing.sessions import Contents, Sessions
from couchreg.registry.publishing.staged import looked_into

MOST_NAMED = 5  # files that a reason names


async def fill(
    intake: Intake, sessions: Sessions, record: Record, *, checked: bool, whole: bool = False
) -> None:
    """Take the files of a publish; `checked`: whether data is looked into, `whole`: whether every file has to
    be on disk, as where no descriptor says yet which of them are. Raises Conflict for files that are not
    there."""
    contents = await sessions.contents(record)
    held: dict[str, Attachment] = {}
    if contents.absent and not sessions.blobs.is_local:
        held = await sessions.held.find({contents.files[number].sha256 for number in contents.absent})
    absent = [contents.files[number] for number in contents.absent]
    missing = [file.path for file in absent if file.sha256 not in held]
    if missing:
        named = ", ".join(repr(path) for path in missing[:MOST_NAMED])
        raise Conflict(f"{len(missing)} files have not been sent yet: {named}.")
    _take_arrived(intake, sessions, record, contents)
    if absent:
        await _take_held(intake, sessions, absent, held, checked=checked, whole=whole)


def _take_arrived(intake: Intake, sessions: Sessions, record: Record, contents: Contents) -> None:
    for number, md5 in sorted(contents.arrived.complete.items()):
        file, path = contents.files[number], sessions.shelf.place(record.id, number, md5)
        kept = contents.arrived.kept.get(number)
        spooled = Spooled(path, file.length, bytes.fromhex(md5), file.sha256, kept)
        intake.files[file.path] = Received(spooled, file.content_type, ours=False)


async def _take_held(
    intake: Intake,
    sessions: Sessions,
    absent: list[Announced],
    held: dict[str, Attachment],
    *,
    checked: bool,
    whole: bool,
) -> None:
    """Of a bucket's files those are fetched that are looked into; the others stay where they are."""
    absent.sort(key=lambda file: file.path != DESCRIPTOR)
    read = frozenset({DESCRIPTOR})
    if DESCRIPTOR in intake.files:
        read = _read(intake, checked=checked)
    for file in absent:
        found = held[file.sha256]
        if whole or file.path in read:
            async with aclosing(sessions.blobs.open(found.key)) as chunks:
                spooled = await intake.receive(file.path, file.content_type, chunks)
            if spooled.sha256 != file.sha256:
                raise Conflict(f"The file {file.path!r} has to be sent: what is stored is damaged.")
            kept = intake.files[file.path]
            intake.files[file.path] = kept._replace(spooled=spooled._replace(kept=found.key))
        else:
            nowhere = Path("in the blob store only")
            spooled = Spooled(nowhere, file.length, found.digest, file.sha256, found.key)
            intake.files[file.path] = Received(spooled, file.content_type, ours=False, local=False)
        if file.path == DESCRIPTOR:
            read = _read(intake, checked=checked)


def _read(intake: Intake, *, checked: bool) -> frozenset[str]:
    """The files that are looked into, by the descriptor that is there."""
    intake.read_descriptor(intake.files[DESCRIPTOR].spooled.content())
    found = looked_into(intake.members, checked=checked)
    intake.members = {}  # to be settled as of any other form
    return found | {DESCRIPTOR}
