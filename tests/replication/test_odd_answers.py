"""Servers that answer with anything at all: the replication ends with a reason; nothing of ours breaks."""

import itertools
import json
from typing import Any

import pytest
from aiohttp import web

from tests.replication.conftest import Peer
from tests.replication.proxies import proxy

pytestmark = pytest.mark.asyncio(loop_scope="module")

JUNK: list[Any] = [
    None,
    5,
    "x",
    [],
    [5],
    [[]],
    {},
    {"results": 5},
    {"results": [None]},
    {"missing": {"a": 5}},
]
JUNK += [{"results": [{"docs": 5}]}, {"results": [{"docs": [{"ok": 5}]}]}, {"a": 5}, {"a": {"missing": 5}}]
JUNK += [{"results": [{"seq": 1, "id": 5, "changes": [{"rev": []}]}], "last_seq": []}, {"rev": []}]
PLACES = ("", "/_changes", "/_revs_diff", "/_bulk_get", "/_bulk_docs", "/_ensure_full_commit", "/_local/")
KNOWN = {"http_request_failed", "db_not_found", "unauthorized", "bad_request"}


async def test_no_answer_breaks_more_than_the_replication(
    here: Peer, there: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    await there.ok("PUT", "/src")
    await there.ok("POST", "/src/_bulk_docs", {"docs": [{"_id": "a"}, {"_id": "b", "_attachments": FILES}]})
    await there.ok("PUT", "/dst")
    for at, (number, junk) in itertools.product(range(len(PLACES)), enumerate(JUNK)):
        place = PLACES[at]
        if (at + number) % 2 and place in ("", "/_ensure_full_commit", "/_local/"):
            continue  # half of them will do where only objects with a text count

        def spoil(request: web.BaseRequest, data: bytes, place: str = place, junk: Any = junk) -> bytes:
            below = request.path.removeprefix("/src").removeprefix("/dst")
            hit = below == place or (place == "/_local/" and below.startswith(place))
            return json.dumps(junk).encode() if hit else data

        async with proxy(there, change=spoil) as url:
            options = {"retries_per_request": 0, "since_seq": "0", "winning_revs_only": bool(number % 2)}
            status, answer = await here.replicate(f"{url}/src", f"{url}/dst", **options)
        assert status == 200 or answer["error"] in KNOWN, (place, junk, status, answer)
    assert "unforeseen" not in caplog.text
    assert "Traceback" not in caplog.text


FILES = {"f": {"content_type": "image/png", "data": "aGVsbG8="}}
