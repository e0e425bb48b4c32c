"""What is wrong with a data directory: which file, why, and what to do about it. Nothing is changed.

Blocking, file by file, so that one that cannot be read says nothing of the others.
"""

import fcntl
import json
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path

from couchreg.app import findings, migrations
from couchreg.app.disks import MIB
from couchreg.app.findings import WARNING, WRONG, Finding
from couchreg.config import FILE_NAME, CannotStart
from couchreg.datadir import LOCK_NAME
from couchreg.docstore.maintenance.ownership import NOTE
from couchreg.docstore.sqlite import copying, paths
from couchreg.os_errors import sentence
from couchreg.package.layout import OWNER, RECORDS

SERVER = "server.sqlite"
BACKUP = "Put it back from a backup (couchreg restore)"
LOST = (
    f"It is missing, with the server's settings and administrators. {BACKUP}. If it is lost for good: "
    "couchreg rebuild makes a new one beside the databases, which stay, and the next start makes an "
    "administrator."
)
REMEDIES = {  # of files that are databases, by their names
    SERVER: (
        f"{BACKUP}; it holds the server's settings and administrators. If there is no backup: couchreg "
        "rebuild keeps it aside and makes a new one, and the next start makes an administrator."
    ),
    "downloads.sqlite": "Stop the server and move it away: the counts of downloads begin anew.",
    "contents.sqlite": "Stop the server and delete it: it is made again.",
    "tables.sqlite": "Stop the server and delete it: it is made again, and the tables with it.",
}
REGISTRY = "Stop the server and run couchreg rebuild: it is made again from the datastore."
MINE = f"{BACKUP}, or stop the server and move it away: then it is made anew, and empty."
DERIVED = {  # the same of those that lie in folders
    "search*/**/*.sqlite": "Stop the server and delete its folder: the index is made again.",
    "views/**/*.view": "Stop the server and delete it: the view is made again when somebody asks it.",
}
LEAST = 1024 * MIB  # bytes of room


def examine(data: Path) -> Iterator[Finding]:
    """Everything there is to say of a data directory; nothing of one in which all is well."""
    if not data.is_dir():
        yield Finding(WRONG, data, "It is no folder: name the data directory with --data-dir.")
        return
    refused = list(findings.access(data))
    yield from refused
    if any(finding.path == data for finding in refused):
        return
    closed = {finding.path for finding in refused if finding.kind == WRONG}
    yield from findings.readable_by_others(data)
    yield from _format(data)
    yield from _settings(data / FILE_NAME)
    yield from _databases(data, closed)
    yield from _derived(data, closed)
    yield from _secret(data / "upload-secret")
    yield from _logins(data / "logins.json")
    yield from _owner(data, closed)
    yield from findings.files(data / "datastore")
    yield from _left_over(data)
    yield from _room(data)


def is_running(data: Path) -> bool:
    """Whether a server holds this directory."""
    try:
        lock = os.open(data / LOCK_NAME, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _format(data: Path) -> Iterator[Finding]:
    try:
        found = migrations.read(data)
    except CannotStart as error:
        yield Finding(WRONG, data / migrations.NAME, error.reason)
        return
    if found is not None and found > migrations.FORMAT:
        reason = f"It says that a later couchreg has been here (format {found}): use that, or a later one."
        yield Finding(WRONG, data / migrations.NAME, reason)


def _settings(path: Path) -> Iterator[Finding]:
    try:
        tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return
    except OSError as error:
        yield Finding(WRONG, path, f"It cannot be read ({error.strerror}).")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        yield Finding(WRONG, path, f"It is not valid TOML ({error}): mend it, or move it away.")


def _databases(data: Path, closed: set[Path]) -> Iterator[Finding]:
    if not (data / SERVER).exists():
        yield Finding(WRONG, data / SERVER, LOST)
    for name, remedy in REMEDIES.items():
        yield from _database(data / name, remedy, closed)
    folder = data / "databases"
    if not folder.is_dir() or folder in closed:
        return
    missing = []
    if data / SERVER not in closed and (data / SERVER).exists():
        missing = copying.missing_files(data / SERVER, folder)
    for lost in missing:
        yield Finding(WRONG, lost.path, f"It is missing. {_remedy_of_missing(lost.name)}")
    names = {file.name for path in folder.iterdir() if (file := paths.parse(path)) is not None}
    names |= {lost.name for lost in missing}
    if "registry" not in names and any((data / "datastore" / RECORDS).glob("*")):
        yield Finding(WRONG, folder, f"The database of packages is missing. {_remedy_of_missing('registry')}")
    for path in sorted(folder.iterdir()):
        parsed = paths.parse(path)
        if parsed is not None:
            yield from _database(path, REGISTRY if parsed.name == "registry" else MINE, closed)


def _derived(data: Path, closed: set[Path]) -> Iterator[Finding]:
    """Databases that are made again, in folders of their own."""
    for pattern, remedy in DERIVED.items():
        for path in sorted(data.glob(pattern)):
            if not closed.intersection(path.parents):
                yield from _database(path, remedy, closed)


def _remedy_of_missing(name: str) -> str:
    if name == "registry":
        return f"Put it back. If it is lost: {REGISTRY[0].lower()}{REGISTRY[1:]}"
    return f"Put it back. If it is lost for good, start the server, and make or delete the database {name}."


def _database(path: Path, remedy: str, closed: set[Path]) -> Iterator[Finding]:
    if path in closed or not path.exists():
        return
    if not path.stat().st_size:
        yield Finding(WRONG, path, f"It is empty. {remedy}")
        return
    try:
        faults = copying.faults_of_file(path)
    except OSError as error:
        yield Finding(WRONG, path, f"It cannot be looked into: {sentence(error) or error}")
        return
    if faults:
        yield Finding(WRONG, path, f"It is damaged ({faults[0]}). {remedy}")


def _secret(path: Path) -> Iterator[Finding]:
    if path.exists() and path.stat().st_size < 32:
        yield Finding(WRONG, path, "It is damaged: remove it, and a new one will be created.")


def _logins(path: Path) -> Iterator[Finding]:
    """Those of the pages, which are in a file while no server runs."""
    try:
        found = json.loads(path.read_bytes())
    except (FileNotFoundError, PermissionError):
        return
    except ValueError:
        found = None
    if not isinstance(found, list | dict):
        reason = (
            "It is damaged. The next start removes it, and whoever was logged in at the pages logs in again."
        )
        yield Finding(WARNING, path, reason)


def _owner(data: Path, closed: set[Path]) -> Iterator[Finding]:
    """Whether the datastore is this server's."""
    note = data / "datastore" / OWNER
    if data / SERVER in closed or not note.exists() or not (data / SERVER).exists():
        return
    mine = copying.identity(data / SERVER)
    if mine is None:
        return  # told already
    try:
        told = json.loads(note.read_bytes())
    except PermissionError:
        return  # told already
    except (OSError, ValueError):
        told = None
    owner = told.get("registry") if isinstance(told, dict) else None
    if not isinstance(owner, str):
        yield Finding(WRONG, note, f"It is damaged. {NOTE}")
    elif owner != mine:
        reason = "The datastore belongs to another server: couchreg rebuild makes it this one's."
        yield Finding(WRONG, note, reason)


def _left_over(data: Path) -> Iterator[Finding]:
    if is_running(data):
        return
    for path in sorted((data / "databases").glob(".new-*")):
        yield Finding(WARNING, path, "A crash has left it: the next start removes it.")
    for path in sorted((data / "databases").glob("*.damaged*")):
        yield Finding(WARNING, path, "It was damaged and has been replaced: remove it when you miss nothing.")


def _room(data: Path) -> Iterator[Finding]:
    for folder in (data, data / "datastore"):
        if not folder.is_dir():
            continue
        told = os.statvfs(folder)
        free = told.f_bavail * told.f_frsize
        if free < LEAST:
            yield Finding(WARNING, folder, f"Its disk has {free // MIB} MiB left: make room.")
