"""Backups in a bucket: the same state and the same bytes as in a folder, as objects.

`datastore/…` has every file of the datastore under its key, `states/<state>/…` the databases and small files
of one moment, and `manifests/<number>.json` names a state; the highest number counts. A manifest is put last,
and none over another: so a backup that broke off changes nothing, and of two that are made at once one is
told that it came second. Beside the files of a state lies a listing of the datastore: what has the length and
the time there that it has here is not read again.
"""

import asyncio
import gzip
import json
import tempfile
import zlib
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final

from couchreg import durable
from couchreg.app import backup as backups
from couchreg.app.backup import Done, Manifest
from couchreg.app.migrations import refuse_later
from couchreg.app.mirrored_files import DERIVED
from couchreg.app.stores import open_bucket, tried
from couchreg.blobstore.base import BlobInfo
from couchreg.blobstore.copying import copy
from couchreg.blobstore.digests import digests_of_file
from couchreg.blobstore.directory.listing import walk
from couchreg.blobstore.directory.store import DirectoryBlobStore
from couchreg.blobstore.s3.store import S3BlobStore
from couchreg.blobstore.s3.upload import SHA256
from couchreg.blobstore.spool import Spool
from couchreg.config import CannotStart, Settings
from couchreg.errors import NotFound, Unavailable
from couchreg.package.formats import mediatype

MANIFESTS: Final = "manifests/"
MARK: Final = "couchreg-backup"  # is put first
AT_ONCE: Final = 8  # objects on their way
TOGETHER: Final = 1_000
LISTING: Final = "listing"
Listing = dict[str, tuple[int, float]]  # key -> length and time
SECOND: Final = "Another backup into {0} came first: this one does not count. Run it again."


class BucketBackup:
    """The backup below one address, `s3://bucket/prefix`."""

    def __init__(self, address: str, top: S3BlobStore, files: S3BlobStore) -> None:
        self._address = address
        self._top = top
        self._files = files  # below `datastore/`: keys there are as long as keys may be

    async def make(self, data: Path, *, bytes_at: str | None) -> Done:
        """Make it one of now. Raises CannotStart with a sentence for what cannot be used, and Unavailable."""
        await asyncio.to_thread(backups.check_source, data)
        number = max(await self._numbers(), default=0)
        if not number:
            await self._begin()
        else:
            await asyncio.to_thread(backups.check_owner, await self.manifest(), data, self._address)
        done, gone, listing = Done(bytes_at=bytes_at), set[str](), Listing()
        known = await self._listing(number) if number and bytes_at is None else {}
        if bytes_at is None:
            gone = await self._follow(data / backups.BYTES, done, known, listing)
        with tempfile.TemporaryDirectory(prefix="couchreg-backup-") as place:
            folder = Path(place) / "state"
            await asyncio.to_thread(folder.mkdir, 0o700)
            done.databases = await asyncio.to_thread(backups.copy_state, data, folder)
            files = dict(await asyncio.to_thread(lambda: list(backups.hashes(folder))))
            manifest = await asyncio.to_thread(backups.manifest_of_now, data, bytes_at, files)
            for name in files:
                if not await self._put(self._top, f"states/{manifest.state}/{name}", folder / name):
                    raise CannotStart(SECOND.format(self._address))
        if bytes_at is None:
            came = Done()  # what is there since the first round is counted already
            await self._follow(data / backups.BYTES, came, known | listing, listing)
            done.copied += came.copied
            await self._put_data(f"states/{manifest.state}/{LISTING}", gzip.compress(_encoded(listing)))
        await self._tell(number + 1, manifest)
        await self._remove_others(number + 1, manifest.state)
        done.removed = await self._remove(data / backups.BYTES, gone)
        return done

    async def _begin(self) -> None:
        """Take a place that nobody has: what lies in `datastore/` there and is not here is removed. Raises
        CannotStart where something else lies, or what an earlier couchreg has begun and not ended."""
        if await self._top.info(MARK) is None:
            async for blob in self._top.keys():
                raise CannotStart(
                    f"{self._address} holds something else ({blob.key}): choose an address below it of its "
                    "own, or that of an earlier backup."
                )
            await self._put_data(MARK, b"A backup of couchreg is made here.\n")

    async def manifest(self) -> Manifest:
        """Raises CannotStart where there is no backup, or one of a couchreg to come."""
        numbers = await self._numbers()
        if not numbers:
            raise CannotStart(f"{self._address} is no backup: it has no {MANIFESTS}….")
        return backups.manifest_of(await self._read(_name(max(numbers))), self._address)

    async def lay_out(self, manifest: Manifest, data: Path, scratch: Path) -> list[str]:
        """The state as a data directory, without its bytes; what is wrong with it, and then nothing is laid
        out. Each file is held against the hash that the manifest has."""
        folder = scratch / backups.STATES / manifest.state
        for name in manifest.files:
            info = await self._top.info(f"states/{manifest.state}/{name}")
            if info is None:
                return [f"{self._address}/states/{manifest.state}/{name} is missing."]
            await self._get(f"states/{manifest.state}/{name}", folder / name)
        faults = await asyncio.to_thread(backups.faults_of_state, scratch, manifest)
        if not faults:
            await asyncio.to_thread(backups.lay_out, scratch, manifest, data)
        return faults

    async def restore(self, data: Path) -> Done:
        """As `backup.restore`. Raises CannotStart where something is there or wrong, and Unavailable."""
        manifest = await self.manifest()
        await asyncio.to_thread(backups.check_target, data)
        with tempfile.TemporaryDirectory(prefix="couchreg-restore-") as place:
            scratch = Path(place)
            made = scratch / "data"
            faults = await self.lay_out(manifest, made, scratch)
            if faults:
                raise CannotStart(f"Nothing was restored. {' '.join(faults[:5])}")
            await asyncio.to_thread(refuse_later, made)
            done = Done(databases=len(manifest.files), bytes_at=manifest.bytes_at)
            await asyncio.to_thread(durable.make_directory, data, mode=0o700)
            if manifest.bytes_at is None:
                done.copied = await self._fetch(data / backups.BYTES, scratch / "spool")
            await asyncio.to_thread(backups.lay_out, scratch, manifest, data)
        return done

    # -- bytes
    async def _follow(self, source: Path, done: Done, known: Listing, listing: Listing) -> set[str]:
        """Put what is not there yet, as far as is `known`; `listing` has what is there then. The keys that
        were there and are not at the source."""
        there = {blob.key: blob.length async for blob in self._files.keys()}  # noqa: SIM118
        here = await asyncio.to_thread(lambda: list(walk(source, "")))
        wanted = [blob for blob in here if not blob.key.startswith(DERIVED)]
        place = asyncio.Semaphore(AT_ONCE)

        async def take(blob: BlobInfo) -> None:
            async with place:
                taken = await self._take(source, blob, there.get(blob.key), known)
            listing[blob.key] = (blob.length, blob.modified)
            done.copied += taken
            done.kept += not taken

        for start in range(0, len(wanted), TOGETHER):
            await _together([take(blob) for blob in wanted[start : start + TOGETHER]])
        return there.keys() - {blob.key for blob in wanted}

    async def _take(self, source: Path, blob: BlobInfo, there: int | None, known: Listing) -> bool:
        """Whether it was put. What goes meanwhile is not missed; what came again under the key of something
        else that had gone takes its place."""
        path = source / blob.key
        if there == blob.length and known.get(blob.key) == (blob.length, blob.modified):
            return False
        try:
            if there is not None and not await self._differs(blob.key, path):
                return False
            if there is not None:
                await self._files.delete(blob.key)
            return await self._put(self._files, blob.key, path)
        except FileNotFoundError:
            if path.exists():
                raise
            return False

    async def _differs(self, key: str, path: Path) -> bool:
        head = await self._files.head(key)
        digests = await asyncio.to_thread(digests_of_file, path)
        return head is None or head.get("Metadata", {}).get(SHA256) != digests.sha256

    async def _remove(self, source: Path, gone: Iterable[str]) -> int:
        removed = 0
        for key in gone:
            if not (source / key).exists():
                await self._files.delete(key)
                removed += 1
        return removed

    async def _fetch(self, target: Path, scratch: Path) -> int:
        """All bytes, each held against the hash it was put with. Raises CannotStart, Unavailable."""
        store, spool = DirectoryBlobStore(target), Spool(scratch)
        try:
            done = await copy(self._files, store, spool, type_of=mediatype)
        finally:
            await spool.close()
            await store.close()
        if done.refused:
            raise CannotStart(f"{done.refused[0]} of {self._address} is no file here: is {target} empty?")
        return done.copied

    # -- objects
    async def _put(self, store: S3BlobStore, key: str, path: Path) -> bool:
        """False where other bytes are there. Raises FileNotFoundError."""
        digests = await asyncio.to_thread(digests_of_file, path)
        return await store.put(key, digests.spooled(path))

    async def _put_data(self, key: str, data: bytes) -> bool:
        with tempfile.TemporaryDirectory(prefix="couchreg-backup-") as place:
            path = Path(place) / "data"
            with durable.naming(path):
                await asyncio.to_thread(path.write_bytes, data)
            return await self._put(self._top, key, path)

    async def _read(self, key: str) -> bytes:
        return b"".join([chunk async for chunk in self._top.open(key)])

    async def _listing(self, number: int) -> Listing:
        """That of an earlier backup; nothing is known where there is none."""
        try:
            state = backups.manifest_of(await self._read(_name(number)), self._address).state
            found = json.loads(gzip.decompress(await self._read(f"states/{state}/{LISTING}")))
            return {key: (length, modified) for key, (length, modified) in found.items()}
        except (NotFound, ValueError, OSError, EOFError, zlib.error):
            return {}

    async def _get(self, key: str, path: Path) -> None:
        await asyncio.to_thread(durable.make_directory, path.parent, mode=0o700)
        with durable.naming(path), path.open("wb") as file:
            async for chunk in self._top.open(key):
                await asyncio.to_thread(file.write, chunk)

    async def _numbers(self) -> list[int]:
        names = [blob.key.removeprefix(MANIFESTS) async for blob in self._top.keys(MANIFESTS)]
        return [int(name.removesuffix(".json")) for name in names if name.removesuffix(".json").isdecimal()]

    async def _tell(self, number: int, manifest: Manifest) -> None:
        """Raises CannotStart where somebody else has told first."""
        is_ours = await self._put_data(_name(number), json.dumps(asdict(manifest), indent=1).encode() + b"\n")
        if not is_ours or max(await self._numbers()) != number:
            raise CannotStart(SECOND.format(self._address))

    async def _remove_others(self, number: int, state: str) -> None:
        old = [one for one in await self._numbers() if one < number]
        states = [blob.key async for blob in self._top.keys("states/")]
        for one in old:
            await self._top.delete(_name(one))
        for key in states:
            if not key.startswith(f"states/{state}/"):
                await self._top.delete(key)


@asynccontextmanager
async def bucket_backup(settings: Settings, address: str) -> AsyncIterator[BucketBackup]:
    """Spoken to as the `s3_…` settings say. Raises CannotStart for a bucket that cannot be used, and for
    where the server keeps its files."""
    address = address.rstrip("/")
    kept = f"{settings.blobstore.rstrip('/')}/"
    if kept.startswith(f"{address}/") or f"{address}/".startswith(kept):
        raise CannotStart("A backup cannot lie where the server keeps its files: choose another bucket.")
    async with AsyncExitStack() as stack:
        stores = []
        for one in (address, f"{address}/{backups.BYTES}"):
            store = await open_bucket(settings, one)
            stack.push_async_callback(store.close)
            stores.append(store)
        try:
            await tried(stores[0])
            yield BucketBackup(address, *stores)
        except Unavailable as error:
            raise Unavailable(f"{address}: {error.reason}", retry_after=error.retry_after) from error


def _encoded(listing: Listing) -> bytes:
    return json.dumps(listing).encode()


def _name(number: int) -> str:
    return f"{MANIFESTS}{number:012}.json"


async def _together(works: Iterable[Coroutine[None, None, None]]) -> None:
    """Raises the first error of any."""
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors
