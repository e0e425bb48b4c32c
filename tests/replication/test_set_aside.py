"""Documents that cannot be read or written are listed with the reason, stop nothing, and follow when
mended; with `COUCHREG_TEST_FULL_SIZE=1` fifty of them among five thousand."""

import asyncio
import json
import os
from base64 import b64encode
from typing import Any

import pytest
from aiohttp import web

from tests.replication.conftest import Peer
from tests.replication.proxies import proxy

pytestmark = pytest.mark.asyncio(loop_scope="module")

GOOD, COPIES = (4950, 10) if "COUCHREG_TEST_FULL_SIZE" in os.environ else (60, 1)
LONG = "long" * 30
REFUSING = "function(doc) { if (doc.refused) throw({forbidden: 'not in here'}); }"
LIMITS = {"max_document_size": ("5000", "8000000"), "max_document_id_length": ("100", "infinity")}


async def limited(peer: Peer, place: int) -> None:
    for name, values in LIMITS.items():
        await peer.ok("PUT", f"/_node/_local/_config/couchdb/{name}", values[place])


async def poisoned(source: Peer, target: Peer) -> None:
    """A source with many good documents and those of five kinds that are not; a target that refuses some."""
    await source.ok("PUT", "/src")
    docs: list[dict[str, Any]] = [{"_id": f"good{n:02}", "n": n} for n in range(GOOD)]
    for n in range(COPIES):
        docs.insert(n * 90 + 7, {"_id": f"large{n}", "text": "x" * 6000})
        docs.insert(n * 90 + 20, {"_id": f"refused{n}", "refused": True})
        docs.insert(n * 90 + 21, {"_id": f"{LONG}{n}"})
        docs.insert(n * 90 + 40, {"_id": f"odd tree{n}", "n": 1})
    await source.ok("POST", "/src/_bulk_docs", {"docs": docs})
    data = b64encode(b"gone " * 20000).decode()
    file = {"content_type": "image/png", "data": data}
    for n in range(COPIES):
        await source.ok("PUT", f"/src/broken{n}", {"_attachments": {"f": file}})
    await target.ok("PUT", "/dst")
    await target.ok("PUT", "/dst/_design/v", {"validate_doc_update": REFUSING})
    await limited(target, 0)
    assert source.app is not None
    [record] = (await (await source.app.store.open("src")).revision("broken0")).attachments
    await source.app.attachments.blobs.delete(record.key)


def without_a_history(request: web.BaseRequest, data: bytes) -> bytes:
    """One document is shown with a history that is not its own."""
    if "_bulk_get" not in request.path and "odd%20tree" not in request.raw_path:
        return data
    answer = json.loads(data)
    rows = answer["results"] if isinstance(answer, dict) else [{"docs": answer}]
    for row in rows:
        for doc in row["docs"]:
            if doc.get("ok", {}).get("_id", "").startswith("odd tree"):
                doc["ok"]["_revisions"] = {"start": 3, "ids": ["a", "b", "c"]}
    return json.dumps(answer).encode()


KINDS = {"large": 413, "refused": 403, LONG: 400, "odd tree": 502, "broken": 502}
EXPECTED = {f"{kind}{n}": status for kind, status in KINDS.items() for n in range(COPIES)}


@pytest.mark.parametrize("local", [True, False])
async def test_the_rest_arrives_and_these_are_listed(here: Peer, there: Peer, local: bool) -> None:
    await poisoned(there, here)
    target = "dst" if local else here.end("dst")
    async with proxy(there, change=without_a_history) as url:
        asked = {"source": f"{url}/src", "target": target, "continuous": True, "retries_per_request": 1}
        await here.ok("PUT", "/_node/_local/_config/replicator/retry_skipped_after", "1")
        job = (await here.ok("POST", "/_replicate", asked))["_local_id"]
        skipped = await listed(here, job, len(EXPECTED))
        assert {row["id"]: row["status"] for row in skipped} == EXPECTED
        assert all(row["reason"] and row["rev"].startswith("1-") and row["seq"] for row in skipped)
        assert (await here.ok("GET", "/dst"))["doc_count"] == GOOD + 1
        await limited(here, 1)
        design = await here.ok("GET", "/dst/_design/v")
        await here.ok("DELETE", f"/dst/_design/v?rev={design['_rev']}")
        skipped = await listed(here, job, 2 * COPIES)
        assert {row["id"][:-1] for row in skipped} == {"odd tree", "broken"}
        assert (await here.ok("GET", "/dst"))["doc_count"] == GOOD + 3 * COPIES
        await here.ok("POST", "/_replicate", {"cancel": True, "id": job})
    job = (await here.ok("POST", "/_replicate", asked | {"source": there.end("src")}))["_local_id"]
    assert {row["id"][:-1] for row in await listed(here, job, COPIES)} == {"broken"}
    for n in range(COPIES):
        rev = (await there.ok("GET", f"/src/broken{n}"))["_rev"]
        await there.ok("PUT", f"/src/broken{n}", {"_rev": rev, "mended": True})
    assert await listed(here, job, 0) == []
    assert (await here.ok("GET", "/dst/broken0"))["mended"] is True


async def listed(peer: Peer, job: str, count: int) -> list[dict[str, Any]]:
    """The revisions set aside, when there are so many and all else is done."""
    async with asyncio.timeout(60):
        while True:
            info = (await peer.ok("GET", f"/_scheduler/jobs/{job}"))["info"]
            if (
                info
                and "error" not in info
                and info["skipped_count"] == count
                and info["changes_pending"] == 0
            ):
                return list(info["skipped"])
            await asyncio.sleep(0.05)


async def test_a_one_shot_tries_them_first_when_it_comes_again(here: Peer, there: Peer) -> None:
    await there.ok("PUT", "/src")
    await there.ok("PUT", "/src/refused", {"refused": True})
    await here.ok("PUT", "/dst")
    rev = (await here.ok("PUT", "/dst/_design/v", {"validate_doc_update": REFUSING}))["rev"]
    _, first = await here.replicate(there.end("src"), here.end("dst"))
    assert first["history"][0]["doc_write_failures"] == 1
    await here.ok("DELETE", f"/dst/_design/v?rev={rev}")
    await here.replicate(there.end("src"), here.end("dst"))
    assert (await here("GET", "/dst/refused"))[0] == 200
