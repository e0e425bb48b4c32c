"""Landlock: the kernel lets this process use files below certain folders only. Needs no privileges.

From Linux 5.13 on; TCP is closed from 6.7 on, signals to processes outside from 6.12 on. It cannot be undone
and holds for root too.

Source: https://docs.kernel.org/userspace-api/landlock.html
"""

import ctypes
import os
import struct
import sys
from collections.abc import Sequence

from couchreg.sandbox.inside import privileges

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_VERSION = 1  # flag of _CREATE_RULESET
_PATH_BENEATH = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = (1 << bit for bit in range(4))
_READ = _EXECUTE | _READ_FILE | _READ_DIR  # libraries are mapped as executable
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | 1 << 14 | 1 << 15
# How many rights of files each ABI knows: it refuses those that it does not.
_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
_ALL_RIGHTS = 16  # from ABI 5 on
_NO_TCP = 3  # neither bind nor connect
_SCOPED = 3  # no abstract socket and no signal of processes outside


def version() -> int:
    """The ABI of this kernel; 0 where there is none."""
    return _call(_CREATE_RULESET, None, 0, _VERSION) if sys.platform == "linux" else 0


def enclose(read: Sequence[str], write: Sequence[str]) -> int:
    """Allow only these from now on: the ABI by which it holds, 0 where nothing was done.

    Paths that are not there are passed over. Raises OSError.
    """
    abi = version()
    if abi <= 0:
        return 0
    privileges.gain_none()
    rights = (1 << _RIGHTS.get(abi, _ALL_RIGHTS)) - 1
    attributes = struct.pack("=Q", rights)
    if abi >= 4:
        attributes += struct.pack("=Q", _NO_TCP)
    if abi >= 6:
        attributes += struct.pack("=Q", _SCOPED)
    ruleset = _checked(_CREATE_RULESET, attributes, len(attributes), 0)
    try:
        for path in read:
            _allow(ruleset, path, rights & _READ)
        for path in write:
            _allow(ruleset, path, rights & ~_EXECUTE)
        _checked(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return abi


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        found = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return
    try:
        if not os.path.isdir(path):
            rights &= _OF_FILES
        _checked(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, found), 0)
    finally:
        os.close(found)


def _checked(*arguments: int | bytes | None) -> int:
    result = _call(*arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), "landlock")
    return result


def _call(*arguments: int | bytes | None) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    values = [ctypes.c_long(item) if isinstance(item, int) else ctypes.c_char_p(item) for item in arguments]
    return int(libc.syscall(*values))
