"""What the doctor finds: in the datastore, and of whom files are. Nothing is changed; blocking."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import Final, NamedTuple

from couchreg.blobstore.base import BlobInfo
from couchreg.blobstore.directory.listing import walk
from couchreg.config import FILE_NAME
from couchreg.datadir import OPEN, OURS
from couchreg.docstore.base import Attachment
from couchreg.docstore.maintenance import recorded
from couchreg.errors import Failure
from couchreg.os_errors import belongs, user
from couchreg.package.layout import DELETED, DELETED_RECORD, RECORDS

WRONG, WARNING = "wrong", "warning"
SHOWN: Final = 20  # of a kind: a disk that was lost has thousands
RECORD: Final = "Stop the server and run couchreg datastore check --repair: it is written again."
FILE: Final = "Put it back from a backup."


class Finding(NamedTuple):
    """`kind` is `wrong` or `warning`; `reason` ends in what to do."""

    kind: str
    path: Path
    reason: str


def some(found: Iterator[Finding], what: str) -> Iterator[Finding]:
    """The first of many, and that there are more; `what` says where, and what shows them."""
    rest: Finding | None = None
    yield from islice(found, SHOWN)
    rest = next(found, None)
    if rest is not None:
        yield rest._replace(reason=f"{rest.reason} This is not the last one{what}.")


# -- whose files are
def access(data: Path) -> Iterator[Finding]:
    """What this user cannot read and write. Root can do all that, so root is told of what the owner of the
    directory cannot."""
    if not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        yield Finding(WRONG, data, _refused(data))
        return
    owner = data.stat().st_uid if os.geteuid() == 0 else None
    yield from some(_access(data, owner, top=True), "")


def _access(folder: Path, owner: int | None, *, top: bool = False) -> Iterator[Finding]:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        path = Path(entry.path)
        if top and not entry.name.startswith(OURS):
            continue  # the settings as an administrator has put them there, `lost+found` of a disk
        try:
            found = path.stat()
        except FileNotFoundError:
            if entry.is_symlink():
                reason = "It is a link to nothing: remove it, or mount what it leads to."
                yield Finding(WARNING, path, reason)
            continue
        is_folder = path.is_dir()
        if not os.access(path, os.R_OK | os.W_OK | (os.X_OK if is_folder else 0)):
            yield Finding(WRONG, path, _refused(path))
        elif owner not in (None, found.st_uid) and _matters(path, folder, found.st_mode):
            names = user(found.st_uid), user(owner)
            reason = f"It belongs to {names[0]}, and the data directory to {names[1]}: "
            yield Finding(WRONG, path, f"{reason}sudo chown -R {names[1]} {path}")
        elif is_folder:
            yield from _access(path, owner)


def _matters(path: Path, folder: Path, mode: int) -> bool:
    """Of what is only read and linked, as published files are, the rights count and not the owner."""
    return path.is_dir() or folder.name not in OPEN or not mode & 0o004


def _refused(path: Path) -> str:
    remedy = belongs(path)
    return f"This user may not write it: {remedy}"


def readable_by_others(data: Path) -> Iterator[Finding]:
    for path in (data, *sorted(data.iterdir())):
        is_open = path.name in OPEN or path.name == FILE_NAME
        if path.exists() and path.stat().st_mode & 0o066 and not is_open:
            yield Finding(WARNING, path, f"Others may read it, and it holds secrets: chmod -R go= {path}")


# -- the datastore
def files(datastore: Path) -> Iterator[Finding]:
    """Records that are damaged, and files that records speak of and that are not there, or not as long."""
    return some(chain(_files(datastore), _deleted(datastore)), ": couchreg datastore check names all")


def _walked(datastore: Path, prefix: str) -> Iterator[BlobInfo]:
    """As far as one comes: a folder that is closed is told already."""
    with suppress(PermissionError):
        yield from walk(datastore, prefix)


def _deleted(datastore: Path) -> Iterator[Finding]:
    """What is kept of versions that were deleted."""
    for blob in _walked(datastore, DELETED):
        if blob.key.endswith("/" + DELETED_RECORD):
            path = datastore / blob.key
            try:
                json.loads(path.read_bytes())
            except ValueError:
                reason = "It is damaged, so a version that was deleted cannot be brought back. "
                yield Finding(WRONG, path, reason + FILE)
            except OSError:
                continue  # told already, or gone


def _files(datastore: Path) -> Iterator[Finding]:
    told: set[Path] = set()  # a file may be that of several versions
    for blob in _walked(datastore, RECORDS):
        path = datastore / blob.key
        try:
            data = path.read_bytes()
            edit = recorded.decode(data)
            if not recorded.is_sealed(data) and recorded.follows(edit) is False:
                raise Failure("It is not what its revision is the hash of.")
        except FileNotFoundError:
            continue  # replaced since it was listed
        except PermissionError:
            continue  # told already
        except Failure as error:
            yield Finding(WRONG, path, f"It is damaged ({error.reason.rstrip('.')}). {RECORD}")
            continue
        for att in edit.attachments:
            if isinstance(att, Attachment) and not edit.deleted and datastore / att.key not in told:
                for found in _file(datastore / att.key, att.stored_length):
                    told.add(found.path)
                    yield found


def _file(path: Path, length: int) -> Iterator[Finding]:
    try:
        found = path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        yield Finding(WRONG, path, f"It is missing. {FILE}")
        return
    except PermissionError:
        return  # told already
    if found != length:
        yield Finding(WRONG, path, f"It is damaged: it has {found} bytes instead of {length}. {FILE}")
