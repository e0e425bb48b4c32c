"""Stores in a CouchDB, for the suite of the port: a couchreg's couch door, and a real one that is named."""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from couchreg.blobstore.claims import Claims
from couchreg.blobstore.directory.store import DirectoryBlobStore
from couchreg.blobstore.spool import Spool
from couchreg.docstore.base import Store
from couchreg.docstore.remote import CouchAddress, RemoteStore
from couchreg.docstore.remote.address import database_path
from couchreg.docstore.remote.calls import CouchCalls
from tests.processes import running

REAL = os.environ.get("COUCHREG_TEST_COUCHDB", "")
KINDS = ("remote", "couchdb") if REAL else ("remote",)

# Tests of the suite that say something of the embedded engine alone, or of what these stores lack, and why.
LACKING: Mapping[str, str] = dict.fromkeys(
    [
        "test_a_blob_is_referred_to_while_a_revision_has_it",
        "test_compaction_of_certain_documents_leaves_the_others",
        "test_compaction_drops_old_bodies_and_gives_space_back",
        "test_purging_the_only_leaf_forgets_the_document",
        "test_purging_a_conflict_leaves_the_other_leaf",
        "test_remembered_purges_are_limited",
        "test_purges_since_one_are_told_until_they_are_forgotten",
        "test_local_documents_are_listed",
        "test_what_comes_before_a_range_is_counted",
        "test_others_have_their_turn_while_databases_are_asked_for_keys",
    ],
    "an optional part that this store has not",
)
LACKING |= dict.fromkeys(
    [
        "test_databases_of_any_name_survive_a_restart",
        "test_events_of_an_older_server_are_taken_over",
        "test_events_of_databases_long_gone_are_forgotten",
        "test_events_tell_of_each_database_what_was_last_done_and_when",
        "test_what_was_written_as_a_setting_before_is_read",
    ],
    "of the files of the engine",
)
LACKING |= dict.fromkeys(["test_a_listing_tells_where_to_go_on"], "its places are named by bare numbers")
# A CouchDB takes no bare numbers for places, where a couchreg does.
LACKING_REAL = {"test_a_document_comes_once_at_its_latest_place", "test_what_is_still_to_come_is_counted"}
LACKING_MODULES = (
    "test_partitions",
    "test_sizes",
)  # of databases with partitions, and of how large a file is


def is_lacking(kind: str, module: str, test: str) -> bool:
    """Whether a test of the suite has nothing to say of a kind of store."""
    if kind not in KINDS:
        return False
    return test in LACKING or module in LACKING_MODULES or (kind == "couchdb" and test in LACKING_REAL)


class PreparedStore:
    """A store that is made where nobody can wait: it prepares itself with the first use. `bucket` is what a
    cluster lets decide."""

    def __init__(self, address: CouchAddress, bucket: Path) -> None:
        self._inner = RemoteStore(address)
        self._bucket = bucket

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return partial(self._prepared, name) if callable(found) and name not in ("heed", "close") else found

    async def _prepared(self, name: str, *args: Any, **more: Any) -> Any:
        if not self._inner.uuid:
            await self._inner.look()
            await self._inner.begin(self._claims() if self._inner.is_cluster else None)
        return await getattr(self._inner, name)(*args, **more)

    def _claims(self) -> Claims:
        async def is_at_work(process: str) -> bool:
            return False

        spool = Spool(self._bucket / secrets.token_hex(4))
        blobs = DirectoryBlobStore(self._bucket / "datastore")
        return Claims(blobs, spool.hold, secrets.token_hex(4), is_at_work)


def opened(url: str, prefix: str, bucket: Path) -> Store:
    store: Any = PreparedStore(CouchAddress.parse(f"{url}/{prefix}"), bucket)
    return store  # type: ignore[no-any-return]


def new_prefix() -> str:
    return f"couch-test-{secrets.token_hex(6)}"


async def remove(url: str, prefix: str) -> None:
    """Every database of a test."""
    address = CouchAddress.parse(f"{url}/{prefix}")
    calls = CouchCalls(address)
    for name in await (await calls.ask("GET", "/_all_dbs")).json():
        if name.startswith(address.prefix):
            assert (await calls.ask("DELETE", database_path(name))).status in (200, 404)
    await calls.close()


@contextmanager
def couch_door(folder: Path) -> Iterator[str]:
    """The address, with its login, of a couchreg in a process of its own."""
    with running(folder / "couchdb") as server:
        yield server.couch_url_with_login
