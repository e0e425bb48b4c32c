"""Buckets of objects in files below a directory, for a server that may be killed at any moment.

An object is one file, its bytes with what is said of it behind them, and comes to its name by `rename`: whole
or not at all. What has a name there is there after the process was killed; nothing is synced, so the end of
the machine is another matter. Which keys there are is kept in memory, and read from the files at the start.
Everything that changes a bucket happens between two turns of the event loop, so of two one is first.
"""

import hashlib
import json
import os
import secrets
import shutil
import time
from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Final

CHUNK: Final = 256 << 10
_NUMBER: Final = 8  # bytes, of the length of what stands behind the object's bytes


@dataclass
class Kept:
    """What is known of an object; `headers` are given out with it."""

    key: str
    size: int
    etag: str  # without quotes
    modified: float
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Begun:
    """An upload in parts."""

    key: str
    initiated: float
    headers: dict[str, str] = field(default_factory=dict)


class Draft:
    """A file on its way; `keep` gives it a name, `drop` removes it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / secrets.token_hex(16)
        self.file: IO[bytes] = self.path.open("wb", buffering=0)
        self.size = 0
        self.md5 = hashlib.md5(usedforsecurity=False)
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes) -> None:
        self.file.write(data)
        self.size += len(data)
        self.md5.update(data)
        self.sha256.update(data)

    def keep(self, said: Kept, path: Path) -> None:
        tail = json.dumps(asdict(said)).encode()
        self.file.write(tail + len(tail).to_bytes(_NUMBER, "big"))
        self.file.close()
        self.path.rename(path)

    def drop(self) -> None:
        self.file.close()
        self.path.unlink(missing_ok=True)


def said_of(path: Path) -> Kept:
    with path.open("rb") as file:
        file.seek(-_NUMBER, os.SEEK_END)
        length = int.from_bytes(file.read(_NUMBER), "big")
        file.seek(-_NUMBER - length, os.SEEK_END)
        return Kept(**json.loads(file.read(length)))


def chunks_of(path: Path, start: int, end: int) -> Iterator[bytes]:
    """The bytes of an object from one place to another, also when it is removed meanwhile."""
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        while start < end:
            data = file.read(min(CHUNK, end - start))
            start += len(data)
            yield data


class Bucket:
    def __init__(self, root: Path) -> None:
        self._root = root
        self._objects, self._uploads, self._drafts = (root / n for n in ("objects", "uploads", "drafts"))
        shutil.rmtree(self._drafts, ignore_errors=True)  # of a life before
        for folder in (self._objects, self._uploads, self._drafts):
            folder.mkdir(parents=True, exist_ok=True)
        found = (said_of(path) for path in self._objects.iterdir())
        self.kept: dict[str, Kept] = {one.key: one for one in found}
        self.keys = sorted(self.kept, key=str.encode)

    def draft(self) -> Draft:
        return Draft(self._drafts)

    def path(self, key: str) -> Path:
        return self._objects / hashlib.sha256(key.encode()).hexdigest()

    def put(self, key: str, draft: Draft, etag: str, headers: dict[str, str]) -> Kept:
        said = Kept(key, draft.size, etag, time.time(), headers)
        draft.keep(said, self.path(key))
        if key not in self.kept:
            insort(self.keys, key, key=str.encode)
        self.kept[key] = said
        return said

    def delete(self, key: str) -> None:
        if self.kept.pop(key, None) is not None:
            self.path(key).unlink()
            self.keys.pop(bisect_left(self.keys, key.encode(), key=str.encode))

    def after(self, prefix: str, place: str) -> Iterator[str]:
        """Keys that begin with a prefix, in the order of their bytes, behind a place."""
        at = bisect_left(self.keys, max(prefix, place, key=str.encode).encode(), key=str.encode)
        while at < len(self.keys) and self.keys[at].startswith(prefix):
            if self.keys[at] != place:
                yield self.keys[at]
            at += 1

    def remove(self) -> None:
        shutil.rmtree(self._root)

    # -- uploads in parts
    def begin(self, key: str, headers: dict[str, str]) -> str:
        name = secrets.token_hex(16)
        folder = self._drafts / name
        folder.mkdir()
        (folder / "begun").write_text(json.dumps(asdict(Begun(key, time.time(), headers))))
        folder.rename(self._uploads / name)
        return name

    def begun(self, upload: str) -> Begun | None:
        """None where there is no such upload (any more)."""
        path = self._uploads / upload / "begun"
        if not upload.isalnum() or not path.exists():
            return None
        return Begun(**json.loads(path.read_text()))

    def uploads(self) -> Iterator[tuple[str, Begun]]:
        for name in sorted(os.listdir(self._uploads)):
            if (begun := self.begun(name)) is not None:
                yield name, begun

    def put_part(self, upload: str, number: int, draft: Draft, etag: str) -> Kept:
        said = Kept(str(number), draft.size, etag, time.time())
        draft.keep(said, self.part_path(upload, number))
        return said

    def part_path(self, upload: str, number: int) -> Path:
        return self._uploads / upload / str(number)

    def parts(self, upload: str) -> dict[int, Kept]:
        there = sorted(int(name) for name in os.listdir(self._uploads / upload) if name.isdecimal())
        return {number: said_of(self.part_path(upload, number)) for number in there}

    def end(self, upload: str) -> None:
        gone = self._drafts / upload
        (self._uploads / upload).rename(gone)
        shutil.rmtree(gone)


class Buckets:
    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)
        self.there = {path.name: Bucket(path) for path in root.iterdir()}

    def make(self, name: str) -> None:
        if name not in self.there:
            self.there[name] = Bucket(self._root / name)

    def remove(self, name: str) -> None:
        self.there.pop(name).remove()
