"""The search alone, at a port of its own."""

from collections.abc import Sequence
from typing import Any

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from couchreg.followers.loop import Status
from couchreg.http.registry.apart import SearchApart, search_application


def told(state: str, error: str | None = None) -> Status:
    return Status("search", state, 5, 9, (), 0, error)


@pytest.mark.parametrize(
    ("states", "answers"),
    [
        (["starting", "working", "working"], [503, 503, 503]),
        (["working", "waiting", "working", "failing", "working"], [503, 200, 200, 503, 200]),
    ],
)
async def test_it_is_up_when_the_index_was_current_once(
    aiohttp_client: AiohttpClient, states: Sequence[str], answers: Sequence[int]
) -> None:
    left = list(states)

    async def status() -> Status:
        return told(left.pop(0))

    async def look(*args: Any) -> Any:
        raise NotImplementedError

    client = await aiohttp_client(search_application(SearchApart("http://x", look, status, dict)))
    assert [(await client.get("/_up")).status for _ in states] == answers
