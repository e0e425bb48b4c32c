"""From rows to reduced groups: built-in functions here, JavaScript in its context, many groups at a time."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, NamedTuple

from couchreg.designdocs.functions import Design, Functions
from couchreg.designdocs.views.built_in import Reducer, built_in
from couchreg.designdocs.views.index import IndexRow
from couchreg.model import json

EXACT = -1  # the group level of `group=true`
AT_ONCE = 100  # rows that a function is given together
FLUSH = 1000  # rows of all groups that wait to be reduced

Rows = AsyncIterator[Sequence[IndexRow]]


class Group(NamedTuple):
    """A group as it is answered. `key` is a JSON value."""

    key: Any
    value: Any


def grouped_key(key: Any, level: int) -> Any:
    """What a key counts as in a grouping of this level."""
    if level == 0:
        return None
    return key[:level] if level > 0 and isinstance(key, list) else key


async def reduced(
    rows: Rows,
    level: int,
    order: Callable[[Any], bytes],
    source: str,
    functions: Functions,
    place: tuple[str, Design],
) -> AsyncIterator[Group]:
    """The groups of rows that come in the order of their keys."""
    if source.startswith("_"):
        async for group in _natively(rows, level, order, built_in(source)):
            yield group
        return
    async for group in _in_javascript(rows, level, order, source, functions, place):
        yield group


class _Run(NamedTuple):
    """Consecutive rows of one group."""

    sort: bytes
    key: Any
    keys: list[Any]
    values: list[Any]
    ids: list[str]


def _runs(rows: Sequence[IndexRow], level: int, order: Callable[[Any], bytes]) -> list[_Run]:
    found: list[_Run] = []
    for row in rows:
        key, value = json.decode(row.key), json.decode(row.value)
        counted = grouped_key(key, level)
        sort = row.sort if level == EXACT else order(counted)
        if not found or found[-1].sort != sort:
            found.append(_Run(sort, counted, [], [], []))
        found[-1].keys.append(key)
        found[-1].values.append(value)
        found[-1].ids.append(row.id)
    return found


async def _natively(
    rows: Rows, level: int, order: Callable[[Any], bytes], reducer: Reducer
) -> AsyncIterator[Group]:
    current: tuple[bytes, Any, Any] | None = None
    async for chunk in rows:
        for run in _runs(chunk, level, order):
            state = reducer.start(run.keys, run.values)
            if current is not None and current[0] == run.sort:
                current = (run.sort, current[1], reducer.join(current[2], state))
                continue
            if current is not None:
                yield Group(current[1], reducer.show(current[2]))
            current = (run.sort, run.key, state)
    if current is not None:
        yield Group(current[1], reducer.show(current[2]))


class _Waiting:
    """A group whose rows go to a function in parts."""

    def __init__(self, run: _Run) -> None:
        self.sort, self.key = run.sort, run.key
        self.pairs: list[list[Any]] = []
        self.values: list[Any] = []
        self.made: list[Any] = []  # results of parts, in order

    def add(self, run: _Run) -> None:
        self.pairs += [[key, doc_id] for key, doc_id in zip(run.keys, run.ids, strict=True)]
        self.values += run.values


async def _in_javascript(
    rows: Rows,
    level: int,
    order: Callable[[Any], bytes],
    source: str,
    functions: Functions,
    place: tuple[str, Design],
) -> AsyncIterator[Group]:
    waiting: list[_Waiting] = []
    count = 0
    async for chunk in rows:
        for run in _runs(chunk, level, order):
            if not waiting or waiting[-1].sort != run.sort:
                waiting.append(_Waiting(run))
            waiting[-1].add(run)
            count += len(run.values)
        if count >= FLUSH:
            await _reduce(waiting, source, functions, place)
            count = 0
            async for group in _finished(waiting[:-1], source, functions, place):
                yield group
            del waiting[:-1]
    await _reduce(waiting, source, functions, place)
    async for group in _finished(waiting, source, functions, place):
        yield group


async def _reduce(
    waiting: Sequence[_Waiting], source: str, functions: Functions, place: tuple[str, Design]
) -> None:
    """Turn rows that wait into results of parts."""
    jobs: list[tuple[Any, list[Any], bool]] = []
    owners: list[_Waiting] = []
    for group in waiting:
        for start in range(0, len(group.values), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            jobs.append((group.pairs[part], group.values[part], False))
            owners.append(group)
        group.pairs, group.values = [], []
    for owner, made in zip(owners, await functions.reduce(*place, source, jobs), strict=True):
        owner.made.append(made)
    await _shrink(waiting, source, functions, place, AT_ONCE)


async def _shrink(
    waiting: Sequence[_Waiting], source: str, functions: Functions, place: tuple[str, Design], most: int
) -> None:
    """Reduce results of parts again, until no group has more than `most` of them."""
    while long := [group for group in waiting if len(group.made) > most]:
        jobs = [(None, group.made[:AT_ONCE], True) for group in long]
        for group, made in zip(long, await functions.reduce(*place, source, jobs), strict=True):
            group.made[:AT_ONCE] = [made]


async def _finished(
    waiting: Sequence[_Waiting], source: str, functions: Functions, place: tuple[str, Design]
) -> AsyncIterator[Group]:
    """What is answered has been reduced again at least once, as in CouchDB."""
    await _shrink(waiting, source, functions, place, AT_ONCE)
    jobs = [(None, group.made, True) for group in waiting]
    for group, made in zip(waiting, await functions.reduce(*place, source, jobs), strict=True):
        yield Group(group.key, made)
