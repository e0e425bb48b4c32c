"""Networks that cut, refuse and spoil: what is replicated through them is whole all the same."""

import os
import random
from base64 import b64encode
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from couchreg.replication import calls, files
from tests.conftest import ADMIN
from tests.fault_proxy import FaultProxy, fault_proxy
from tests.replication.conftest import AUTH, Peer
from tests.replication.proxies import served

pytestmark = pytest.mark.asyncio(loop_scope="module")

BASIC = {"Authorization": aiohttp.encode_basic_auth(*ADMIN)}
DOCS = 150
SEED = 20


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts follow each other at once."""
    for module in (calls, files):
        monkeypatch.setattr(module, "FIRST_WAIT", 0.001)


async def fill(peer: Peer) -> None:
    await peer.ok("PUT", "/src")
    chance = random.Random(SEED)
    docs: list[dict[str, Any]] = [
        {"_id": f"d{n:03}", "text": "x" * chance.randrange(3000)} for n in range(DOCS)
    ]
    for n in range(0, DOCS, 25):
        data = b64encode(os.urandom(chance.randrange(200_000))).decode()
        kind = chance.choice(["text/plain", "image/png"])
        docs[n]["_attachments"] = {"f": {"content_type": kind, "data": data}}
    await peer.ok("POST", "/src/_bulk_docs", {"docs": docs})


@pytest.mark.parametrize("fault", ["unavailable", "cut", "cut_behind", "cut_answer"])
async def test_what_breaks_is_tried_again(here: Peer, there: Peer, fault: str) -> None:
    await fill(there)
    chance = random.Random(SEED)
    async with AsyncExitStack() as stack:
        source = await stack.enter_async_context(fault_proxy(there.url, chance))
        target = await stack.enter_async_context(fault_proxy(here.url, chance))
        await here.ok("PUT", "/dst")
        for one in (source, target):
            one.rate, one.faults = 0.15, (fault,)
        ends = [{"url": f"{one.url}/{db}", "auth": AUTH} for one, db in ((source, "src"), (target, "dst"))]
        options = {"retries_per_request": 20, "worker_batch_size": 40}
        status, answer = await here.replicate(*ends, **options)
        assert (status, answer.get("ok")) == (200, True), answer
        assert source.done[fault] + target.done[fault] > 0
        assert answer["history"][0]["doc_write_failures"] == 0
    assert await here.leafs("dst") == await there.leafs("src")


class SpoilsFiles(FaultProxy):
    """Flips a bit of what is asked for as an attachment, now and then; of JSON nobody could tell."""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.rate = 0.4 if request.path.endswith("/f") else 0.0
        return await super().handle(request)


async def test_flipped_bytes_of_files_are_noticed(here: Peer, there: Peer) -> None:
    await fill(there)
    source = SpoilsFiles(there.url, random.Random(SEED))
    source.faults = ("corrupt_answer",)
    try:
        async with served(source.handle) as url:
            end = {"url": f"{url}/src", "auth": AUTH}
            for _ in range(20):
                await here.replicate(end, "dst", create_target=True)
                if not (await here.leafs("dst")).keys() ^ (await there.leafs("src")).keys():
                    break
            assert source.done["corrupt_answer"] > 0
    finally:
        await source.close()
    assert await here.leafs("dst") == await there.leafs("src")


async def test_a_file_goes_on_where_it_broke_off(here: Peer, there: Peer) -> None:
    data = os.urandom(1_000_000)
    await there.ok("PUT", "/src")
    shape = {"content_type": "image/png", "data": b64encode(data).decode()}
    await there.ok("PUT", "/src/doc", {"_attachments": {"f": shape}})
    sent: list[tuple[str, int]] = []

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        """Attachments break off after a part, three times."""
        headers = {name: value for name, value in request.headers.items() if name != "Host"}
        body = await request.read()
        async with there.session.request(
            request.method, there.url + request.raw_path, headers=headers, data=body
        ) as answer:
            content = await answer.read()
            wanted = request.headers.get("Range", "")
            kept = {k: v for k, v in answer.headers.items() if k.startswith("Content-")}
            response = web.StreamResponse(status=answer.status, headers=kept)
            await response.prepare(request)
            if request.path.endswith("/f"):
                cut = len(sent) < 3
                part = content[:250_000] if cut else content
                sent.append((wanted, len(part)))
                await response.write(part)
                if cut:
                    assert request.transport is not None
                    request.transport.close()
            else:
                await response.write(content)
            return response

    async with served(handle) as url:
        status, answer = await here.replicate({"url": f"{url}/src", "auth": AUTH}, "dst", create_target=True)
    assert (status, answer["history"][0]["docs_written"]) == (200, 1)
    assert sent[0][0] == ""
    assert all(wanted.startswith("bytes=") for wanted, _ in sent[1:])
    assert sum(size for _, size in sent) < 2 * len(data)  # what was cut off may have been lost, and no more
    async with here.session.get(f"{here.url}/dst/doc/f", headers=BASIC) as got:
        assert await got.read() == data


async def test_batches_are_halved_where_they_are_too_large(here: Peer, there: Peer) -> None:
    await fill(there)
    refused: Counter[str] = Counter()

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        if request.path.endswith("_bulk_docs") and len(body) > 50_000:
            refused["413"] += 1
            return web.json_response({"error": "too_large", "reason": "no"}, status=413)
        headers = {name: value for name, value in request.headers.items() if name != "Host"}
        async with here.session.request(
            request.method, here.url + request.raw_path, headers=headers, data=body
        ) as answer:
            return web.Response(
                status=answer.status, body=await answer.read(), content_type="application/json"
            )

    await here.ok("PUT", "/dst")
    async with served(handle) as url:
        _, answer = await here.replicate(there.end("src"), {"url": f"{url}/dst", "auth": AUTH})
    assert (answer["history"][0]["docs_written"], refused["413"] > 0) == (DOCS, True)


async def test_a_busy_server_is_given_its_time(here: Peer, there: Peer) -> None:
    """429 does not count as a failure, however few attempts there are."""
    await there.ok("PUT", "/src")
    await there.ok("PUT", "/src/a", {})
    asked: Counter[str] = Counter()

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        asked[request.path] += 1
        if asked[request.path] <= 2:
            return web.Response(status=429, headers={"Retry-After": "0"})
        headers = {name: value for name, value in request.headers.items() if name != "Host"}
        async with there.session.request(
            request.method, there.url + request.raw_path, headers=headers, data=await request.read()
        ) as answer:
            return web.Response(
                status=answer.status, body=await answer.read(), content_type="application/json"
            )

    async with served(handle) as url:
        end = {"url": f"{url}/src", "auth": AUTH}
        status, _ = await here.replicate(end, "dst", create_target=True, retries_per_request=0)
    assert status == 200


async def test_credentials_stay_with_their_host(here: Peer, there: Peer) -> None:
    """A redirect leads to another port, which is another server: it hears no password and no header."""
    heard: list[str] = []

    async def other(request: web.BaseRequest) -> web.StreamResponse:
        heard.extend(f"{name}: {value}" for name, value in request.headers.items())
        return web.json_response({"error": "unauthorized", "reason": "no"}, status=401)

    async with served(other) as elsewhere:

        async def redirect(request: web.BaseRequest) -> web.StreamResponse:
            assert request.headers["X-Key"] == "topsecret"
            return web.Response(status=302, headers={"Location": f"{elsewhere}/src"})

        async with served(redirect) as url:
            end = {"url": f"{url}/src", "auth": AUTH, "headers": {"X-Key": "topsecret"}}
            status, answer = await here.replicate(end, "dst", create_target=True)
    assert (status, answer["error"]) == (401, "unauthorized")
    assert heard
    assert not [line for line in heard if "topsecret" in line or line.startswith("Authorization")]
