"""The names of database files: `<name>@<incarnation>.db`, so that a name is never used twice.

A database's name becomes a file name of the same length (`/` turns into `.`), because CouchDB allows
names as long as a file name may be; other characters that a file system might mind are percent-encoded.
"""

import os
import re
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

from couchreg.errors import IllegalDatabaseName

SUFFIX: Final = ".db"
_LONGEST: Final = 255 - len("@01234567.db-wal")
_FILE: Final = re.compile(r"(?P<name>.+)@(?P<incarnation>[0-9a-f]{8})\.db")
_SAFE: Final = "$()+,-_/"


class DatabaseFile(NamedTuple):
    name: str
    incarnation: str
    path: Path


def file_name(name: str, incarnation: str) -> str:
    """Raises IllegalDatabaseName where the name is too long for a file."""
    encoded = quote(name, safe=_SAFE).replace(".", "%2E").replace("/", ".")
    if len(encoded) > _LONGEST:
        raise IllegalDatabaseName(f"The database name is longer than {_LONGEST} characters.")
    return f"{encoded}@{incarnation}{SUFFIX}"


def parse(path: Path) -> DatabaseFile | None:
    """The database of a file name, None for any other file."""
    match = _FILE.fullmatch(path.name)
    if match is None:
        return None
    return DatabaseFile(unquote(match["name"].replace(".", "/")), match["incarnation"], path)


def companions(path: Path) -> list[Path]:
    """The files that SQLite may keep beside a database."""
    return [path.with_name(path.name + end) for end in ("-wal", "-shm", "-journal")]


def sync(directory: Path) -> None:
    """Make renames and removals in a directory durable."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sweep(directory: Path) -> None:
    """Remove what a crash left: half-made and half-removed databases, logs without a database."""
    present = {entry.name for entry in directory.iterdir()}
    for name in present:
        main = re.sub(r"-(?:wal|shm|journal)\Z", "", name)
        if name.startswith((".new-", ".gone-")) or (main != name and main not in present):
            (directory / name).unlink(missing_ok=True)
