"""A disk that fails, fills up or is slow for a while, below a server with writers on both doors.

Every request ends; when the disk is well again, so is the server, without a restart and after one; what was
acknowledged is there. `COUCHREG_CRASH_ROUNDS=300` goes through so many spells; without it there are a few.
"""

import asyncio
import errno
import os
import random
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.crash import verifying
from tests.crash.faults import CHANGES, Calls, Faults, missing
from tests.crash.ledger import Ledger
from tests.crash.test_power_cuts import make_database, seeded
from tests.crash.writers import NoAnswer, Told, Unclear, Writers
from tests.processes import Server, running

pytestmark = [pytest.mark.long, pytest.mark.skipif(missing() is not None, reason=str(missing()))]

ROUNDS = int(os.environ.get("COUCHREG_CRASH_ROUNDS", "3"))
LIVES = 10  # rounds of one data directory
RECOVERY = 60  # seconds: followers try again after 30 at the latest

ALL = ("", "/databases", "/datastore", "/spool", "/search", "server.sqlite", "-wal", "registry@")
PLACES = {  # what a spell may be about, and where such calls are made
    Calls.SYNC: ALL,
    Calls.WRITE: ALL,
    Calls.WRITE | Calls.SYNC | Calls.TRUNCATE: ALL,
    Calls.OPEN: ALL,
    Calls.OPEN | CHANGES: ALL,
    Calls.RENAME: ("", "/databases", "/search"),
    Calls.LINK: ("", "/datastore"),
    Calls.UNLINK: ("", "/databases", "/datastore", "/spool", "/search"),
    Calls.MKDIR: ("", "/datastore"),
}


class Spell(NamedTuple):
    """Bad weather. `error` 0: only slow."""

    calls: Calls
    error: int
    match: str
    permille: int
    delay: int
    skip: int

    @classmethod
    def of(cls, chance: random.Random) -> "Spell":
        calls = chance.choice(list(PLACES))
        error = errno.EMFILE if calls is Calls.OPEN else chance.choice((errno.EIO, errno.ENOSPC))
        if chance.random() < 0.15:
            return cls(Calls.SYNC, 0, "", 1000, chance.choice((20, 100, 300)), 0)
        permille, delay = chance.choice((30, 200, 1000)), chance.choice((0, 0, 50))
        return cls(calls, error, chance.choice(PLACES[calls]), permille, delay, chance.choice((0, 0, 1, 5)))

    def begin(self, faults: Faults) -> None:
        faults.rule(
            0,
            self.calls,
            self.error,
            **{key: self._asdict()[key] for key in ("match", "skip")},
            permille=self.permille,
            delay=self.delay,
        )

    def __str__(self) -> str:
        what = errno.errorcode.get(self.error, "slow")
        how = f"{self.permille}/1000, {self.delay} ms, after {self.skip}"
        return f"{what} at {self.calls!r} of {self.match!r}, {how}"


@pytest.mark.timeout(600 + 60 * ROUNDS)
async def test_a_failing_disk_loses_nothing_and_stops_nothing(tmp_path: Path) -> None:
    chance, found = seeded(), []
    for number in range(ROUNDS):
        folder = tmp_path / f"life{number // LIVES}"
        if number % LIVES == 0:
            life = Life(folder, chance)
        found += await life.round(number)
        if number % LIVES == LIVES - 1:
            shutil.rmtree(folder)
    assert found == []


class Life:
    """One data directory and its rounds."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._chance = chance
        self._ledger = Ledger(lambda: 0)  # only the order counts: nothing is cut off
        folder.mkdir()

    async def round(self, number: int) -> list[str]:
        spell, found = Spell.of(self._chance), list[str]()
        with Faults(self._folder / f"faults{number}", self._data) as faults:
            with running(self._data, "--validation", "off", env=faults.environment()) as server:
                writers = Writers(
                    (server.registry_url, server.couch_url),
                    self._ledger,
                    self._folder,
                    f"r{number}",
                    self._chance,
                )
                found += await self._weather(server, faults, writers, spell)
                if self._chance.random() < 0.7:
                    server.kill()
            hits = faults.hits()
        shutil.rmtree(self._folder / f"faults{number}")
        found += await verifying.faults(self._data, self._ledger, 0)
        found = [f"after {number} ({spell}; {hits} hits): {sentence}" for sentence in found]
        print("\n".join(found or [f"{number}: {spell}; {hits} hits; answers {writers.statuses}"]))
        return found

    async def _weather(self, server: Server, faults: Faults, writers: Writers, spell: Spell) -> list[str]:
        await make_database(server)
        writing = asyncio.create_task(writers.run(1.8))
        await asyncio.sleep(0.4)
        spell.begin(faults)
        await asyncio.sleep(1)
        faults.clear()
        await writing
        return [*[f"no answer to {request}" for request in writers.silent], *await recovered(writers)]


async def recovered(writers: Writers) -> list[str]:
    """What is still wrong when everything has had time to be well again."""
    deadline = asyncio.get_running_loop().time() + RECOVERY
    while True:
        try:
            await writers.once()
            return []
        except (Unclear, Told, NoAnswer) as error:
            if asyncio.get_running_loop().time() > deadline:
                return [f"not well again: {error!r}"]
            await asyncio.sleep(0.2)
