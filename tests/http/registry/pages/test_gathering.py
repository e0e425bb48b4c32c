"""What a page holds of an answer has an end, however long the answer is."""

from collections.abc import AsyncIterator, Awaitable
from types import SimpleNamespace
from typing import Any

import pytest

from couchreg.errors import TooLarge
from couchreg.http.registry.pages.gathering import MOST, decoded, gathered


async def told(part: Awaitable[bytes]) -> bytes:
    return await part


ANSWERING: Any = SimpleNamespace(told=told)


async def test_an_answer_is_gathered_and_read() -> None:
    async def parts() -> AsyncIterator[bytes]:
        for piece in (b'{"rows":', b"[[1]]}"):
            yield piece

    assert await decoded(await gathered(ANSWERING, parts())) == {"rows": [[1]]}


async def test_no_more_is_taken_of_a_long_answer_than_a_page_shows() -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += MOST // 4
            yield bytes(MOST // 4)

    with pytest.raises(TooLarge, match="more than 1 MiB"):
        await gathered(ANSWERING, endless())
    assert taken <= MOST + MOST // 4
