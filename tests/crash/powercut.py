"""What a disk holds after a power cut, computed from the record of the changes made to it.

Three models of a file system. Common to all: bytes are safe once an fsync of their file, begun after they
were written, has ended.

* `strict`: POSIX and no more. A name exists, or is gone, once the directory that holds it has been fsynced.
* `ordered`: a journal. Names change in order and none is lost that came before an fsync of anything;
  of a file's bytes that were not synced nothing is there, or all.
* `torn`: as `ordered`, and each unsynced write is there, not there, or partly so, in sectors.
"""

import os
import random
import struct
from collections.abc import Iterator
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import NamedTuple

HEAD = struct.Struct("=IIIIQQ")
SECTOR = 512


class Kind(IntEnum):
    CREATE = 1
    MKDIR = 2
    WRITE = 3
    TRUNCATE = 4
    SYNC_BEGIN = 5
    SYNC_END = 6
    RENAME = 7
    LINK = 8
    UNLINK = 9
    RMDIR = 10


NAMES = (Kind.CREATE, Kind.MKDIR, Kind.RENAME, Kind.LINK, Kind.UNLINK, Kind.RMDIR)


class Model(StrEnum):
    STRICT = "strict"
    ORDERED = "ordered"
    TORN = "torn"


class Event(NamedTuple):
    end: int  # the position in the record right behind it
    kind: Kind
    inode: int
    offset: int  # of a write; length of a truncation; of SYNC_END: where its beginning is
    first: str
    second: str
    data: bytes


def events(record: Path, until: int | None = None) -> Iterator[Event]:
    """What was recorded, up to a position."""
    data = memoryview(record.read_bytes())
    at = 0
    while at + HEAD.size <= (len(data) if until is None else min(until, len(data))):
        kind, first, second, length, inode, offset = HEAD.unpack_from(data, at)
        at += HEAD.size
        one = bytes(data[at : at + first]).decode()
        two = bytes(data[at + first : at + first + second]).decode()
        at += first + second
        yield Event(at + length, Kind(kind), inode, offset, one, two, bytes(data[at : at + length]))
        at += length


class _File:
    """`safe` is what a power cut leaves for certain; `unsynced` what was done since, in order."""

    def __init__(self, data: bytes = b"", *, safe: bool = False) -> None:
        self.now = bytearray(data)
        self.safe = bytes(data) if safe else b""
        self.unsynced: list[tuple[int, Kind, int, bytes]] = []  # position, what, where, data

    def change(self, event: Event) -> None:
        _apply(self.now, event.kind, event.offset, event.data)
        self.unsynced.append((event.end, event.kind, event.offset, event.data))

    def sync(self, began: int) -> None:
        safe = bytearray(self.safe)
        while self.unsynced and self.unsynced[0][0] <= began:
            _apply(safe, *self.unsynced.pop(0)[1:])
        self.safe = bytes(safe)

    def after(self, model: Model, chance: random.Random) -> bytes:
        if model is Model.STRICT:
            return self.safe
        if model is Model.ORDERED:
            return bytes(self.now) if chance.random() < 0.5 else self.safe
        data = bytearray(self.safe)
        for _, kind, offset, written in self.unsynced:
            fate = chance.random()
            if fate < 0.4:
                _apply(data, kind, offset, written)
            elif fate < 0.7 and kind is Kind.WRITE:
                _apply(data, kind, offset, _torn(offset, written, chance))
        return bytes(data)


def _torn(offset: int, data: bytes, chance: random.Random) -> bytes:
    """The first sectors of a write."""
    sectors = (offset % SECTOR + len(data)) // SECTOR
    return data[: max(0, chance.randrange(sectors + 1) * SECTOR - offset % SECTOR)]


def _apply(data: bytearray, kind: Kind, offset: int, written: bytes) -> None:
    if kind is Kind.TRUNCATE:
        del data[offset:]
    if len(data) < offset:
        data.extend(bytes(offset - len(data)))
    if written:
        data[offset : offset + len(written)] = written


class _Folder:
    def __init__(self) -> None:
        self.now: dict[str, _File | _Folder] = {}
        self.safe: dict[str, _File | _Folder] = {}
        self.unsynced: list[tuple[int, str, _File | _Folder | None]] = []

    def put(self, at: int, name: str, what: "_File | _Folder | None") -> None:
        if what is None:
            self.now.pop(name, None)
        else:
            self.now[name] = what
        self.unsynced.append((at, name, what))

    def sync(self, began: int) -> None:
        while self.unsynced and self.unsynced[0][0] <= began:
            _, name, what = self.unsynced.pop(0)
            if what is None:
                self.safe.pop(name, None)
            else:
                self.safe[name] = what


class Disk:
    """A directory as it was before the record began, and as it is after some of it."""

    def __init__(self, before: Path, root: Path) -> None:
        """`before` is a copy, made by `copy`, of what `root` (the path in the record) was then."""
        self._root = str(root)
        self._by_inode: dict[int, _File | _Folder] = {}
        numbers = dict(_numbers(before)) if before.exists() else {}
        self._tree = self._scan(before, "", numbers) if before.exists() else _Folder()

    def _scan(self, path: Path, key: str, numbers: dict[str, int]) -> _Folder:
        folder = _Folder()
        for entry in sorted(path.iterdir()):
            name = f"{key}/{entry.name}"
            if name == NUMBERS:
                continue
            child = (
                self._scan(entry, name, numbers) if entry.is_dir() else _File(entry.read_bytes(), safe=True)
            )
            folder.now[entry.name] = folder.safe[entry.name] = child
            self._by_inode[numbers[name]] = child
        self._by_inode[numbers[key]] = folder
        return folder

    def replay(self, recorded: Iterator[Event]) -> None:
        for event in recorded:
            self._do(event)

    def after_cut(self, model: Model, recorded: list[Event], chance: random.Random, target: Path) -> None:
        """Do what was recorded, and write to `target` what a power cut at its end leaves."""
        journal = len(recorded)
        if model is not Model.STRICT:  # names up to here: at least to the last fsync's beginning
            least = max((event.offset for event in recorded if event.kind is Kind.SYNC_END), default=0)
            first = sum(event.end <= least for event in recorded)
            journal = chance.randint(first, len(recorded))
        for number, event in enumerate(recorded):
            if number < journal or event.kind not in NAMES:
                self._do(event)
            elif event.kind in (Kind.CREATE, Kind.MKDIR):  # its number may have been another's before
                self._by_inode[event.inode] = _File() if event.kind is Kind.CREATE else _Folder()
        self._write(self._tree, target, model, chance)

    def write(self, target: Path) -> None:
        """As it is, without a power cut."""
        self._write(self._tree, target, None, random.Random())

    def _do(self, event: Event) -> None:
        if event.kind in NAMES:
            self._change_names(event)
            return
        found = self._by_inode.get(event.inode)
        if found is None:
            return  # the directory above ours
        if event.kind is Kind.SYNC_END:
            found.sync(event.offset)
        elif event.kind is not Kind.SYNC_BEGIN and isinstance(found, _File):
            found.change(event)

    def _change_names(self, event: Event) -> None:
        if event.kind in (Kind.CREATE, Kind.MKDIR):
            new = _File() if event.kind is Kind.CREATE else _Folder()
            self._by_inode[event.inode] = new
            self._put(event.end, event.first, new)
        elif event.kind in (Kind.UNLINK, Kind.RMDIR):
            self._put(event.end, event.first, None)
        else:
            what = self._find(event.first)
            if event.kind is Kind.RENAME:
                self._put(event.end, event.first, None)
            if what is not None:
                self._put(event.end, event.second, what)

    def _find(self, path: str) -> _File | _Folder | None:
        if path == self._root:
            return self._tree
        folder, name = self._place(path)
        return folder.now.get(name) if folder else None

    def _put(self, at: int, path: str, what: _File | _Folder | None) -> None:
        if path == self._root:
            if isinstance(what, _Folder):
                self._tree = what
            return
        folder, name = self._place(path)
        if folder is not None:
            folder.put(at, name, what)

    def _place(self, path: str) -> tuple[_Folder | None, str]:
        if not path.startswith(self._root + "/"):
            return None, ""
        *parents, name = path[len(self._root) + 1 :].split("/")
        folder = self._tree
        for part in parents:
            child = folder.now.get(part)
            if not isinstance(child, _Folder):
                return None, ""
            folder = child
        return folder, name

    def _write(self, folder: _Folder, target: Path, model: Model | None, chance: random.Random) -> None:
        target.mkdir(parents=True)
        for name, child in (folder.safe if model is Model.STRICT else folder.now).items():
            if isinstance(child, _Folder):
                self._write(child, target / name, model, chance)
            else:
                (target / name).write_bytes(bytes(child.now) if model is None else child.after(model, chance))


NUMBERS = "/.inodes"


def copy(root: Path, target: Path) -> None:
    """A copy that remembers the inode numbers of the original, for `Disk`."""
    target.mkdir(parents=True)
    lines = [f"{root.stat().st_ino} "]
    for folder, folders, files in os.walk(root):
        inside = Path(folder).relative_to(root)
        for name in folders:
            (target / inside / name).mkdir()
        for name in files:
            (target / inside / name).write_bytes((root / inside / name).read_bytes())
        names = (*folders, *files)
        lines += [f"{(Path(folder) / name).stat().st_ino} /{(inside / name).as_posix()}" for name in names]
    (target / NUMBERS[1:]).write_text("\n".join(lines))


def _numbers(copied: Path) -> Iterator[tuple[str, int]]:
    for line in (copied / NUMBERS[1:]).read_text().splitlines():
        number, _, path = line.partition(" ")
        yield path, int(number)
