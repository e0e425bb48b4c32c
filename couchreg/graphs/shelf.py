"""Where the store lies: the one that is written, and copies of it that are read. Blocking.

RocksDB, which keeps the store, can be written by one process or read by many, and not both. So after each
change the files are put together once more under a new name: those that never change as links, the few
others copied. A copy has in it how far it is, and is whole or not there.
"""

import os
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Final

import msgspec

from couchreg.durable import make_directory, sync, write_new
from couchreg.followers.base import Checkpoint

VERSION: Final = 1  # of what triples are made; another one means that they are made anew
_STATE: Final = "couchreg.json"
_LEFT: Final = ("LOCK", "LOG", _STATE)


class ShelfState(msgspec.Struct, frozen=True):
    """How far a copy is. `complete`: it has been at the end of the changes once."""

    version: int
    base: str
    incarnation: str
    seq: str
    complete: bool

    @property
    def checkpoint(self) -> Checkpoint:
        return Checkpoint(self.incarnation, self.seq)


class GraphShelf:
    """The folder `directory`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.store = directory / "store"

    @property
    def exists(self) -> bool:
        return self.store.is_dir()

    @property
    def is_whole(self) -> bool:
        """Whether there is a store that was written before."""
        return (self.store / "CURRENT").is_file()

    def prepare(self) -> None:
        make_directory(self.store, mode=0o700)

    def newest(self) -> tuple[Path, ShelfState] | None:
        for path in reversed(self._copies()):
            try:
                return path, msgspec.json.decode((path / _STATE).read_bytes(), type=ShelfState)
            except (OSError, msgspec.DecodeError):
                continue
        return None

    def keep(self, state: ShelfState, used: Collection[Path]) -> Path:
        """A copy of the store as it is now, which nobody has open; other copies go, but for those in use."""
        before = self._copies()
        number = int(before[-1].name.partition("-")[2]) + 1 if before else 1
        new, made = self._directory / "new", self._directory / f"at-{number:012}"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        for file in self.store.iterdir():
            if not file.name.startswith(_LEFT):
                _take(file, new / file.name)
        write_new(new / _STATE, msgspec.json.encode(state))
        sync(new)
        new.rename(made)
        sync(self._directory)
        for path in before:
            if path not in used:
                shutil.rmtree(path, ignore_errors=True)
        return made

    def clear(self, used: Collection[Path]) -> None:
        for path in (self.store, self._directory / "new", *self._copies()):
            if path not in used:
                shutil.rmtree(path, ignore_errors=True)

    def _copies(self) -> list[Path]:
        return sorted(self._directory.glob("at-*"))


def _take(file: Path, place: Path) -> None:
    if file.suffix == ".sst":
        try:
            os.link(file, place)
        except OSError:  # a file system without links
            shutil.copyfile(file, place)
    else:
        shutil.copyfile(file, place)
