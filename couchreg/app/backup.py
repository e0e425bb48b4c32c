"""Backups of a data directory, made while its server runs: documents by SQLite's backup, bytes by links.

A backup is a folder with `backup.json`, which names the state that counts and is written last; `states/…`,
what SQLite and small files hold; and `datastore/`, where every file of the datastore lies under its key. A
file that is there already is not copied again, and where both lie on one disk it is a link.

The order makes it whole: bytes, then documents, then the bytes that came meanwhile. What a document needs is
put before it, so it is there in one of the two rounds.
"""

import errno
import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from couchreg import __version__, durable
from couchreg.app.migrations import refuse_later
from couchreg.app.mirrored_files import Links
from couchreg.config import CannotStart
from couchreg.docstore.sqlite import copying

MANIFEST, STATES, BYTES = "backup.json", "states", "datastore"
LOCK = "backup.lock"
FORMAT, OLDEST = 2, 1  # of manifests: since 2 they say whose the backup is
DATABASES = ("server.sqlite", "downloads.sqlite")  # and those of `databases/`
SMALL = ("format", "upload-secret", "couchreg.toml")
_NO_LOCKS = frozenset({errno.ENOTSUP, errno.ENOLCK, errno.ENOSYS})
NO_BACKUP = "{0} is no backup: its manifest is not there, or cannot be read."
ROUNDS = 5  # in which databases may come and go while they are copied


@dataclass
class Done:
    """What a backup did. `bytes_at` is where the bytes are when they are not in it."""

    databases: int = 0
    copied: int = 0
    kept: int = 0
    removed: int = 0
    bytes_at: str | None = None


@dataclass
class Manifest:
    format: int
    couchreg: str
    made: str
    state: str
    bytes_at: str | None
    files: dict[str, str] = field(default_factory=dict)  # of the state: path -> SHA-256
    registry: str | None = None  # the identity of the server


def back_up(data: Path, target: Path, *, bytes_at: str | None) -> Done:
    """Make the backup in `target` one of now. `bytes_at` names the bucket of a server whose bytes are in one.

    Blocking. Raises CannotStart with a sentence for what cannot be used, Failure, and OSError.
    """
    data, target = data.resolve(), target.resolve()
    _check(data, target)
    durable.make_directory(target, mode=0o700)
    _close(target)
    with held(target, fcntl.LOCK_EX):
        return _back_up(data, target, bytes_at)


def _back_up(data: Path, target: Path, bytes_at: str | None) -> Done:
    with suppress(OSError, ValueError):  # what cannot be read is replaced
        written = (target / MANIFEST).read_bytes()
        json.loads(written)
        check_owner(manifest_of(written, str(target)), data, str(target))
    done = Done(bytes_at=bytes_at)
    links = Links(data / BYTES, target / BYTES)
    gone = list(links.gone()) if bytes_at is None else []
    if bytes_at is None:
        links.follow(done)
    state = _new_state()
    folder = target / STATES / state
    try:
        durable.make_directory(folder, mode=0o700)
        done.databases = copy_state(data, folder)
        if bytes_at is None:
            came = Done()  # what is there since the first round is counted already
            links.follow(came)
            done.copied += came.copied
        os.sync()
        new = _laid(target, manifest_of_now(data, bytes_at, dict(hashes(folder)), state))
    except BaseException:  # a disk that is full needs the room
        shutil.rmtree(folder, ignore_errors=True)
        raise
    new.rename(target / MANIFEST)  # from now on it counts
    durable.sync(target)
    _remove_others(target, state)
    done.removed = links.remove(gone)
    return done


@contextmanager
def held(target: Path, how: int) -> Iterator[None]:
    """Hold a backup, for oneself (LOCK_EX) or with others who read it (LOCK_SH), while it lasts. Raises
    CannotStart where somebody else does, and OSError for what cannot be written. Where no lock can be had, on
    media that are only read or file systems without any, there is none."""
    try:
        lock = os.open(target / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        if how == fcntl.LOCK_EX:
            raise
        yield
        return
    try:
        try:
            fcntl.flock(lock, how | fcntl.LOCK_NB)
        except BlockingIOError:
            doing = "being written" if how == fcntl.LOCK_SH else "in use"
            raise CannotStart(
                f"{target} is {doing} by another couchreg backup, verify or restore: wait until that is over."
            ) from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        yield
    finally:
        os.close(lock)


def read_manifest(target: Path) -> Manifest:
    """Raises CannotStart for a folder that is no backup, or of a couchreg to come, and OSError where this
    user may not read it."""
    try:
        return manifest_of((target / MANIFEST).read_bytes(), str(target))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CannotStart(NO_BACKUP.format(target)) from error


def manifest_of(data: bytes, where: str) -> Manifest:
    """Raises CannotStart."""
    try:
        value: dict[str, Any] = json.loads(data)
        if value.get("format") not in range(OLDEST, FORMAT + 1):
            raise CannotStart(
                f"{where} was made by couchreg {value.get('couchreg')}: use that, or a later one."
            )
        return Manifest(**value)
    except (ValueError, TypeError, AttributeError) as error:
        raise CannotStart(NO_BACKUP.format(where)) from error


def manifest_of_now(
    data: Path, bytes_at: str | None, files: dict[str, str], state: str | None = None
) -> Manifest:
    """Of the files of a state of `data` and their hashes. Blocking."""
    owner = copying.identity(data / DATABASES[0])
    return Manifest(FORMAT, __version__, _now(), state or _new_state(), bytes_at, files, owner)


def check_owner(manifest: Manifest, data: Path, where: str) -> None:
    """Raises CannotStart where another server's backup would become one of this, and its files would go."""
    if manifest.registry not in (None, copying.identity(data / DATABASES[0])):
        raise CannotStart(
            f"{where} is the backup of another registry than that in {data} (or of this one, before its "
            f"{DATABASES[0]} was made anew): choose another place, or name the other with --data-dir."
        )


def faults_of_state(target: Path, manifest: Manifest) -> list[str]:
    """What is wrong with the files of the state. Blocking."""
    folder = target / STATES / manifest.state
    found = dict(hashes(folder))
    absent = [f"{folder / name} is missing." for name in sorted(manifest.files.keys() - found.keys())]
    changed = [
        f"{folder / name} has other bytes than were written."
        for name, digest in manifest.files.items()
        if name in found and found[name] != digest
    ]
    return absent + changed


def lay_out(target: Path, manifest: Manifest, data: Path) -> None:
    """The state of a backup as a data directory, without its bytes; `server.sqlite`, without which it is
    none, last. Blocking."""
    folder = target / STATES / manifest.state
    names = sorted(manifest.files, key=lambda name: name == DATABASES[0])
    for name in names:
        place = data / name
        durable.make_directory(place.parent, mode=0o700)
        with durable.naming(place):
            shutil.copyfile(folder / name, place)
        place.chmod(0o600)
        durable.sync(place)
    durable.sync(data)


def restore(target: Path, data: Path) -> Done:
    """A backup as a new data directory. Blocking. Raises CannotStart where something is there or wrong."""
    read_manifest(target)  # no lock where there is no backup
    with held(target, fcntl.LOCK_SH):
        return _restore(target, data)


def _restore(target: Path, data: Path) -> Done:
    manifest = read_manifest(target)
    check_target(data)
    faults = faults_of_state(target, manifest)
    if faults:
        raise CannotStart(f"Nothing was restored. {' '.join(faults[:5])}")
    refuse_later(target / STATES / manifest.state)
    durable.make_directory(data, mode=0o700)
    done = Done(databases=len(manifest.files), bytes_at=manifest.bytes_at)
    if manifest.bytes_at is None:
        Links(target / BYTES, data / BYTES).follow(done)
    os.sync()
    lay_out(target, manifest, data)
    return done


def check_source(data: Path) -> None:
    """Raises CannotStart where no data directory is, or one of which this couchreg does not know all."""
    if not (data / DATABASES[0]).is_file():
        raise CannotStart(f"There is no couchreg in {data}: name its data directory with --data-dir.")
    refuse_later(data)


def check_target(data: Path) -> None:
    """Raises CannotStart where something is already."""
    if data.exists() and any(data.iterdir()):
        raise CannotStart(f"{data} is not empty: move it away first, or choose another with --data-dir.")


def _check(data: Path, target: Path) -> None:
    check_source(data)
    if data == target or data in target.parents or target in data.parents:
        raise CannotStart("A backup cannot lie in the data directory, nor that in the backup.")
    if target.exists() and not target.is_dir():
        raise CannotStart(f"{target} is no folder.")
    others = [path for path in target.iterdir() if path.name != LOCK] if target.exists() else []
    if others and not (target / STATES).exists():
        raise CannotStart(f"{target} holds something else: choose an empty folder, or an earlier backup.")


def _close(target: Path) -> None:
    """Take a folder that was there before from others: hashes of passwords will be in it, and bytes of
    packages that are not for everybody. Raises CannotStart where that cannot be done."""
    with suppress(PermissionError):  # said below, where it matters
        if target.stat().st_mode & 0o077:
            target.chmod(0o700)
    if target.stat().st_mode & 0o077:
        raise CannotStart(
            f"Others may read {target}, and a backup holds secrets: choose a folder of your own, or have the "
            "disk mounted so that others read nothing (umask=077)."
        )


def copy_state(data: Path, folder: Path) -> int:
    """How many databases; again where some came or went meanwhile, so that the list of them is theirs."""
    for _ in range(ROUNDS):
        before = _database_files(data)
        shutil.rmtree(folder)
        durable.make_directory(folder / "databases", mode=0o700)
        for name in (*before, *DATABASES):
            if (data / name).exists():
                copying.copy_file(data / name, folder / name)
        if _database_files(data) == before:
            break
    else:
        raise CannotStart("Databases are made and deleted faster than they can be copied: try again.")
    for name in SMALL:
        if (data / name).exists():
            durable.write_new(folder / name, (data / name).read_bytes())
    return len(before)


def _database_files(data: Path) -> list[str]:
    return sorted(f"databases/{path.name}" for path in (data / "databases").glob("[!.]*@*.db"))


def hashes(folder: Path) -> Iterable[tuple[str, str]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                yield str(path.relative_to(folder)), hashlib.file_digest(file, "sha256").hexdigest()


def _laid(target: Path, manifest: Manifest) -> Path:
    """A manifest beside the one that counts."""
    new = target / f"{MANIFEST}.new"
    new.unlink(missing_ok=True)
    durable.write_new(new, json.dumps(asdict(manifest), indent=1).encode() + b"\n")
    return new


def _remove_others(target: Path, state: str) -> None:
    for folder in (target / STATES).iterdir():
        if folder.name != state:
            shutil.rmtree(folder)


def _new_state() -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()) + f"-{os.urandom(3).hex()}"


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
