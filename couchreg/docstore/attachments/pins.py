"""Which blobs are in use by writes under way, so that no sweep takes them.

A blob is put before the document that refers to it, and in between only a pin protects it. Pins
and removals of one key exclude each other: whoever wants to pin a key that is being removed waits,
and then puts it again. Lives in memory: after a crash the grace period of the sweep takes over.
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from couchreg.errors import Unavailable

LONGEST: Final = 30.0  # seconds for which one waits for a removal


@dataclass(slots=True)
class _Pin:
    holders: int = 0
    new: bool = False  # absent before the first holder came
    kept: bool = False  # some holder has written its document


class _Removal:
    """A blob that is about to go."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.waiting = 0

    async def gone(self) -> None:
        self.waiting += 1
        await self.over.wait()


class Pins:
    """The pins of one blob store."""

    def __init__(self) -> None:
        self._pins: dict[str, _Pin] = {}
        self._removals: dict[str, _Removal] = {}
        self._blocked: dict[str, _Removal] = {}  # those of them that another process does

    async def add(self, key: str) -> bool:
        """Hold `key`, to be released as often as added. True for the first of its holders, who
        alone can tell whether the key is new. Raises Unavailable where it is being removed for long."""
        while removal := self._removals.get(key):
            try:
                async with asyncio.timeout(LONGEST):
                    await removal.gone()
            except TimeoutError:
                raise Unavailable("What has these bytes is being removed: try again.") from None
        pin = self._pins.setdefault(key, _Pin())
        pin.holders += 1
        return pin.holders == 1

    # -- what another process removes, see `docstore.together.Hands`
    def block(self, keys: Collection[str]) -> Collection[str]:
        """Those that are held, or being removed here; of the others none can be held until `unblock`."""
        held = [key for key in keys if key in self._pins or key in self._removals]
        for key in set(keys).difference(held):
            self._removals[key] = self._blocked[key] = _Removal()
        return held

    def unblock(self) -> None:
        blocked, self._blocked = self._blocked, {}
        for key, removal in blocked.items():
            del self._removals[key]
            removal.over.set()

    def mark_new(self, key: str) -> None:
        """Note that nothing lay under a held key when its first holder came."""
        self._pins[key].new = True

    def release(self, keys: Collection[str], *, kept: bool) -> list[str]:
        """Let go; returns the keys that are new, and that nobody holds or has kept."""
        return [key for key in keys if self._released(key, kept)]

    def removes(self, key: str) -> bool:
        """Whether `key` is being removed."""
        return key in self._removals

    def waiting(self, key: str) -> int:
        """How many wait for a removal of `key` to end."""
        removal = self._removals.get(key)
        return removal.waiting if removal else 0

    def __contains__(self, key: str) -> bool:
        return key in self._pins

    @asynccontextmanager
    async def removing(self, key: str) -> AsyncIterator[bool]:
        """Within, nobody can pin `key`; False if somebody has, or is at the same already."""
        if key in self._pins or key in self._removals:
            yield False
            return
        removal = self._removals[key] = _Removal()
        try:
            yield True
        finally:
            del self._removals[key]
            removal.over.set()

    def _released(self, key: str, kept: bool) -> bool:
        pin = self._pins[key]
        pin.holders -= 1
        pin.kept = pin.kept or kept
        if pin.holders:
            return False
        del self._pins[key]
        return pin.new and not pin.kept
