"""A registry killed at random moments of many publishes: nothing acknowledged is lost, nothing half is seen.

`COUCHREG_CRASH_ROUNDS=20` runs so many rounds of 200 publishes; without it there are a few of 30.
"""

import os
import random
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from couchreg.app import build
from couchreg.client import Credentials, Folder, publish
from couchreg.config import load
from tests.crash.story import Story, faults, get_json, make_package, visible
from tests.processes import ADMIN, Server, running

pytestmark = pytest.mark.long

ASKED = os.environ.get("COUCHREG_CRASH_ROUNDS")
ROUNDS, PUBLISHES = (int(ASKED), 200) if ASKED else (3, 30)
PROMISES = 6
FINISHING = 300  # seconds for checks that a crash has interrupted
CATCHING_UP = 60  # seconds for the search index after a restart


@pytest.mark.timeout(600 + 60 * ROUNDS)
def test_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    seed = int(os.environ.get("COUCHREG_TEST_SEED", random.randrange(1 << 32)))
    print(f"COUCHREG_TEST_SEED={seed}")
    chance, story = random.Random(seed), Story()
    for number in range(ROUNDS):
        packages = tmp_path / f"round-{number}"
        numbers = range(number * PUBLISHES, (number + 1) * PUBLISHES)
        folders = [Folder.read(make_package(packages, n, chance)) for n in numbers]
        kill_while_publishing(tmp_path / "data", story, folders, chance)
        with running(tmp_path / "data") as server:
            check(server, story)
    assert story.acknowledged


def kill_while_publishing(data: Path, story: Story, folders: list[Folder], chance: random.Random) -> None:
    """Publish, and kill the server when a random number is acknowledged and a random moment has passed."""
    with running(data) as server:
        reached = story.publish(server, folders, chance.randrange(1, len(folders)))
        reached.wait()
        time.sleep(chance.uniform(0, 0.05))  # the moment of the crash: anywhere between two acknowledgements
        server.kill()
        story.join()


def check(server: Server, story: Story) -> None:
    seen = visible(server)
    assert story.acknowledged <= seen
    assert seen <= story.told.keys()
    assert [fault for key in seen for fault in faults(server, key, story.told[key])] == []
    await_search(server, seen)
    for key in story.told.keys() - story.acknowledged:  # one that was cut off can be published again
        publish(server.registry_url, story.told[key].files[0].source, credentials=Credentials(*server.admin))
        story.acknowledged.add(key)


def await_search(server: Server, seen: set[str]) -> None:
    """The index finds each package by the word that only the latest of its versions has."""
    latest: dict[str, int] = {}
    for key in seen:
        name, version = key.split("@")
        latest[name] = max(latest.get(name, 0), int(version.rpartition(".")[2]))
    deadline = time.monotonic() + CATCHING_UP
    for name, number in latest.items():
        while not found(server, name, number):
            assert time.monotonic() < deadline, f"search does not find {name}@1.0.{number}"


def found(server: Server, name: str, number: int) -> bool:
    keys = quote(f'["unusual{number}"]')
    return any(hit["name"] == name for hit in get_json(server, f"/search?keys={keys}")["hits"])


def test_nothing_that_is_being_checked_is_forgotten(tmp_path: Path) -> None:
    """What was answered with 202 is published after the restart, without anybody's help."""
    seed = int(os.environ.get("COUCHREG_TEST_SEED", random.randrange(1 << 32)))
    print(f"COUCHREG_TEST_SEED={seed}")
    chance, story = random.Random(seed), Story(wait=False)
    for number in range(ROUNDS if ASKED else 1):
        packages = tmp_path / f"round-{number}"
        numbers = range(number * PROMISES, (number + 1) * PROMISES)
        folders = [Folder.read(make_package(packages, n, chance)) for n in numbers]
        kill_while_publishing(tmp_path / "data", story, folders, chance)
        with running(tmp_path / "data") as server:
            deadline = time.monotonic() + FINISHING
            while not story.acknowledged <= (seen := visible(server)):
                assert time.monotonic() < deadline, story.acknowledged - seen
                time.sleep(0.2)
            assert [fault for key in seen for fault in faults(server, key, story.told[key])] == []
            under_way = get_json(server, "/-/publishing", server.admin)["publishing"]
            assert [row for row in under_way if row["state"] in ("refused", "failed")] == []
    assert story.acknowledged


async def test_the_databases_are_sound_after_a_kill(tmp_path: Path) -> None:
    chance, story, data = random.Random(7), Story(), tmp_path / "data"
    folders = [Folder.read(make_package(tmp_path / "packages", n, chance)) for n in range(20)]
    kill_while_publishing(data, story, folders, chance)
    settings = load({"port": 0, "couch_port": 0, "data_dir": data, "admin": ":".join(ADMIN)}, environ={})
    app = build(settings)
    await app.start()
    try:
        assert {name: await (await app.store.open(name)).check() for name in await app.store.names()} == {
            name: [] for name in await app.store.names()
        }
    finally:
        await app.stop()
