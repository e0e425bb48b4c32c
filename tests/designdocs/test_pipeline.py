"""Batches on their way into an index: in their order, several at once where they are ready."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from couchreg.designdocs.views.filling import Mapped
from couchreg.designdocs.views.pipeline import AHEAD, Pipeline


def batch(number: int) -> Any:
    async def mapping() -> list[Mapped]:
        if number < 0:
            raise ValueError(number)
        return [Mapped([str(number)], b"[]")]

    return mapping()


def storing(into: list[Any]) -> Any:
    async def store(mapped: Sequence[Mapped], changes: Sequence[Any], seq: Any) -> None:
        await asyncio.sleep(0)
        assert len(mapped) == len(changes)
        into.append(([one.ids[0] for one in mapped], seq))

    return store


async def test_what_is_mapped_meanwhile_is_stored_together() -> None:
    stored: list[tuple[list[str], int]] = []
    async with Pipeline(storing(stored)) as pipeline:
        for number in range(3 * AHEAD):
            await pipeline.put(batch(number), ("a change",), number)  # type: ignore[arg-type]
            await asyncio.sleep(0)
    assert [one for ids, _ in stored for one in ids] == [str(number) for number in range(3 * AHEAD)]
    assert [seq for _, seq in stored] == [int(ids[-1]) for ids, _ in stored]
    assert max(len(ids) for ids, _ in stored) > 1


async def test_what_comes_before_a_failure_is_stored() -> None:
    stored: list[tuple[list[str], int]] = []

    async def all_of_them() -> None:
        async with Pipeline(storing(stored)) as pipeline:
            for number in (0, 1, -1, 3):
                await pipeline.put(batch(number), ("a change",), number)  # type: ignore[arg-type]
            await asyncio.sleep(0)

    with pytest.raises(ValueError):
        await all_of_them()
    assert [ids for ids, _ in stored] == [["0", "1"]]
