"""What every blob store promises, in the words of `blobstore/base.py`."""

import asyncio
import hashlib
import os
import random
import time
from contextlib import aclosing
from pathlib import Path

import pytest

from couchreg.blobstore.base import BlobStore, Spooled
from couchreg.blobstore.directory.store import DirectoryBlobStore
from couchreg.blobstore.s3 import store as s3_store
from couchreg.errors import DigestMismatch, NotFound
from tests.blobstore.conftest import Put

BIG = random.Random(1).randbytes(700_000)


async def read(store: BlobStore, key: str, start: int = 0, length: int | None = None) -> bytes:
    chunks = [chunk async for chunk in store.open(key, start, length)]
    assert all(0 < len(chunk) <= 256 << 10 for chunk in chunks)
    return b"".join(chunks)


async def listed(store: BlobStore, prefix: str = "") -> list[str]:
    return sorted([blob.key async for blob in store.keys(prefix)])


@pytest.mark.parametrize("data", [b"", b"x", BIG], ids=["empty", "one", "big"])
async def test_what_is_put_can_be_read(store: BlobStore, put: Put, data: bytes) -> None:
    before = time.time()
    assert await put("gdp/2026/data/gdp.csv", data)
    assert await read(store, "gdp/2026/data/gdp.csv") == data
    info = await store.info("gdp/2026/data/gdp.csv")
    assert info is not None
    assert (info.key, info.length) == ("gdp/2026/data/gdp.csv", len(data))
    assert before - 60 < info.modified < time.time() + 60


async def test_the_same_bytes_may_be_put_again(store: BlobStore, put: Put) -> None:
    assert await put("a/b", BIG)
    assert await put("a/b", BIG)
    assert await read(store, "a/b") == BIG


@pytest.mark.parametrize("other", [b"", BIG[:-1], BIG[:-1] + b"?", BIG + b"?"])
async def test_a_key_is_never_overwritten(store: BlobStore, put: Put, other: bytes) -> None:
    assert await put("a/b", BIG)
    assert not await put("a/b", other)
    assert await read(store, "a/b") == BIG


async def test_of_many_puts_at_once_one_wins(store: BlobStore, put: Put) -> None:
    outcomes = await asyncio.gather(*[put("a/b/c", b"%d" % (number % 4)) for number in range(24)])
    winner = int(await read(store, "a/b/c"))
    assert outcomes == [number % 4 == winner for number in range(24)]


@pytest.mark.parametrize(
    ("start", "length"),
    [(0, 0), (0, 1), (699_999, None), (699_999, 5), (700_000, None), (800_000, 3), (1, 300_000)],
)
async def test_ranges(store: BlobStore, put: Put, start: int, length: int | None) -> None:
    await put("a/b", BIG)
    assert await read(store, "a/b", start, length) == BIG[start : None if length is None else start + length]


async def test_a_reader_may_leave_early_and_two_may_read_at_once(store: BlobStore, put: Put) -> None:
    await put("a/b", BIG)
    async with aclosing(store.open("a/b")) as first, aclosing(store.open("a/b", 1)) as second:
        assert BIG.startswith(await anext(first))
        assert BIG[1:].startswith(await anext(second))


async def test_absent_keys(store: BlobStore, put: Put) -> None:
    await put("a/b", b"x")
    for key in ("a", "a/c", "a/b/c", "b"):
        assert await store.info(key) is None
        assert store.local_path(key) is None
        await store.delete(key)
        with pytest.raises(NotFound):
            await anext(store.open(key))
    assert await read(store, "a/b") == b"x"


async def test_a_local_path_leads_to_the_bytes(store: BlobStore, put: Put) -> None:
    await put("a/b", BIG)
    path = store.local_path("a/b")
    if path is not None:  # stores elsewhere have none
        assert path.read_bytes() == BIG


NO_KEYS = [
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "../a",
    "a/../b",
    "a/./b",
    "a/..",
    "\0",
    "a\0b",
    "a\nb",
    "a\x7f",
    "a\\b",
    ".hidden",
    ".incoming/x",
    "a/" + "b" * 201,
    "\u00e9" * 101,
    "a/" * 450 + "b",
    "\ud800",
    "a\u202eb",
    " ",
    "a/ ",
]


async def test_keys_that_no_store_takes(store: BlobStore, put: Put) -> None:
    for key in NO_KEYS:
        assert not await put(key, b"x"), key
        assert await store.info(key) is None, key
        assert store.local_path(key) is None, key
        await store.delete(key)
        with pytest.raises(NotFound):
            await anext(store.open(key))
        assert await listed(store) == [], key


KEYS = [
    "a b",
    "A B",
    "\u00e9",
    "e\u0301",
    "emoji \U0001f600.csv",
    "a.b/c~d+e@f:g",
    "b" * 200,
    "x/.y",
    "%2e",
    "a..b",
]


async def test_unusual_keys_stay_apart(store: BlobStore, put: Put) -> None:
    taken = [key for key in KEYS if await put(key, key.encode())]
    assert "a b" in taken
    assert "%2e" in taken
    assert await listed(store) == sorted(taken)
    for key in taken:
        assert await read(store, key) == key.encode()


@pytest.mark.parametrize(
    ("first", "second"), [("a", "a/b"), ("a/b", "a"), ("a/b/c", "a/b"), ("a/b", "a/b/c/d")]
)
async def test_a_key_that_is_a_folder_of_another_is_stored_or_refused(
    store: BlobStore, put: Put, first: str, second: str
) -> None:
    assert await put(first, b"first")
    stored = await put(second, b"second")
    assert await read(store, first) == b"first"
    assert await listed(store) == sorted([first, second] if stored else [first])
    if stored:
        assert await read(store, second) == b"second"


async def test_listing_by_prefix(store: BlobStore, put: Put) -> None:
    keys = ["gdp/2025/a", "gdp/2026/a", "gdp/2026/data/b", "gdp/20260/c", "gdpx/1/d", "_blobs/ab/abc"]
    for key in keys:
        await put(key, key.encode())
    assert await listed(store) == sorted(keys)
    for prefix in (
        "gdp",
        "gdp/",
        "gdp/2026",
        "gdp/2026/",
        "gdp/2026/d",
        "gdp/2026/a",
        "_",
        "zzz",
        "gdp/2026/a/",
    ):
        assert await listed(store, prefix) == sorted(key for key in keys if key.startswith(prefix))
    for prefix in ("..", "../", "/", "gdp/../gdp/", "a\0"):
        assert await listed(store, prefix) == []
    lengths = {blob.key: blob.length async for blob in store.keys("")}
    assert lengths == {key: len(key) for key in keys}


async def test_listing_more_than_a_page(store: BlobStore, put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_store, "PAGE", 100)
    keys = sorted(f"p/{number % 7}/{number}" for number in range(250))
    for start in range(0, len(keys), 50):
        await asyncio.gather(*[put(key, b"") for key in keys[start : start + 50]])
    assert await listed(store) == keys


async def test_deleted_keys_are_free_again(store: BlobStore, put: Put) -> None:
    await put("a/b/c", b"1")
    await put("a/d", b"2")
    await store.delete("a/b/c")
    assert await listed(store) == ["a/d"]
    assert await put("a/b", b"3")
    await store.delete("a/b")
    await store.delete("a/d")
    assert await put("a", b"4")
    assert await listed(store) == ["a"]


async def test_random_operations_agree_with_a_dictionary(store: BlobStore, put: Put) -> None:
    seed = int.from_bytes(os.urandom(4))
    print("seed", seed)
    chance = random.Random(seed)
    keys = ["a", "b", "c/d", "c/e", "f/g/h", "f/g/i", "f/j"]
    model: dict[str, bytes] = {}
    for _ in range(300 if isinstance(store, DirectoryBlobStore) else 80):  # requests, elsewhere
        key, data = chance.choice(keys), chance.choice([b"", b"one", b"two"])
        if chance.random() < 0.6:
            assert await put(key, data) == (model.setdefault(key, data) == data)
        else:
            await store.delete(key)
            model.pop(key, None)
        assert await listed(store) == sorted(model)
    for key, data in model.items():
        assert await read(store, key) == data


async def test_puts_and_deletes_in_one_folder_at_once(store: BlobStore, put: Put) -> None:
    """Deleting the last file of a folder may take the folder away from under a put."""

    async def come_and_go(number: int) -> None:
        for _ in range(15):
            assert await put(f"x/y/z/{number}", b"%d" % number)
            assert await read(store, f"x/y/z/{number}") == b"%d" % number
            await store.delete(f"x/y/z/{number}")

    await asyncio.gather(*[come_and_go(number) for number in range(6)])
    assert await listed(store) == []


LARGE = random.Random(2).randbytes((8 << 20) + 300_000)  # more than S3 is sent in one request


def described(data: bytes) -> Spooled:
    """Bytes that are known, and are in no file of ours."""
    md5, sha256 = hashlib.md5(data).digest(), hashlib.sha256(data).hexdigest()
    return Spooled(Path("/nowhere"), len(data), md5, sha256)


@pytest.mark.parametrize("data", [b"", b"x", BIG, LARGE], ids=["empty", "one", "big", "large"])
async def test_bytes_may_be_given_another_key(store: BlobStore, put: Put, data: bytes) -> None:
    await put("staged/0", data)
    for _ in range(2):
        assert await store.adopt("staged/0", "gdp/1/data/gdp.csv", described(data))
    assert await read(store, "staged/0") == data
    await store.delete("staged/0")
    assert await read(store, "gdp/1/data/gdp.csv") == data
    assert await listed(store) == ["gdp/1/data/gdp.csv"]


async def test_adopting_overwrites_nothing_and_needs_a_source(store: BlobStore, put: Put) -> None:
    await put("staged/0", BIG)
    await put("a/b", b"other")
    assert not await store.adopt("staged/0", "a/b", described(BIG))
    assert not await store.adopt("staged/0", "../a", described(BIG))
    assert await read(store, "a/b") == b"other"
    for source in ("staged/1", "staged", ".."):
        with pytest.raises(NotFound):
            await store.adopt(source, "a/c", described(BIG))
    with pytest.raises(DigestMismatch):
        await store.adopt("staged/0", "a/c", described(BIG[1:]))
    assert await listed(store) == ["a/b", "staged/0"]


async def test_what_the_store_has_under_another_key_is_put_from_there(store: BlobStore, put: Put) -> None:
    await put("staged/0", BIG)
    assert await store.put("a/b", described(BIG)._replace(kept="staged/0"))
    assert await read(store, "a/b") == BIG


@pytest.mark.parametrize("data", [b"", b"x", BIG[:5000]], ids=["empty", "one", "few"])
async def test_few_bytes_may_be_put_from_memory(store: BlobStore, tmp_path: Path, data: bytes) -> None:
    waiting = tmp_path / "waiting"
    waiting.mkdir()
    held = described(data)._replace(path=waiting / "0", data=data)
    keys = ["a/b/c", "a/b/d", "e"]
    assert await asyncio.gather(*[store.put(key, held) for key in keys * 2]) == [True] * 6
    assert [await read(store, key) for key in keys] == [data] * 3
    assert not await store.put("a/b/c", described(b"other")._replace(path=waiting / "1", data=b"other"))
    assert list(waiting.iterdir()) == []
