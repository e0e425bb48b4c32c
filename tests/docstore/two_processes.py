"""Two processes over what stands for a cluster and over one bucket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from couchreg.blobstore import claims as claims_module
from couchreg.blobstore.claims import Claims
from couchreg.blobstore.directory.store import DirectoryBlobStore
from couchreg.blobstore.spool import Spool
from couchreg.docstore.base import Database
from couchreg.docstore.remote import (
    CouchAddress,
    RemoteStore,
    calls,
    clustered,
    copies,
    needed,
    replicas,
    settling,
)
from tests.docstore import couchdbs
from tests.docstore.cluster import NODES, Cluster, cluster_at

DB = "db"


class Place(NamedTuple):
    """Two processes over one cluster and one bucket."""

    cluster: Cluster
    stores: list[RemoteStore]
    claims: list[Claims]
    dead: set[str]

    @property
    def physical(self) -> str:
        return self.stores[0].address.physical(DB)

    async def databases(self) -> list[Database]:
        return [await store.open(DB) for store in self.stores]

    async def all_leafs(self, doc_id: str) -> list[set[str]]:
        """Those that are not deleted, of each node."""
        found = [await self.cluster.leafs(node, self.physical, doc_id) for node in NODES]
        return [{rev for rev, doc in one.items() if not doc.get("_deleted")} for one in found]


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for long."""
    monkeypatch.setattr(calls, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(settling, "SENDING", 0.3)
    monkeypatch.setattr(replicas, "HEDGE", 0.05)
    monkeypatch.setattr(replicas, "TIMEOUT", 1.0)
    monkeypatch.setattr(needed, "TIMEOUT", 1.0)
    monkeypatch.setattr(replicas, "LATE", 0.2)
    monkeypatch.setattr(clustered, "FIRST_REST", 0.1)
    monkeypatch.setattr(copies, "SHOWN", 1.0)
    monkeypatch.setattr(claims_module, "LONGEST", 1.0)


@asynccontextmanager
async def two_processes(couch_door: str, tmp_path: Path) -> AsyncIterator[Place]:
    prefix, dead = couchdbs.new_prefix(), set[str]()
    blobs, spool = DirectoryBlobStore(tmp_path / "datastore"), Spool(tmp_path / "spool")

    async def is_at_work(process: str) -> bool:
        return process not in dead

    async with cluster_at(couch_door) as (url, cluster):
        stores, claims = [], []
        for name in ("one", "two"):
            stores.append(RemoteStore(CouchAddress.parse(f"{url}/{prefix}")))
            claims.append(Claims(blobs, spool.hold, name, is_at_work))
            await stores[-1].look()
            assert stores[-1].is_cluster
            await stores[-1].begin(claims[-1])
        await stores[0].create(DB)
        yield Place(cluster, stores, claims, dead)
        cluster.up, cluster.deaf, cluster.mute = list(NODES), set(), set()
        for store, one in zip(stores, claims, strict=True):
            await store.close()
            await one.close()
    await couchdbs.remove(couch_door, prefix)
    await blobs.close()
    await spool.close()
