"""Batches on their way into an index: in their order, several at once where they are ready."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from couchreg.designdocs.views.filling import Mapped
from couchreg.designdocs.views.pipeline import AHEAD, BYTES, Pipeline

CHANGE: Any = SimpleNamespace(members=b"")


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
            await pipeline.put(batch(number), (CHANGE,), number)  # type: ignore[arg-type]
            await asyncio.sleep(0)
    assert [one for ids, _ in stored for one in ids] == [str(number) for number in range(3 * AHEAD)]
    assert [seq for _, seq in stored] == [int(ids[-1]) for ids, _ in stored]
    assert max(len(ids) for ids, _ in stored) > 1


async def test_one_transaction_is_under_way_while_more_is_read() -> None:
    stored: list[int] = []
    may_map, may_end = asyncio.Event(), asyncio.Event()

    async def later(number: int) -> list[Mapped]:
        await may_map.wait()
        return [Mapped([str(number)], b"[]")]

    async def store(mapped: Sequence[Mapped], changes: Sequence[Any], seq: Any) -> None:
        await may_end.wait()
        stored.append(seq)

    async with Pipeline(store) as pipeline:
        await pipeline.put(batch(0), (CHANGE,), 0)  # type: ignore[arg-type]
        for number in range(1, AHEAD + 1):  # the last of these has the first stored, and does not wait for it
            await pipeline.put(later(number), (CHANGE,), number)  # type: ignore[arg-type]
        may_map.set()
        blocked = asyncio.ensure_future(pipeline.put(batch(99), (CHANGE,), 99))  # type: ignore[arg-type]
        await asyncio.wait([blocked], timeout=0.05)
        was_done, were_stored = blocked.done(), list(stored)
        may_end.set()
        await blocked
    assert (was_done, were_stored) == (False, [])
    assert stored == sorted(stored)
    assert stored[-1] == 99


async def test_of_long_documents_few_are_ahead() -> None:
    begun: list[int] = []
    stored: list[Any] = []

    async def mapping(number: int) -> list[Mapped]:
        begun.append(number)
        assert number - len([one for ids, _ in stored for one in ids]) <= 3
        return [Mapped([str(number)], b"[]")]

    long: Any = SimpleNamespace(members=b"x" * (BYTES // 2 + 1))
    async with Pipeline(storing(stored)) as pipeline:
        for number in range(2 * AHEAD):
            await pipeline.put(mapping(number), (long,), number)  # type: ignore[arg-type]
    assert begun == list(range(2 * AHEAD))


async def test_a_transaction_that_fails_ends_the_update() -> None:
    async def store(mapped: Sequence[Mapped], changes: Sequence[Any], seq: Any) -> None:
        raise ValueError(seq)

    async def all_of_them() -> None:
        async with Pipeline(store) as pipeline:
            for number in range(100):
                await pipeline.put(batch(number), (CHANGE,), number)  # type: ignore[arg-type]

    with pytest.raises(ValueError):
        await all_of_them()


async def test_what_comes_before_a_failure_is_stored() -> None:
    stored: list[tuple[list[str], int]] = []

    async def all_of_them() -> None:
        async with Pipeline(storing(stored)) as pipeline:
            for number in (0, 1, -1, 3):
                await pipeline.put(batch(number), (CHANGE,), number)  # type: ignore[arg-type]
            await asyncio.sleep(0)

    with pytest.raises(ValueError):
        await all_of_them()
    assert [ids for ids, _ in stored] == [["0", "1"]]
