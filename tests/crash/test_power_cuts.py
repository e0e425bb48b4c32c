"""Power cuts at many moments of one run, in three models of a file system.

`COUCHREG_CRASH_ROUNDS=300` looks at so many cuts; without it there are a few.
"""

import asyncio
import os
import random
import shutil
from pathlib import Path

import aiohttp
import pytest

from tests.crash import powercut, verifying
from tests.crash.faults import Faults, missing
from tests.crash.ledger import Ledger
from tests.crash.powercut import Disk, Model
from tests.crash.writers import LOGIN, Writers
from tests.processes import Server, running

pytestmark = [pytest.mark.long, pytest.mark.skipif(missing() is not None, reason=str(missing()))]

ROUNDS = int(os.environ.get("COUCHREG_CRASH_ROUNDS", "6"))
CUTS = 60  # of one run


def seeded() -> random.Random:
    seed = int(os.environ.get("COUCHREG_TEST_SEED", random.randrange(1 << 32)))
    print(f"COUCHREG_TEST_SEED={seed}")
    return random.Random(seed)


async def start_writing(
    server: Server, faults: Faults, folder: Path, prefix: str, chance: random.Random
) -> Ledger:
    """Write on both doors for a while, from an empty server on; then kill it."""
    ledger = Ledger(lambda: faults.position)
    await make_database(server)
    writers = Writers((server.registry_url, server.couch_url), ledger, folder, prefix, chance)
    await writers.run(3)
    server.kill()
    print(f"{ledger.acknowledged} acknowledged, {faults.syncs} fsyncs, answers {writers.statuses}")
    assert writers.silent == []
    return ledger


async def make_database(server: Server) -> None:
    async with aiohttp.ClientSession(headers=LOGIN) as http, http.put(f"{server.couch_url}/docs") as response:
        assert response.status in (201, 412), await response.text()


def moments(ledger: Ledger, record: Path, count: int, chance: random.Random) -> list[int]:
    """Where to cut: right after acknowledgements, and anywhere."""
    acknowledged, ends = ledger.acknowledgements(), [event.end for event in powercut.events(record)]
    return [chance.choice(acknowledged if number % 2 else ends) for number in range(count)]


@pytest.mark.timeout(600 + 60 * ROUNDS)
async def test_nothing_acknowledged_is_lost_by_a_power_cut(tmp_path: Path) -> None:
    chance, found = seeded(), list[str]()
    for number, first in enumerate(range(0, ROUNDS, CUTS)):
        folder = tmp_path / f"run{number}"
        found += await cut_run(folder, number, min(ROUNDS - first, CUTS), chance)
        shutil.rmtree(folder)
    assert found == []


async def cut_run(folder: Path, number: int, cuts: int, chance: random.Random) -> list[str]:
    """What is wrong after power cuts of one run of a server that begins with nothing."""
    data = folder / "data"
    found = []
    with Faults(folder / "faults", data) as faults:
        with running(data, "--validation", "off", env=faults.environment()) as server:
            ledger = await start_writing(server, faults, folder, f"r{number}", chance)
        for cut, moment in enumerate(moments(ledger, faults.record, cuts, chance)):
            model = list(Model)[cut % 3]
            left = folder / f"cut{cut}"
            disk = Disk(folder / "nothing", data)
            disk.after_cut(model, list(powercut.events(faults.record, moment)), chance, left)
            wrong = await verifying.faults(left, ledger, moment)
            found += [f"{model} cut at {moment}: {sentence}" for sentence in wrong]
            print("\n".join(found[-len(wrong) :] if wrong else ["."]))
            shutil.rmtree(left)
    return found


async def test_the_record_holds_every_change(tmp_path: Path) -> None:
    """Without a power cut, the disk computed from the record is the disk there is."""
    chance, data = seeded(), tmp_path / "data"
    with Faults(tmp_path / "faults", data) as faults:
        with running(data, "--validation", "off", env=faults.environment()) as server:
            await start_writing(server, faults, tmp_path, "r", chance)
        disk = Disk(tmp_path / "nothing", data)
        disk.replay(powercut.events(faults.record))
    disk.write(tmp_path / "replayed")
    assert await asyncio.to_thread(contents, tmp_path / "replayed") == await asyncio.to_thread(contents, data)


def contents(root: Path) -> dict[str, bytes | None]:
    """Every file and folder; neither the index of SQLite's log, which is shared memory, nor the search index,
    which a child writes, whose calls are not recorded, and which may be gone at any start."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes() if path.is_file() else None
        for path in root.rglob("*")
        if not path.name.endswith("-shm") and path.relative_to(root).parts[0] != "search"
    }
