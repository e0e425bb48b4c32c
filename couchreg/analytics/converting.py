"""Making one version's Parquet files in a child of the sandbox: laying out sources, and storing what came
of them."""

import asyncio
import hashlib
import shutil
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from couchreg.analytics.ledger import FAILED, PENDING, READY, Table
from couchreg.blobstore.digests import digests_of_file
from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.base import Attachment
from couchreg.errors import LostBytes, disk_full
from couchreg.model import json
from couchreg.package.descriptor import Resource
from couchreg.package.formats import plain_suffixes
from couchreg.package.paths import is_url, plain_path
from couchreg.registry.reading.catalog import Version
from couchreg.sandbox.ending import Cause, Stopped
from couchreg.sandbox.forks import ForkServer
from couchreg.sandbox.kinds import ChildGrant, Kind, Limits
from couchreg.sandbox.pool import Pool
from couchreg.sandbox.session import ChildSession

WORKER = "couchreg.analytics.inside.converting"
MEDIATYPE = "application/vnd.apache.parquet"
LOST = "a file that it is made of is lost or damaged in the datastore."
TRIES = 2  # that a table is stopped before it has failed
KILLS = 20  # the same where somebody killed the child, which says little of the table
_GIB = 1 << 30
_PER_CPU_TIME = 20  # how many times its CPU time it may last: everybody else goes first
_NICE = 19
_SHOWN_SCHEMA = 1 << 20  # bytes of a schema that a file repeats
_LEFT_OUT = frozenset(
    (
        "name",
        "path",
        "url",
        "extrapaths",
        "basepath",
        "hash",
        "bytes",
        "profile",
        "profiles",
        "$schema",
        "scheme",
    )
)


@dataclass(frozen=True, slots=True)
class ConversionLimits:
    """What making the file of one table may use."""

    cpu_seconds: float = 300  # and as many again for each GiB of its source
    memory: int = 3 << 30  # bytes of address space
    file_size: int = 8 << 30  # bytes of a Parquet file, or of what a compressed source unpacks to

    def of(self, size: int) -> Limits:
        cpu_seconds = self.cpu_seconds * (1 + size / _GIB)
        return Limits(
            seconds=cpu_seconds * _PER_CPU_TIME,
            cpu_seconds=cpu_seconds,
            cpu_of_child=cpu_seconds * 1000,
            memory=self.memory,
            file_size=max(self.file_size, 2 * size),
            nice=_NICE,
        )


class Converter:
    """`make` the tables of a version; what becomes of each is given to `settle`. `forks` has `WORKER`."""

    def __init__(
        self, attachments: Attachments, forks: ForkServer, limits: ConversionLimits, places: int
    ) -> None:
        self._attachments = attachments
        self._limits = limits
        kind = Kind("conversions of tables", WORKER, limits.of(0), places=places, waiting=places)
        self._pool = Pool(kind, forks)

    async def close(self) -> None:
        await self._pool.close()

    async def make(self, version: Version, tables: Sequence[Table]) -> AsyncGenerator[Table, None]:
        """The tables as they are afterwards; after one whose child was stopped come no more. Its file is
        there before a table is told to be. Raises Unavailable, StorageFailure, OSError when a store, the disk
        or the sandbox fails: that is no failure of the table. One for which the disk had no room comes
        before, to be made after the others."""
        limits = self._limits.of(max(table.source_bytes for table in tables))
        async with (
            self._folder() as folder,
            self._pool.session(grant=ChildGrant(write=[folder]), limits=limits) as session,
        ):
            for table in tables:
                try:
                    yield await self._one(version, table, folder, session)
                except Stopped as stopped:
                    yield _stopped(table, stopped, limits)
                    if stopped.cause is Cause.DISK:
                        raise disk_full() from stopped
                    return

    async def _one(self, version: Version, table: Table, folder: Path, session: ChildSession) -> Table:
        resource = version.resources[table.resource]
        try:
            members = await self._lay_out(version, resource, folder)
        except LostBytes:
            return table._replace(state=FAILED, reason=LOST, row=None, field=None)
        output = folder / "table.parquet"
        job = {
            "folder": str(folder),
            "members": members,
            "output": str(output),
            "metadata": _metadata(version, resource),
        }
        answer = json.decode(await session.ask(await asyncio.to_thread(json.encode, job)))
        if answer["state"] == FAILED:
            reason = {"reason": answer["reason"], "row": answer["row"], "field": answer["field"]}
            found = table._replace(state=FAILED, **reason)
            await self._attachments.blobs.delete(table.key)
        else:
            found = await self._store(table, output, answer)
        await asyncio.to_thread(_empty, folder)
        return found

    async def _store(self, table: Table, output: Path, answer: dict[str, Any]) -> Table:
        """Put the file at its key, whatever an earlier release or revision has left there."""
        digests = await asyncio.to_thread(digests_of_file, output)
        spooled, blobs = digests.spooled(output), self._attachments.blobs
        while not await blobs.put(table.key, spooled, content_type=MEDIATYPE):
            await blobs.delete(table.key, durably=True)
        columns = json.encode(answer["columns"]).decode()
        return table._replace(
            state=READY,
            size=digests.length,
            sha256=digests.sha256,
            md5=digests.md5,
            rows=answer["rows"],
            columns=columns,
        )

    async def _lay_out(self, version: Version, resource: Resource, folder: Path) -> dict[str, Any]:
        """Put the files of a table into the folder, under names of ours; the package that the child reads."""
        members = {key: value for key, value in resource.members.items() if key not in _LEFT_OUT}
        paths = []
        for number, path in enumerate(resource.paths):
            if path in version.files:
                paths.append(f"{number}{plain_suffixes(path)}")
                await self._bring(version.files[path], folder / paths[-1])
        if not resource.inline:
            members["path"] = paths if len(paths) > 1 else (paths or ["absent"])[0]
        for member in ("schema", "dialect"):
            stated = members.get(member)
            if isinstance(stated, str) and not is_url(stated) and plain_path(stated) in version.files:
                members[member] = f"{member}{plain_suffixes(stated)}"
                await self._bring(version.files[plain_path(stated)], folder / members[member])
        if isinstance(members.get("schema"), dict):
            members["schema"] = {key: item for key, item in members["schema"].items() if key != "foreignKeys"}
        standard = version.document.get("$schema")
        package = {"$schema": standard} if isinstance(standard, str) and is_url(standard) else {}
        return {"name": "table", **package, "resources": [{"name": "table", **members}]}

    async def _bring(self, file: Attachment, path: Path) -> None:
        """A link to the file where it is one, else its bytes."""
        local = self._attachments.local_path(file)
        if local is not None:
            if (length := local.stat().st_size) < file.stored_length:
                raise await self._attachments.lost.found(file, length)
            try:
                path.hardlink_to(local)
            except FileExistsError:
                return
            except OSError:  # on another disk, or it has all the links it can have
                await asyncio.to_thread(shutil.copyfile, local, path)
            return
        spooled = await self._attachments.spool.receive(self._attachments.open(file))
        try:
            path.hardlink_to(spooled.path)
        finally:
            self._attachments.spool.remove(spooled)

    @asynccontextmanager
    async def _folder(self) -> AsyncIterator[Path]:
        directory = self._attachments.spool.directory
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="table-", dir=directory))
        try:
            yield folder
        finally:
            await asyncio.to_thread(shutil.rmtree, folder)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink() if not path.is_dir() else shutil.rmtree(path)


def source_hash(version: Version, resource: Resource) -> str:
    """`sha256:…` of a table's bytes; of several files that of their hashes, of inline data that of its
    JSON."""
    if resource.inline:
        data = json.encode(resource.members.get("data"))
        return f"sha256:{hashlib.sha256(data).hexdigest()}"
    hashes = [version.files[path].sha256 for path in resource.paths if path in version.files]
    if len(hashes) == 1:
        return f"sha256:{hashes[0]}"
    return f"sha256:{hashlib.sha256(''.join(hashes).encode()).hexdigest()}"


def _metadata(version: Version, resource: Resource) -> dict[str, str]:
    """What the file says of itself."""
    schema = json.encode(resource.members.get("schema"))
    return {
        "package": version.name,
        "version": version.version,
        "resource": resource.name,
        "source": source_hash(version, resource),
        **({"schema": schema.decode()} if len(schema) <= _SHOWN_SCHEMA else {}),
    }


def _stopped(table: Table, stopped: Stopped, limits: Limits) -> Table:
    attempts = table.attempts + 1
    tries = KILLS if stopped.is_kill else TRIES
    if stopped.cause is Cause.DISK or (stopped.cause is not Cause.FAILED and attempts < tries):
        return table._replace(state=PENDING, attempts=attempts)
    used = {
        Cause.CPU: f"takes more than {limits.cpu_seconds:.4g} s of CPU time",
        Cause.TIME: f"takes longer than {limits.seconds:.4g} s",
        Cause.MEMORY: f"needs more than {limits.memory >> 20} MiB of memory",
    }
    why = used.get(stopped.cause, "fails; the server's log says why")
    return table._replace(state=FAILED, attempts=attempts, reason=f"Making the Parquet file {why}.")
