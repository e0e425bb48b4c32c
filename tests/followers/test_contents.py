"""Which versions have a file of some bytes."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from couchreg.docstore.base import Attachment, Database
from couchreg.docstore.sqlite.store import SqliteStore
from couchreg.errors import StorageFailure
from couchreg.followers.contents import ContentsFollower
from couchreg.followers.contents_file import PLACES
from couchreg.followers.loop import FollowerLoop
from tests.followers.conftest import REGISTRY, package, put

HASH, OTHER = "ab" * 32, "cd" * 32


def file(name: str, sha256: str, encoding: str = "identity") -> Attachment:
    return Attachment(name, "text/csv", 0, b"m" * 16, 5, 5, encoding, sha256, f"_blobs/{sha256[:2]}/{sha256}")


@pytest.fixture
async def follower(
    tmp_path: Path, store: SqliteStore
) -> AsyncIterator[tuple[ContentsFollower, FollowerLoop]]:
    made = ContentsFollower(tmp_path / "contents.sqlite")
    loop = FollowerLoop(made, store, REGISTRY)
    loop.start()
    yield made, loop
    await loop.stop()


Following = tuple[ContentsFollower, FollowerLoop]


async def test_it_knows_the_versions_that_have_a_file(
    follower: Following, database: Callable[[], Database]
) -> None:
    contents, loop = follower
    found = database()
    await put(found, "gdp@1", package(), (file("a.csv", HASH), file("b.csv", OTHER)))
    await put(found, "gdp@2", package(), (file("a.csv", HASH), file("z.csv", OTHER, "gzip")))
    await put(found, "notes", {}, (file("a.csv", HASH),))  # is no version
    await loop.caught_up(await found.update_seq())
    known = await contents.holders([HASH, OTHER, "ef" * 32])
    assert sorted(known[HASH]) == ["gdp@1", "gdp@2"]
    assert known[OTHER] == ["gdp@1"]
    assert "ef" * 32 not in known


async def test_what_many_versions_have_takes_no_more_room(
    follower: Following, database: Callable[[], Database]
) -> None:
    contents, loop = follower
    found = database()
    for number in range(5 * PLACES):
        await put(found, f"gdp@{number}", package(), (file("a.csv", HASH),))
    await loop.caught_up(await found.update_seq())
    assert 0 < len((await contents.holders([HASH]))[HASH]) <= PLACES


async def test_a_damaged_file_is_gathered_anew(
    tmp_path: Path, store: SqliteStore, database: Callable[[], Database]
) -> None:
    found = database()
    await put(found, "gdp@1", package(), (file("a.csv", HASH),))
    (tmp_path / "contents.sqlite").write_bytes(b"no database" * 500)
    contents = ContentsFollower(tmp_path / "contents.sqlite")
    with pytest.raises(StorageFailure):
        await contents.holders([HASH])
    loop = FollowerLoop(contents, store, REGISTRY)
    loop.start()
    await loop.caught_up(await found.update_seq())
    assert (await contents.holders([HASH]))[HASH] == ["gdp@1"]
    await loop.stop()
