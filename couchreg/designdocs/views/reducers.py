"""What reduces rows: functions built in here, and JavaScript in its context, many groups in one command."""

import functools
import hashlib
from collections.abc import Sequence
from typing import Any, Protocol

from couchreg.designdocs.functions import Design, Functions
from couchreg.designdocs.views.built_in import built_in
from couchreg.designdocs.views.reading import IndexRow
from couchreg.model import json

OVERFLOW = "reduce_overflow_error"  # in place of what a function made too much of
_BEGINS = b'{"%b":' % OVERFLOW.encode()
_REASON = 1000  # bytes, that such a thing has at most
ORDERED = ("_first", "_last")  # depend on the direction in which rows are read


class Reduces(Protocol):
    """States of groups: of rows, and of states in order. `digest` names the function in an index."""

    digest: bytes
    is_ordered: bool
    counts: bool  # the rows, and nothing else

    async def start(self, parts: Sequence[Sequence[IndexRow]]) -> list[Any]: ...

    async def join(self, parts: Sequence[Sequence[Any]]) -> list[Any]: ...

    async def finish(self, parts: Sequence[Sequence[Any]]) -> list[Any]:
        """What is answered, of one state or more for each group."""

    def dump(self, state: Any) -> bytes | None:
        """JSON text; None for what is not worth keeping."""

    def load(self, text: bytes) -> Any: ...


def reducer_of(source: str, functions: Functions, place: tuple[str, Design]) -> Reduces:
    """Raises BadRequest (invalid_design_doc) for the name of a function that is not built in."""
    return _Native(source) if source.startswith("_") else _JavaScript(source, functions, place)


def overflow_of(text: bytes) -> Any:
    """Why a function made too much, where the JSON of its value says so; else None."""
    if not text.startswith(_BEGINS) or len(text) > _REASON:
        return None
    found = json.decode(text)
    return found[OVERFLOW] if len(found) == 1 else None


def _digest(source: str) -> bytes:
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).digest()[:16]


class _Native:
    def __init__(self, name: str) -> None:
        self.digest = _digest(name)
        self.is_ordered = name.startswith(ORDERED)
        self.counts = name.startswith("_count")
        self._reducer = built_in(name)

    async def start(self, parts: Sequence[Sequence[IndexRow]]) -> list[Any]:
        return [self._reducer.start(*self._pairs(part)) for part in parts]

    def _pairs(self, part: Sequence[IndexRow]) -> tuple[Sequence[Any], Sequence[Any]]:
        """Keys and values, but for those that the function does not look at."""
        rows: Sequence[Any] = part
        keys = [json.decode_own(row.key) for row in part] if self._reducer.reads_keys else rows
        values = [json.decode_own(row.value) for row in part] if self._reducer.reads_values else rows
        return keys, values

    async def join(self, parts: Sequence[Sequence[Any]]) -> list[Any]:
        return [functools.reduce(self._reducer.join, part) for part in parts]

    async def finish(self, parts: Sequence[Sequence[Any]]) -> list[Any]:
        return [self._reducer.show(state) for state in await self.join(parts)]

    def dump(self, state: Any) -> bytes | None:
        return json.encode(self._reducer.dump(state))

    def load(self, text: bytes) -> Any:
        return self._reducer.load(json.decode(text))


class _JavaScript:
    """Its states are JSON text, of which nothing is read here."""

    is_ordered = False
    counts = False

    def __init__(self, source: str, functions: Functions, place: tuple[str, Design]) -> None:
        self.digest = _digest(source)
        self._source, self._functions, self._place = source, functions, place

    async def start(self, parts: Sequence[Sequence[IndexRow]]) -> list[Any]:
        jobs = []
        for part in parts:
            keys = b",".join([b"[%b,%b]" % (row.key, json.quote(row.id)) for row in part])
            jobs.append(b"[[%b],[%b],false]" % (keys, b",".join([row.value for row in part])))
        return list(await self._functions.reduce(*self._place, self._source, jobs))

    async def join(self, parts: Sequence[Sequence[Any]]) -> list[Any]:
        jobs = [b"[null,[%b],true]" % b",".join(map(bytes, part)) for part in parts]
        return list(await self._functions.reduce(*self._place, self._source, jobs))

    async def finish(self, parts: Sequence[Sequence[Any]]) -> list[Any]:
        return await self.join(parts)  # once at least, as in CouchDB

    def dump(self, state: Any) -> bytes | None:
        text = bytes(state)
        return None if overflow_of(text) is not None else text

    def load(self, text: bytes) -> Any:
        return json.Raw(text)
