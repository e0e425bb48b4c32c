"""Pages are there at once, with what is known, and lead to the rest."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from yarl import URL

from couchreg.http.registry.pages import waiting
from couchreg.http.registry.pages.waiting import PageDeadline, deadline_of


def deadline(address: str) -> PageDeadline:
    return deadline_of(cast(Any, SimpleNamespace(request=SimpleNamespace(rel_url=URL(address)))))


async def test_a_page_waits_a_moment_for_everything_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_AT_ONCE", 0.0)
    page = deadline("/-/table/a/1/b?where=a+%3D+%221%22")
    async with page.time(3600.0):
        pass  # what is at hand needs no time
    assert not page.is_over
    assert page.rest == ""
    reached = False
    async with page.time(3600.0):
        await asyncio.sleep(3600)
        reached = True
    assert not reached
    assert page.is_over
    assert dict(URL(page.rest).query) == {"where": 'a = "1"', "rest": "1"}


async def test_who_asks_for_the_rest_is_led_no_further() -> None:
    page = deadline("/-/sql?q=select+1&rest=1")
    async with page.time(0.0):
        await asyncio.sleep(3600)
    assert not page.is_over
    assert page.rest == ""


async def test_what_fails_by_itself_is_not_taken_for_patience() -> None:
    with pytest.raises(TimeoutError, match="the bucket"):
        async with deadline("/").time(3600.0):
            raise TimeoutError("the bucket")
