"""Which checkpoints of mirrors go when there are too many: of who has most, and of who never came back."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from couchreg.auth.guards.checkpoints import Checkpoints, sender_of
from couchreg.docstore.base import Database, Range
from couchreg.docstore.optional import listing_locals
from couchreg.docstore.sqlite import SqliteStore
from couchreg.model.addresses import provider
from couchreg.model.user import ANONYMOUS, User

MIRROR = sender_of(ANONYMOUS, "198.51.100.7")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    store = SqliteStore(tmp_path)
    yield await store.create("registry")
    await store.close()


async def kept(database: Database) -> set[str]:
    return {
        document.id.removeprefix("_local/")
        async for chunk in listing_locals(database).locals(Range(), bodies=False)
        for document in chunk
    }


async def write(checkpoints: Checkpoints, database: Database, name: str, sender: bytes) -> None:
    await checkpoints.write(database, f"_local/{name}", {"n": 1}, None, sender=sender)


def stranger(number: int) -> bytes:
    return sender_of(ANONYMOUS, f"10.{number % 3}.{number // 250}.{number % 250}")


async def test_many_addresses_push_out_each_other(database: Database) -> None:
    checkpoints = Checkpoints(most_of_one=10, most=60, fair=5)
    for name in ("mine", "mine too"):
        await write(checkpoints, database, name, MIRROR)
    for number in range(300):
        await write(checkpoints, database, f"x{number}", stranger(number))
    found = await kept(database)
    assert {"mine", "mine too"} <= found
    assert len(found) == 60


async def test_accounts_of_one_network_count_together(database: Database) -> None:
    checkpoints = Checkpoints(most_of_one=10, most=60, fair=5)
    await write(checkpoints, database, "mine", MIRROR)
    for number in range(300):
        await write(checkpoints, database, f"x{number}", sender_of(User(f"u{number}"), "10.0.0.1"))
    assert "mine" in await kept(database)


async def test_a_mirror_that_comes_back_stays_before_those_who_did_not(database: Database) -> None:
    checkpoints = Checkpoints(most_of_one=10, most=60, fair=5)
    for _ in range(2):
        await write(checkpoints, database, "mine", MIRROR)
    for number in range(300):
        await write(
            checkpoints, database, f"x{number}", sender_of(ANONYMOUS, f"{number % 200 + 1}.{number}.1.1")
        )
    assert "mine" in await kept(database)


async def test_one_sender_replaces_its_own(database: Database) -> None:
    checkpoints = Checkpoints(most_of_one=3, most=60)
    await write(checkpoints, database, "other", stranger(1))
    for name in "abcd":
        await write(checkpoints, database, name, MIRROR)
    assert await kept(database) == {"other", "b", "c", "d"}


async def test_what_was_there_before_a_start_is_of_different_senders(database: Database) -> None:
    before = Checkpoints()
    for number in range(20):
        await write(before, database, f"x{number}", stranger(number))
    after = Checkpoints(most_of_one=3, most=20)
    await write(after, database, "mine", MIRROR)
    assert len(await kept(database)) == 20


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.7", "198.51.0.0/16"),
        ("::ffff:198.51.100.7", "198.51.0.0/16"),
        ("2001:db8:1:2:3::4", "2001:db8::/32"),
        ("::1", "::/32"),
        ("somewhere", "somewhere"),
        ("", ""),
    ],
)
def test_large_networks(address: str, network: str) -> None:
    assert provider(address) == network
