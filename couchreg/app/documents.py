"""The document store that the settings name.

With `stores.py` and `server.py` the only place that names back ends.
"""

import asyncio
import hashlib
import secrets
from contextlib import AsyncExitStack
from pathlib import Path

from couchreg.app import migrations
from couchreg.app.refusing import BACKUP, using
from couchreg.auth.policy import REGISTRY
from couchreg.config import CannotStart, Settings
from couchreg.datadir import DataDir
from couchreg.docstore.base import Store
from couchreg.docstore.remote import AtWork, CouchAddress, Holding, Lost, NotUsable, RemoteStore
from couchreg.docstore.sqlite.store import SqliteStore
from couchreg.errors import CouchregError

EMBEDDED = "sqlite"


def refuse_remote(settings: Settings) -> None:
    """Raises CannotStart for what works on documents in a data directory alone."""
    if settings.docstore != EMBEDDED:
        raise CannotStart(
            "The documents of this registry lie in a CouchDB (--docstore), and this command can work only on"
            " those of a data directory so far."
        )


async def open_engine(
    stack: AsyncExitStack, settings: Settings, data: DataDir, lost: Lost = lambda: None
) -> Store:
    """Closed with the stack. `lost` is told when another process has taken over. Raises CannotStart."""
    if settings.docstore == EMBEDDED:
        with using(data.server_file, BACKUP):
            engine = SqliteStore(data.path)
        stack.push_async_callback(engine.close)
        return engine
    if settings.mirror is not None:
        raise CannotStart(
            "A mirror keeps its documents in its data directory so far: --mirror needs --docstore sqlite."
        )
    name = hashlib.sha256(b"holder" + data.upload_secret()).hexdigest()[:32]  # the same after a crash
    return await _open_remote(stack, settings.docstore, name, lost)


async def open_documents(stack: AsyncExitStack, place: str) -> SqliteStore | RemoteStore:
    """Those of a data directory or a CouchDB, for this process alone; closed with the stack.
    Raises CannotStart."""
    if place.startswith(("http://", "https://")):
        return await _open_remote(stack, place, secrets.token_hex(16))
    data = stack.enter_context(DataDir(Path(place)))
    await asyncio.to_thread(migrations.bring_up, data.path)
    with using(data.server_file, BACKUP):
        engine = SqliteStore(data.path)
    stack.push_async_callback(engine.close)
    return engine


async def _open_remote(stack: AsyncExitStack, text: str, name: str, lost: Lost = lambda: None) -> RemoteStore:
    try:
        address = CouchAddress.parse(text)
    except ValueError as error:
        raise CannotStart(f"The address of documents is wrong: {error}.") from None
    remote = RemoteStore(address)
    stack.push_async_callback(remote.close)
    try:
        await remote.prepare()
        await _hold(stack, remote, name, lost)
        await _check_registry(remote)
    except NotUsable as error:
        raise CannotStart(f"The CouchDB at {address.shown} cannot be used: {error.reason}.") from error
    except AtWork:
        raise CannotStart(
            f"Another couchreg is at work on the registry at {address.shown}: only one at a time can be."
        ) from None
    except CouchregError as error:
        raise CannotStart(f"The documents at {address.shown} cannot be had. {error.reason}") from error
    return remote


async def _hold(stack: AsyncExitStack, remote: RemoteStore, name: str, lost: Lost) -> None:
    holding = Holding(remote.private, name, lost=lost)
    await holding.take()
    holding.start()
    stack.push_async_callback(holding.stop)
    remote.calls.gate = holding.check


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
