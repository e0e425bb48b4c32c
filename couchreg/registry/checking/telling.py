"""The child's side of progress: how much of which table has been looked at, a few times a second.

Runs only in the child process of a worker.
"""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_EVERY = 0.25  # seconds

Tell = Callable[[bytes], None]


def silent(_: bytes) -> None:
    """Nobody listens."""


class Telling:
    """Adds up what is done of all tables of a package. `sizes` are the bytes of each one's files, None where
    they say nothing about how much there is to read."""

    def __init__(self, tell: Tell, sizes: Mapping[str, int | None]) -> None:
        self._tell = tell
        self._sizes = sizes
        known = [size for size in sizes.values() if size is not None]
        self._total = sum(known) if len(known) == len(sizes) else None
        self._rows = self._bytes = 0  # of tables that are done
        self._name = ""
        self._here = 0
        self._next = time.monotonic() + _EVERY

    def look(self, name: str, rows: int, opened: Any) -> None:
        """So many rows of this open table have been looked at."""
        if name != self._name:
            self._bytes += self._sizes.get(self._name) or 0
            self._rows += self._here
            self._name = name
        self._here = rows
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _EVERY
        told = {
            "resource": name,
            "rows": self._rows + rows,
            "bytes": self._bytes + _position(opened),
            "total": self._total,
        }
        self._tell(json.dumps(told).encode())


def sizes_of(folder: str, tables: Mapping[str, Mapping[str, Any]]) -> dict[str, int | None]:
    """The bytes of the files of each table."""
    return {name: _size(folder, members) for name, members in tables.items()}


def _size(folder: str, members: Mapping[str, Any]) -> int | None:
    path = members.get("path")
    paths = path if isinstance(path, list) else [path]
    names = [item for item in paths if isinstance(item, str)]
    if members.get("compression") or len(names) < len(paths):
        return None
    files = [Path(folder, name) for name in names]
    return sum(file.stat().st_size for file in files if file.is_file())


def _position(opened: Any) -> int:
    """How many bytes of an open table have been read, 0 where it does not say."""
    parser = getattr(opened, "_TableResource__parser", None)
    stream = getattr(getattr(parser, "loader", None), "byte_stream", None)
    try:
        return int(stream.tell()) if stream is not None else 0
    except (OSError, ValueError):
        return 0
