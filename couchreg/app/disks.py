"""The disks that a server writes: how much room they have left, and a warning before it ends."""

import asyncio
import logging
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

log = logging.getLogger(__name__)

LOOK = 30.0  # seconds between two looks
REMIND = 3600.0  # seconds after which a warning is repeated
MIB = 1 << 20


class Room(NamedTuple):
    """Bytes of a disk: that we may still write, and in all."""

    free: int
    size: int


class Disks:
    """Looked at every half minute between `start` and `stop`. `least` are the bytes that shall be free."""

    def __init__(self, folders: Mapping[str, Path], least: int) -> None:
        self._folders = dict(folders)
        self.least = least
        self.rooms: dict[str, Room] = {}
        self._warned: dict[str, float] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self.look()
        self._task = asyncio.create_task(self._run(), name="disks")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def look(self) -> None:
        """Read anew how much room there is, and warn where it is little."""
        self.rooms = await asyncio.to_thread(self._read)
        for name in self.rooms:
            self._warn(name)

    def problem(self, name: str) -> str | None:
        """What is to be said of the room of a folder, for operators."""
        room = self.rooms.get(name)
        if room is None or room.free >= self.least:
            return None
        return (
            f"{self._folders[name]} has {room.free // MIB} MiB left: make room, or move it to a larger disk."
        )

    def _read(self) -> dict[str, Room]:
        found: dict[str, Room] = {}
        for name, folder in self._folders.items():
            with suppress(OSError):  # a disk that is away is what the stores tell of
                told = os.statvfs(folder)
                found[name] = Room(told.f_bavail * told.f_frsize, told.f_blocks * told.f_frsize)
        return found

    def _warn(self, name: str) -> None:
        problem, now = self.problem(name), time.monotonic()
        if problem is None:
            if self._warned.pop(name, None) is not None:
                log.info("%s has room again", self._folders[name])
        elif now - self._warned.get(name, -REMIND) >= REMIND:
            self._warned[name] = now
            log.warning("%s", problem)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            await self.look()
