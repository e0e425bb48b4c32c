"""Answers that are being made: for whom they are, and how long they go on."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from couchreg.http.registry.frame import filling
from couchreg.http.registry.pages import sql
from tests.http.registry.pages.test_pages import BROWSER
from tests.packages import small
from tests.served import ANNA, BOB, Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")
PATH = "/-/sql?rest=1&q=select+word,+'secret'+as+what+from+bees.words"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def registry(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with serving(tmp_path_factory.mktemp("under-way")) as serve:
        served = await serve(with_tables=True, validation="off")
        assert (await served.put(small("bees"), "1.0.0", auth=ANNA))[0] == 201
        await served.made("bees", "1.0.0")
        yield served


class HeldAnswers:
    """Answers of the page that are held back."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = 0
        self.ended = 0
        self.go = asyncio.Event()
        self._asked = sql._asked
        monkeypatch.setattr(sql, "_asked", self._held)

    async def _held(self, call: Any, question: Any) -> bytes:
        self.begun += 1
        try:
            await self.go.wait()
            return await self._asked(call, question)
        finally:
            self.ended += 1

    async def until(self, *, begun: int = 0, ended: int = 0) -> None:
        async with asyncio.timeout(120):
            while self.begun < begun or self.ended < ended:
                await asyncio.sleep(0.01)


async def look(registry: Served, path: str, auth: str) -> str:
    headers = {"Accept": BROWSER, "Authorization": auth}
    async with registry.client.get(registry.url + path, headers=headers) as response:
        return await response.text()


async def test_who_may_not_see_a_package_joins_no_answer_about_it(
    registry: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def may(method: str, path: str, **sent: Any) -> None:
        status, found = await registry.ask(method, f"/-/package/bees/{path}", auth=ANNA, **sent)
        assert status in (200, 204), found

    held = HeldAnswers(monkeypatch)
    await may("POST", "access", json={"access": "restricted"})
    await may("PUT", "collaborators/bob", json={"permissions": "read-only"})
    try:
        first = asyncio.create_task(look(registry, PATH, BOB))
        await held.until(begun=1)
        second = asyncio.create_task(look(registry, PATH, BOB))
        await may("DELETE", "collaborators/bob")
        async with asyncio.timeout(120):
            late = await look(registry, PATH, BOB)
        assert "There is no package" in late
        held.go.set()
        assert "<td" in await first  # bob might have it when he asked
        await second
    finally:
        await may("POST", "access", json={"access": "public"})


async def test_what_only_some_may_read_is_not_offered_to_be_taken_along(registry: Served) -> None:
    for access, offered in (("public", True), ("restricted", False)):
        path, body = "/-/package/bees/access", {"access": access}
        assert (await registry.ask("POST", path, auth=ANNA, json=body))[0] == 200
        text = await look(registry, "/bees/1.0.0", ANNA)
        assert ("/-/offline?package=bees" in text, "not in a browser" in text) == (offered, not offered)
    assert (await registry.ask("POST", path, auth=ANNA, json={"access": "public"}))[0] == 200


async def test_what_nobody_waits_for_any_more_ends(registry: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the page has gone, or its client."""
    held = HeldAnswers(monkeypatch)
    monkeypatch.setattr(filling, "LINGER", 0.05)
    waiting = asyncio.create_task(look(registry, PATH + "+limit+1", ANNA))
    await held.until(begun=1)
    waiting.cancel()
    await held.until(ended=1)
