"""Publishing in two steps: first the files go straight to where they are kept, then they are published.

`authorize` gives an address to PUT each file to. The files wait in `_uploads/<id>/`, where no package is;
`finalize` checks them against what was announced and publishes them as any other publish, from where they lie
(see `staged.py`). What is never finalized is swept like everything that no document refers to.
"""

import base64
import binascii
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import AsyncExitStack, aclosing
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

import msgspec

from couchreg.blobstore.base import BlobStore, Damaged, Spooled
from couchreg.blobstore.spool import Spool, once
from couchreg.errors import BadRequest, Conflict, DigestMismatch, Forbidden, NotFound, TooLarge
from couchreg.model.user import User
from couchreg.package.layout import UPLOADS
from couchreg.package.paths import DESCRIPTOR, check_path
from couchreg.registry.publishing.intake import Intake, PublishLimits, content_type_of
from couchreg.registry.publishing.promised import Promise, Promises
from couchreg.registry.publishing.publish import Published, Publisher
from couchreg.registry.publishing.records import Record
from couchreg.registry.publishing.sessions import SessionLimits
from couchreg.registry.publishing.staged import looked_into, reference

# What has arrived, what holds it, name and version.
Publish = Callable[[Intake, AsyncExitStack, str, str], Awaitable[Published | Record]]
LASTS = 3600  # seconds an address is good for
FINALIZED_WITHIN = 6 * 3600  # seconds
_NOTE = "authorization.json"
_ID = frozenset("0123456789abcdef")


class UploadAddress(NamedTuple):
    """Where to PUT a file, and the headers that the request has to have."""

    url: str
    headers: Mapping[str, str]


class Addresses(Protocol):
    """Gives addresses for uploads: the bucket's own, or the server's with a signature."""

    async def upload_address(
        self, key: str, length: int, md5: bytes, content_type: str, seconds: int
    ) -> UploadAddress: ...


class AnnouncedUpload(msgspec.Struct, frozen=True):
    """A file that is to come."""

    path: str
    length: int
    md5: bytes
    content_type: str
    sha256: str | None = None  # hex


class Authorization(msgspec.Struct, frozen=True):
    """What was allowed, as it waits beside the files."""

    name: str
    version: str
    user: str | None
    made: float  # Unix time
    files: tuple[AnnouncedUpload, ...]


class Direct:
    """Authorizes and finalizes uploads to one blob store."""

    def __init__(
        self,
        publisher: Publisher,
        blobs: BlobStore,
        spool: Spool,
        limits: PublishLimits,
        room: SessionLimits | None = None,
    ) -> None:
        self._publisher = publisher
        self._blobs = blobs
        self._spool = spool
        self._limits = limits
        self._promises = Promises(room or SessionLimits(), self._promised, self._drop)

    async def authorize(
        self, name: str, version: str, filedata: Any, user: User, addresses: Addresses
    ) -> dict[str, Any]:
        """`{upload, expires, filedata: {path: {upload_url, upload_headers, …}}}`.

        Raises BadRequest, TooLarge, TooManyRequests, Forbidden, Unavailable.
        """
        await self._publisher.check_address(name, version, user)
        files = announced(filedata, self._limits)
        length = sum(file.length for file in files)
        waiting = await self._promises.waiting(user.name)
        await self._publisher.check_address(name, version, user, length + waiting)
        allowed = Authorization(name, version, user.name, time.time(), files)
        upload, note = secrets.token_hex(16), msgspec.json.encode(allowed)
        await self._promises.give(_promise(upload, allowed, len(note)))
        try:
            await self._note(upload, note)
        except BaseException:
            self._promises.over(upload)
            raise
        shown = {}
        for number, file in enumerate(files):
            address = await addresses.upload_address(
                staged_key(upload, number), file.length, file.md5, file.content_type, LASTS
            )
            shown[file.path] = {
                "length": file.length,
                "md5": base64.b64encode(file.md5).decode(),
                "type": file.content_type,
                "upload_url": address.url,
                "upload_method": "PUT",
                "upload_headers": dict(address.headers),
            }
        expires = datetime.fromtimestamp(time.time() + LASTS, UTC).isoformat(timespec="seconds")
        return {"upload": upload, "expires": expires, "filedata": shown}

    async def finalize(
        self,
        upload: str,
        user: User,
        allow: Callable[[str], None],
        publish: Publish,
    ) -> Published | Record:
        """Check what has arrived, and `publish` it. `allow` raises for a package this request may not touch.

        Raises NotFound for an unknown or expired upload, Forbidden for somebody else's, Conflict while
        files are missing, DigestMismatch, and what `Publisher.publish` raises.
        """
        allowed = await self._authorization(upload, user)
        allow(allowed.name)
        with self._promises.taking(upload):
            published = await self._taken(upload, allowed, publish)
        if isinstance(published, Record):
            return published  # its check reads what was uploaded, which the sweep takes later
        await self._remove(upload, len(allowed.files))
        self._promises.over(upload)
        return published

    async def _taken(self, upload: str, allowed: Authorization, publish: Publish) -> Published | Record:
        async with AsyncExitStack() as held:
            intake = await held.enter_async_context(Intake(self._spool, self._limits))
            await self._take_all(intake, upload, allowed)
            return await publish(intake, held, allowed.name, allowed.version)

    async def _remove(self, upload: str, number: int) -> None:
        for place in range(number):
            await self._blobs.delete(staged_key(upload, place))
        await self._blobs.delete(_note_key(upload))

    async def check_waited_for(self, upload: str) -> None:
        """Raises NotFound for one that has been published, or removed: nobody counts what would come."""
        if await self._blobs.info(_note_key(upload)) is None:
            raise NotFound("The upload is over: ask for a new one.")

    async def _note(self, upload: str, note: bytes) -> None:
        await self._spool.put(self._blobs, _note_key(upload), once(note), content_type="application/json")

    async def _promised(self) -> AsyncIterator[Promise]:
        """What waits since before this process."""
        keys = [blob async for blob in self._blobs.keys(UPLOADS) if blob.key.endswith(f"/{_NOTE}")]
        for blob in keys:
            try:
                allowed = await self._read_note(blob.key)
            except (NotFound, Damaged, msgspec.DecodeError):
                continue  # gone since it was listed; or it promises nothing
            yield _promise(blob.key.split("/")[1], allowed, blob.length)

    async def _drop(self, promise: Promise) -> None:
        await self._remove(promise.upload, promise.files)

    async def _read_note(self, key: str) -> Authorization:
        async with aclosing(self._blobs.open(key)) as chunks:
            data = b"".join([chunk async for chunk in chunks])
        return msgspec.json.decode(data, type=Authorization)

    async def _authorization(self, upload: str, user: User) -> Authorization:
        if len(upload) != 32 or not _ID.issuperset(upload):
            raise NotFound("There is no such upload.")
        found = await self._read_note(_note_key(upload))
        if found.made + FINALIZED_WITHIN < time.time():
            raise NotFound("The upload has expired: ask for a new one.")
        if found.user != user.name:
            raise Forbidden("The upload belongs to somebody else.")
        return found

    async def _take_all(self, intake: Intake, upload: str, allowed: Authorization) -> None:
        """The descriptor first: it tells which files are read, and which are taken where they lie."""
        numbers = {file.path: number for number, file in enumerate(allowed.files)}
        first = allowed.files[numbers[DESCRIPTOR]]
        if first.length > self._limits.descriptor:
            raise TooLarge(
                f"A descriptor may have at most {self._limits.descriptor} bytes: send data as files."
            )
        read = frozenset({DESCRIPTOR})
        await self._take(intake, staged_key(upload, numbers.pop(DESCRIPTOR)), first, read)
        intake.read_descriptor(intake.files[DESCRIPTOR].spooled.content())
        read = looked_into(intake.members, checked=self._publisher.checks_data)
        for number in numbers.values():
            await self._take(intake, staged_key(upload, number), allowed.files[number], read)

    async def _take(self, intake: Intake, key: str, file: AnnouncedUpload, read: Collection[str]) -> None:
        info = await self._blobs.info(key)
        if info is None:
            raise Conflict(f"The file {file.path!r} has not been uploaded yet.")
        if info.length != file.length:
            raise DigestMismatch(f"The file {file.path!r} has {info.length} bytes, not {file.length}.")
        local = self._blobs.local_path(key) is not None
        if file.path in read and not local:
            spooled = await self._fetched(intake, key, file)
        else:
            spooled = await reference(self._blobs, key)
            intake.refer(file.path, file.content_type, spooled, local=local)
        if spooled.md5 != file.md5 or file.sha256 not in (None, spooled.sha256):
            raise DigestMismatch(f"The file {file.path!r} has other bytes than were announced.")

    async def _fetched(self, intake: Intake, key: str, file: AnnouncedUpload) -> Spooled:
        """A file that is looked into; it is stored from where it waits all the same."""
        async with aclosing(self._blobs.open(key)) as chunks:
            spooled = await intake.receive(file.path, file.content_type, chunks)
        received = intake.files[file.path]
        intake.files[file.path] = received._replace(spooled=spooled._replace(kept=key))
        return spooled


def staged_key(upload: str, number: int) -> str:
    """Where an uploaded file waits."""
    return f"{UPLOADS}{upload}/{number}"


def _note_key(upload: str) -> str:
    return f"{UPLOADS}{upload}/{_NOTE}"


def _promise(upload: str, allowed: Authorization, note: int) -> Promise:
    """Room for what was allowed, and for the `note` of it, which may be the larger."""
    length = note + sum(file.length for file in allowed.files)
    package = allowed.name, allowed.version
    until = allowed.made + LASTS
    return Promise(upload, allowed.user, package, length, len(allowed.files), allowed.made, until)


def announced(filedata: Any, limits: PublishLimits) -> tuple[AnnouncedUpload, ...]:
    """The files of `{path: {length, md5, type, sha256}}`. Raises BadRequest, TooLarge."""
    if not isinstance(filedata, dict) or not all(isinstance(item, dict) for item in filedata.values()):
        raise BadRequest("“filedata” must be an object: path -> {length, md5, type}.")
    if DESCRIPTOR not in filedata:
        raise BadRequest(f"“filedata” lacks {DESCRIPTOR}: it is uploaded like every other file.")
    if len(filedata) > limits.files:
        raise TooLarge(f"A package may have at most {limits.files} files.")
    files = tuple([_announced(path, item) for path, item in filedata.items()])
    if sum(file.length for file in files) > limits.total:
        raise TooLarge(f"The files of a package may have at most {limits.total} bytes together.")
    return files


def _announced(path: str, item: Mapping[str, Any]) -> AnnouncedUpload:
    check_path(path)
    length, stated, sha256 = item.get("length"), item.get("type"), item.get("sha256")
    if isinstance(length, bool) or not isinstance(length, int) or length < 0:
        raise BadRequest(f"The “length” of {path!r} must be a number of bytes.")
    if stated is not None and not isinstance(stated, str):
        raise BadRequest(f"The “type” of {path!r} must be a content type.")
    if sha256 is not None and not isinstance(sha256, str):
        raise BadRequest(f"The “sha256” of {path!r} must be written in hex.")
    return AnnouncedUpload(
        path,
        length,
        _md5(path, item.get("md5")),
        content_type_of(path, stated),
        sha256.lower() if sha256 else None,
    )


def _md5(path: str, text: Any) -> bytes:
    """Of 32 hex digits, or of base64 as in Content-MD5."""
    try:
        md5 = bytes.fromhex(text) if len(text) == 32 else base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error):
        md5 = b""
    if len(md5) != 16:
        raise BadRequest(f"The “md5” of {path!r} must be written in base64 or in hex.")
    return md5
