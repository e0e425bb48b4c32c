"""The document store that the settings name.

With `stores.py` and `server.py` the only place that names back ends.
"""

import asyncio
import contextlib
import hashlib
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from couchreg.app import migrations
from couchreg.app.refusing import BACKUP, using
from couchreg.app.stores import open_blobs
from couchreg.auth.policy import REGISTRY
from couchreg.blobstore.base import BlobStore, Spooled
from couchreg.blobstore.claims import Claims
from couchreg.blobstore.digests import Digests
from couchreg.blobstore.s3.store import S3BlobStore
from couchreg.config import CannotStart, Settings
from couchreg.datadir import DataDir
from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.base import Store
from couchreg.docstore.remote import (
    AtWork,
    CouchAddress,
    Lost,
    Members,
    NotUsable,
    NumberedDocuments,
    RemoteStore,
)
from couchreg.docstore.sqlite.store import SqliteStore
from couchreg.docstore.together import OneProcess, Processes
from couchreg.errors import Conflict, CouchregError, Unavailable
from couchreg.turns import Locks

log = logging.getLogger(__name__)

UNSAFE = (
    "it is a cluster of several nodes, and of what is acknowledged there edits can be lost and files removed"
    ' ("Not safe yet" in couchreg/docstore/remote/DESIGN.md)'
)
EMBEDDED = "sqlite"


def refuse_remote(settings: Settings) -> None:
    """Raises CannotStart for what works on documents in a data directory alone."""
    if settings.docstore != EMBEDDED:
        raise CannotStart(
            "The documents of this registry lie in a CouchDB (--docstore), and this command can work only on"
            " those of a data directory so far."
        )


class Documents(NamedTuple):
    """A store, and the processes that work with it."""

    store: Store
    processes: Processes


async def open_engine(
    stack: AsyncExitStack, settings: Settings, data: DataDir, lost: Lost = lambda: None
) -> Documents:
    """Closed with the stack. `lost` is told when others take this process for dead. Raises CannotStart.

    Several processes work with one CouchDB where files lie in a bucket, which they share as well.
    """
    if settings.docstore == EMBEDDED:
        with using(data.server_file, BACKUP):
            engine = SqliteStore(data.path)
        stack.push_async_callback(engine.close)
        return Documents(engine, OneProcess())
    if settings.mirror is not None:
        raise CannotStart(
            "A mirror keeps its documents in its data directory so far: --mirror needs --docstore sqlite."
        )
    name = hashlib.sha256(b"holder" + data.upload_secret()).hexdigest()[:32]  # the same after a crash
    shared = _Shared(settings, data) if settings.blobstore != "directory" else None
    trial = settings.cluster_trial == "on"
    return Documents(*await _open_remote(stack, settings.docstore, name, lost, shared, trial=trial))


async def share(processes: Processes, blobs: BlobStore) -> None:
    """Others may work beside this process only where the bucket itself refuses to overwrite an object, large
    ones too. Raises CannotStart where it does not, or does not answer, and others are at work."""
    if isinstance(blobs, S3BlobStore):
        blobs.calls.gate = processes.check
    why = _overwrites(blobs)
    if not processes.are_several or not why:
        return
    log.warning("The bucket %s: no other couchreg can work beside this one.", why)
    try:
        await processes.be_alone()
    except CouchregError as error:
        raise CannotStart(f"The bucket {why}, so no other couchreg may be there. {error.reason}") from error


def _overwrites(blobs: BlobStore) -> str:
    """What a bucket does for which one process has to be the only one, or nothing."""
    abilities = blobs.abilities if isinstance(blobs, S3BlobStore) else None
    if abilities is None:
        return "does not answer"
    if not abilities.conditional_put:
        return "overwrites objects (it does not heed If-None-Match)"
    if not abilities.conditional_complete:
        return "overwrites large objects (it does not heed If-None-Match where an upload in parts ends)"
    return ""


@asynccontextmanager
async def starting(processes: Processes) -> AsyncIterator[None]:
    """One process at a time makes what is made at a first start. Raises CannotStart."""
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(processes.turn("start"))
        except Unavailable as error:
            raise CannotStart(f"This couchreg could not start. {error.reason}") from error
        yield


def package_locks(stack: AsyncExitStack, processes: Processes, attachments: Attachments) -> Locks:
    """Packages are changed one at a time, among all processes."""
    if not processes.are_several:
        return Locks()
    claims = Claims(attachments.blobs, attachments.spool.hold, processes.own, processes.is_at_work)
    stack.push_async_callback(claims.close)
    return claims


async def open_documents(stack: AsyncExitStack, place: str) -> SqliteStore | RemoteStore:
    """Those of a data directory or a CouchDB, for this process alone; closed with the stack.
    Raises CannotStart."""
    if place.startswith(("http://", "https://")):
        return (await _open_remote(stack, place, secrets.token_hex(16))).remote
    data = stack.enter_context(DataDir(Path(place)))
    await asyncio.to_thread(migrations.bring_up, data.path)
    with using(data.server_file, BACKUP):
        engine = SqliteStore(data.path)
    stack.push_async_callback(engine.close)
    return engine


class _Shared(NamedTuple):
    """The bucket that processes share, where they do."""

    settings: Settings
    data: DataDir

    async def deciding(self, stack: AsyncExitStack) -> "_Deciding":
        """Objects that decide in a cluster, on connections of their own. Raises NotUsable."""
        blobs = await open_blobs(self.settings, self.data.datastore)
        stack.push_async_callback(blobs.close)
        abilities = blobs.abilities if isinstance(blobs, S3BlobStore) else None
        if abilities is None or not abilities.conditional_put:
            why = "does not answer" if abilities is None else "overwrites objects (no If-None-Match)"
            raise NotUsable(f"it is a cluster, where the bucket has to decide, and the bucket {why}")
        return _Deciding(blobs, self.data.spool)


class _Deciding(NamedTuple):
    blobs: BlobStore
    spool: Path

    def laid(self, data: bytes) -> Spooled:
        digests = Digests()
        digests.update(data)
        return digests.spooled(self.spool / secrets.token_hex(12))._replace(data=data)


class _Remote(NamedTuple):
    remote: RemoteStore
    members: Members


async def _open_remote(
    stack: AsyncExitStack,
    text: str,
    name: str,
    lost: Lost = lambda: None,
    shared: _Shared | None = None,
    *,
    trial: bool = False,
) -> _Remote:
    """With `trial` it may be a cluster."""
    try:
        address = CouchAddress.parse(text)
    except ValueError as error:
        raise CannotStart(f"The address of documents is wrong: {error}.") from None
    remote = RemoteStore(address)
    stack.push_async_callback(remote.close)
    try:
        await remote.look()
        if remote.is_cluster:
            _only_on_trial(trial)
        members = await _joined(stack, remote, name, lost, shared)
        await _check_registry(remote)
    except NotUsable as error:
        raise CannotStart(f"The CouchDB at {address.shown} cannot be used: {error.reason}.") from error
    except AtWork:
        raise CannotStart(
            f"Another couchreg is at work on the registry at {address.shown}, and only one at a time can be:"
            " several need --blobstore s3://BUCKET, each of them."
        ) from None
    except CouchregError as error:
        raise CannotStart(f"The documents at {address.shown} cannot be had. {error.reason}") from error
    return _Remote(remote, members)


def _only_on_trial(trial: bool) -> None:
    """Raises NotUsable."""
    if not trial:
        raise NotUsable(f"{UNSAFE}; --cluster-trial on lets a server try one out with data that may be lost")
    log.warning("The CouchDB is tried out with data that may be lost: %s.", UNSAFE)


async def _joined(
    stack: AsyncExitStack, remote: RemoteStore, name: str, lost: Lost, shared: _Shared | None
) -> Members:
    """At work with others. Who is there and who does what is said in that CouchDB by a single node, which
    refuses one of two edits; in a cluster, which may not, by the bucket."""
    deciding, documents = None, None
    if not remote.is_cluster:
        await remote.begin()
    elif shared is None:
        raise NotUsable(
            "it is a cluster, where a bucket has to decide what its nodes cannot: --blobstore s3://…"
        )
    else:
        deciding = await shared.deciding(stack)
        documents = NumberedDocuments(deciding.blobs, deciding.laid)
    members = Members(
        documents or remote.private,
        name,
        alone=shared is None,
        lost=lost,
        doubts=lambda: remote.calls.in_doubt,
    )
    stack.push_async_callback(members.stop)  # before: a start that is broken off may have been written down
    await members.join()
    members.start()
    remote.calls.gate = members.check
    if deciding is not None and documents is not None:
        documents.gate = members.check
        claims = Claims(deciding.blobs, deciding.laid, members.own, members.is_at_work)
        stack.push_async_callback(claims.close)
        await remote.begin(claims)
        await _check_bucket(remote, documents)
    return members


async def _check_bucket(remote: RemoteStore, documents: NumberedDocuments) -> None:
    """All processes of a registry have to ask the same bucket."""
    with contextlib.suppress(Conflict):
        await documents.write("bucket:name", {"name": secrets.token_hex(16)}, None)
    found = await documents.read("bucket:name")
    if found is None or await remote.decided_by(str(found["name"])) != found["name"]:
        raise NotUsable("it is a cluster, and its registry works with another bucket")


async def _check_registry(remote: RemoteStore) -> None:
    """Followers compare places in the changes of packages, which in several shards have no order."""
    if REGISTRY not in await remote.names():
        return
    shards = await (await remote.open(REGISTRY)).setting("q")
    if shards not in (None, 1):
        raise NotUsable(
            f"its database {remote.address.physical(REGISTRY)} has {shards} shards and couchreg needs one"
            " (q=1): copy it, or choose a prefix, as in http://host:5984/prefix"
        )
