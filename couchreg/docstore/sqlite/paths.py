"""The names of database files: `<name>@<incarnation>.db`, so that a name is never used twice.

A database's name becomes a file name of the same length (`/` turns into `.`), because CouchDB allows
names as long as a file name may be; other characters that a file system might mind are percent-encoded.
"""

import re
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

from couchreg.durable import sync
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


def place(directory: Path, name: str, incarnation: str) -> DatabaseFile:
    """Raises IllegalDatabaseName."""
    return DatabaseFile(name, incarnation, directory / file_name(name, incarnation))


def parse(path: Path) -> DatabaseFile | None:
    """The database of a file name, None for any other file."""
    match = _FILE.fullmatch(path.name)
    if match is None:
        return None
    return DatabaseFile(unquote(match["name"].replace(".", "/")), match["incarnation"], path)


def companions(path: Path) -> list[Path]:
    """The files that SQLite may keep beside a database."""
    return [path.with_name(path.name + end) for end in ("-wal", "-shm", "-journal")]


def half(file: DatabaseFile) -> Path:
    """Where a new file lies until it is known to be the database."""
    return file.path.with_name(f".new-{file.incarnation}{SUFFIX}")


def complete(file: DatabaseFile) -> None:
    """Give a file its name, unless it has it: a crash or a failing disk may have come in between."""
    if not file.path.exists() and half(file).exists():
        half(file).rename(file.path)


def remove(directory: Path, files: list[DatabaseFile]) -> None:
    """Remove databases for good: on return no power cut brings them back."""
    for file in files:
        for path in (file.path, half(file), *companions(file.path)):
            path.unlink(missing_ok=True)
    if files:
        sync(directory)


def sweep(directory: Path) -> None:
    """Remove what a crash left: new files that never became a database, logs without a database."""
    present = {entry.name for entry in directory.iterdir()}
    for name in present:
        main = re.sub(r"-(?:wal|shm|journal)\Z", "", name)
        if name.startswith((".new-", ".gone-")) or (main != name and main not in present):
            (directory / name).unlink(missing_ok=True)
