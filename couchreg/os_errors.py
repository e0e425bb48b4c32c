"""What the operating system refuses, as a sentence for whoever runs couchreg: which file, why, what to do.

For people at this machine alone: it names paths, which no client is told.
"""

import errno
import os
import pwd
from pathlib import Path

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_OF_DISKS = FULL | {errno.EROFS, errno.EIO}  # which some calls tell without a path
_NOT_MINE = frozenset({errno.EACCES, errno.EPERM})
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR})


def sentence(error: OSError) -> str | None:
    """What happened and what to do about it; None where this is about no file, and so may be a mistake in
    the program or a matter of the network."""
    path = _path(error)
    if path is None:
        return f"{_why(error)}: {_general(error.errno)}" if error.errno in _OF_DISKS else None
    if error.errno in _NOT_MINE:
        there, owner = _nearest(path)
        if there != path and _is_for_others(there):
            return f"{path} cannot be used ({_why(error)}): {_made_for_me(path)}"
        return f"{there} cannot be used ({_why(error)}): {_owned_by(there, owner)}"
    if error.errno in FULL:
        return f"{path} cannot be written, since the disk is full: {_general(error.errno)}"
    return f"{path} cannot be used ({_why(error)}): {_remedy(error.errno)}"


def belongs(path: Path) -> str:
    """Whose a file is that this user may not use, and how that is changed: the end of a sentence."""
    there, owner = _nearest(path)
    return _made_for_me(path) if there != path and _is_for_others(there) else _owned_by(there, owner)


def _is_for_others(folder: Path) -> bool:
    """Whether a folder is the system's, or somebody's home: to take it over is no remedy."""
    return len(folder.absolute().parts) <= 2 or any(
        folder.absolute() == Path(one.pw_dir) for one in pwd.getpwall()
    )


def _made_for_me(path: Path) -> str:
    me = user(os.geteuid())
    return f"name another place, or have it made for {me}: sudo install -d -o {me} {path.absolute()}"


def _nearest(path: Path) -> tuple[Path, int]:
    """What is in the way of who may not use a path, and whose it is: the path itself, a folder before it, or
    the one in which names are made and removed."""
    there, owner = next(
        found for one in (path, *path.absolute().parents) if (found := _owned(one)) is not None
    )
    if there.is_file() and os.access(there, os.R_OK | os.W_OK):
        return _owned(there.parent) or (there, owner)
    return there, owner


def _owned_by(there: Path, uid: int) -> str:
    owner, me = user(uid), user(os.geteuid())
    if owner == me:
        return f"give yourself the right to write it: chmod -R u+rwX {there}"
    return f"it belongs to {owner} and this is {me}: start as {owner}, or sudo chown -R {me} {there}"


def user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _owned(path: Path) -> tuple[Path, int] | None:
    """The path and whose it is; None for one that is not there, or behind a folder that is closed."""
    try:
        return path, path.stat().st_uid
    except OSError:
        return None


def _path(error: OSError) -> Path | None:
    """What it is about. Of the two of a copy, a link or a new name, the one that is written, unless the other
    is the one that is not there."""
    names = [
        name for name in (error.filename2, error.filename) if isinstance(name, str | bytes | os.PathLike)
    ]
    if not names:
        return None
    paths = [Path(os.fsdecode(name)) for name in names]
    if error.errno in _ABSENT | _NOT_MINE and len(paths) == 2 and not os.access(paths[1], os.R_OK):
        return paths[1]
    return paths[0]


def _why(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _remedy(number: int | None) -> str:
    if number in _ABSENT:
        return "put it back, or name another place."
    return _general(number)


def _general(number: int | None) -> str:
    if number in FULL:
        return "make room on it, and do it again."
    if number == errno.EROFS:
        return "its disk is only read, so have it mounted to be written, or name another place."
    if number == errno.EIO:
        return "the disk fails, so look into the system's log, and put what is damaged back from a backup."
    if number in (errno.EMFILE, errno.ENFILE):
        return "let this user have more files open at once (ulimit -n), and do it again."
    return "mend it, or name another place, and do it again."
