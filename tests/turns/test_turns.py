"""Who is next, and who is refused."""

import asyncio
from collections.abc import Sequence

import pytest

from couchreg.errors import TooManyRequests, Unavailable
from couchreg.turns import Locks, Turns, portions


class Served:
    """Jobs that run until they are told to end; `order` has their names as their turns came."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.order: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._ends: dict[str, asyncio.Event] = {}

    async def ask(self, name: str, *askers: str) -> None:
        self._ends[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._job(name, askers))
        await _settle()

    async def end(self, name: str) -> None:
        self._ends[name].set()
        await self.tasks[name]
        await _settle()

    async def end_all(self) -> None:
        """One after the other, in the order in which they came."""
        done = 0
        while done < len(self.order):
            await self.end(self.order[done])
            done += 1

    async def _job(self, name: str, askers: Sequence[str]) -> None:
        async with self.turns.take(*askers):
            self.order.append(name)
            await self._ends[name].wait()


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def _is_empty(turns: Turns) -> bool:
    return not (turns.inside or turns._waiting or turns._running or turns._served or turns._queue)


async def test_one_who_asks_for_much_does_not_delay_the_others() -> None:
    served = Served(Turns(1, waiting=99, waiting_of_one=50))
    for number in range(40):
        await served.ask(f"a{number}", "anna")
    await served.ask("b", "bob")
    await served.ask("c0", "carl")
    await served.ask("c1", "carl")
    await served.end_all()
    assert served.order[:5] == ["a0", "b", "c0", "a1", "c1"]
    assert served.order[5:] == [f"a{number}" for number in range(2, 40)]
    assert _is_empty(served.turns)


async def test_nobody_has_every_place() -> None:
    served = Served(Turns(4, waiting=9, waiting_of_one=9))
    for number in range(4):
        await served.ask(f"a{number}", "anna")
    assert served.order == ["a0", "a1"]
    await served.ask("b", "bob")
    assert served.order == ["a0", "a1", "b"]
    await served.end_all()
    assert _is_empty(served.turns)


async def test_one_user_does_not_keep_others_of_the_same_address_waiting() -> None:
    served = Served(Turns(2, waiting=9, waiting_of_one=4))
    for number in range(4):
        await served.ask(f"a{number}", "anna", "192.0.2.1")
    await served.ask("b", "bob", "192.0.2.1")
    assert served.order == ["a0", "b"]
    await served.end_all()


async def test_a_job_counts_for_each_of_its_askers() -> None:
    """Many accounts at one address do not have every place, nor does one account at many addresses."""
    served = Served(Turns(3, waiting=9, waiting_of_one=1))
    await served.ask("one", "anna", "192.0.2.1")
    await served.ask("two", "anna", "192.0.2.2")
    assert served.order == ["one"]
    await served.ask("three", "bob", "192.0.2.1")
    await served.ask("four", "carl", "192.0.2.1")
    assert served.order == ["one", "three"]
    await served.ask("other", "dora", "192.0.2.3")
    assert served.order == ["one", "three", "other"]
    await served.ask("five", "eva", "192.0.2.1")
    with pytest.raises(TooManyRequests) as refused:
        async with served.turns.take("fritz", "192.0.2.1"):
            pass
    assert refused.value.retry_after == 10
    await served.end_all()
    assert _is_empty(served.turns)


async def test_what_waits_is_bounded() -> None:
    served = Served(Turns(1, waiting=2, waiting_of_one=2, what="checks", retry_after=3))
    for name in ("a", "b", "c"):
        await served.ask(name, name)
    with pytest.raises(Unavailable) as refused:
        async with served.turns.take("d"):
            pass
    assert (refused.value.reason, refused.value.retry_after) == (
        "Too many checks are waiting: try again in a while.",
        3,
    )
    await served.end_all()


async def test_who_gives_up_leaves_no_trace() -> None:
    served = Served(Turns(1, waiting=9, waiting_of_one=9))
    for name in ("a", "b", "c"):
        await served.ask(name, name)
    served.tasks["b"].cancel()
    await _settle()
    await served.end("a")
    assert served.order == ["a", "c"]
    await served.end("c")
    assert _is_empty(served.turns)


async def test_who_gives_up_as_the_turn_comes_passes_it_on() -> None:
    served = Served(Turns(1, waiting=9, waiting_of_one=9))
    for name in ("a", "b", "c"):
        await served.ask(name, name)
    served._ends["a"].set()
    await served.tasks["a"]  # b has the turn and does not know yet
    served.tasks["b"].cancel()
    await _settle()
    assert served.order[-1] == "c"
    await served.end("c")
    assert _is_empty(served.turns)


async def test_who_gives_up_and_has_not_left_yet_is_passed_over() -> None:
    turns = Turns(1, waiting=9, waiting_of_one=9)
    served = Served(turns)
    async with turns.take("a"):
        await served.ask("b", "b")
        await served.ask("c", "c")
        served.tasks["b"].cancel()  # and it has had no moment to notice
    await _settle()
    assert served.order == ["c"]
    await served.end("c")
    assert _is_empty(turns)


async def test_a_job_that_fails_ends_its_turn() -> None:
    turns = Turns(1, waiting=1, waiting_of_one=1)
    with pytest.raises(LookupError):
        async with turns.take("a", "a"):
            raise LookupError
    async with turns.take():
        assert turns.inside == 1
    assert _is_empty(turns)


async def test_a_name_is_held_once_and_forgotten() -> None:
    locks, told = Locks(), []

    async def hold(name: str, number: int) -> None:
        async with locks.hold(name):
            told.append((name, number))
            await asyncio.sleep(0)
            told.append((name, -number))

    await asyncio.gather(*(hold(name, number) for number in (1, 2, 3) for name in "ab"))
    for name in "ab":
        assert [number for other, number in told if other == name] == [1, -1, 2, -2, 3, -3]
    assert told[:2] == [("a", 1), ("b", 1)]
    assert vars(locks) == {"_locks": {}}


def test_portions_are_all_items_in_order() -> None:
    assert list(portions(range(7), 3)) == [range(3), range(3, 6), range(6, 7)]
    assert list(portions([], 3)) == []
