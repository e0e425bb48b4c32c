"""The cache of installed files: what comes out is what was kept, and it stays within its limit."""

import hashlib
import os
from pathlib import Path

import pytest

from couchreg.client.cache import Cache, CacheUsage, cache_folder
from couchreg.client.errors import UsageError

REGISTRY = "http://127.0.0.1:8000/"


def kept(cache: Cache, data: bytes, folder: Path, used: float | None = None) -> str:
    """Keep some bytes, used last at that moment; their SHA-256."""
    source, sha256 = folder / "source", hashlib.sha256(data).hexdigest()
    source.write_bytes(data)
    cache.keep(sha256, source)
    if used is not None:
        os.utime(place(cache, sha256), (used, used))
    return sha256


def place(cache: Cache, sha256: str) -> Path:
    return cache.folder / "files" / sha256[:2] / sha256


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache", 1000)


def test_bytes_come_back(cache: Cache, tmp_path: Path) -> None:
    sha256, target = kept(cache, b"data", tmp_path), tmp_path / "target"
    assert cache.fetch(sha256, target)
    assert target.read_bytes() == b"data"
    assert cache.use() == CacheUsage(1, 4)


def test_what_is_not_here_is_not_made_up(cache: Cache, tmp_path: Path) -> None:
    assert not cache.fetch("0" * 64, tmp_path / "target")
    assert not (tmp_path / "target").exists()
    assert cache.use() == CacheUsage(0, 0)


def test_damaged_bytes_are_removed_and_not_handed_out(cache: Cache, tmp_path: Path) -> None:
    sha256, target = kept(cache, b"data", tmp_path), tmp_path / "target"
    place(cache, sha256).write_bytes(b"dama")
    assert not cache.fetch(sha256, target)
    assert not target.exists()
    assert not place(cache, sha256).exists()


def test_what_was_not_used_for_longest_goes_first(cache: Cache, tmp_path: Path) -> None:
    old, middle, new = (kept(cache, bytes([n]) * 300, tmp_path, used=1000 + n) for n in range(3))
    assert cache.fetch(old, tmp_path / "target")  # which uses it
    assert cache.trim(700) == CacheUsage(1, 300)
    assert [place(cache, sha256).exists() for sha256 in (old, middle, new)] == [True, False, True]
    assert cache.trim() == CacheUsage(0, 0)
    assert cache.trim(0) == CacheUsage(2, 600)


def test_what_is_larger_than_the_whole_cache_is_not_kept(cache: Cache, tmp_path: Path) -> None:
    sha256 = kept(cache, bytes(1001), tmp_path)
    assert not place(cache, sha256).exists()


def test_unfinished_files_are_removed_a_day_later(cache: Cache, tmp_path: Path) -> None:
    kept(cache, b"data", tmp_path)
    abandoned, fresh = cache.folder / "files" / "a.tmp", cache.folder / "files" / "b.tmp"
    abandoned.touch()
    fresh.touch()
    os.utime(abandoned, (1000, 1000))
    cache.trim()
    assert (abandoned.exists(), fresh.exists()) == (False, True)


def test_a_cache_that_cannot_be_written_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = Cache(tmp_path / "file", 1000)
    kept(cache, b"data", tmp_path)
    cache.keep_descriptor(REGISTRY, {"name": "gdp", "version": "1"})
    assert cache.descriptors(REGISTRY, "gdp") == []


def test_descriptors_are_kept_by_registry_package_and_version(cache: Cache) -> None:
    for version in ("1", "2"):
        cache.keep_descriptor(REGISTRY, {"name": "gdp", "version": version})
    cache.keep_descriptor("http://b/", {"name": "gdp", "version": "3"})
    cache.keep_descriptor(REGISTRY, {"name": "../gdp", "version": "1"})
    cache.keep_descriptor(REGISTRY, {"name": "gdp", "version": "../1"})
    assert [found["version"] for found in cache.descriptors(REGISTRY, "gdp")] == ["1", "2"]
    assert cache.descriptors(REGISTRY, "../gdp") == []
    [damaged, _] = sorted(cache.folder.glob("packages/*/gdp/[12].json"))
    damaged.write_text("{")
    assert [found["version"] for found in cache.descriptors(REGISTRY, "gdp")] == ["2"]


def test_where_it_is_and_how_large_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUCHREG_CACHE", str(tmp_path / "here"))
    assert cache_folder() == tmp_path / "here"
    monkeypatch.setenv("COUCHREG_CACHE_LIMIT", "3")
    assert Cache().limit == 3 << 20
    monkeypatch.setenv("COUCHREG_CACHE_LIMIT", "much")
    with pytest.raises(UsageError, match="must be a number of MiB, not 'much'"):
        Cache()
