"""The list of files of a zip archive: which of them a package may take, and what is refused. Runs in threads.

Refused are encryption, links and devices, names that reach out of the folder, names that occur twice,
methods other than stored and deflated (the others cannot be undone in bounded memory), and
lists that are longer than any package's. Source: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT.
"""

import errno
import stat
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from couchreg.errors import BadRequest, TooLarge
from couchreg.package.paths import DESCRIPTOR, check_path, plain_path, reach_fault
from couchreg.registry.publishing.intake import PublishLimits

_END, _END_SIZE = b"PK\x05\x06", 22
_END64, _LOCATOR64 = b"PK\x06\x06", b"PK\x06\x07"
_COMMENT = 65_535  # bytes that may follow the end record
_LISTED = 700  # bytes of the list that are granted to each file
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_SAYS_UTF_8 = 0x800
_UNIX = 3
_LEFT_OUT = ("__MACOSX", "Thumbs.db", "desktop.ini")  # what desktops add of their own, like hidden files


def opened(path: Path, limits: PublishLimits) -> ZipFile:
    """The archive with its list read. Raises BadRequest, TooLarge for a list that is too long."""
    with broken_is_bad():
        with path.open("rb") as file:
            listed = _listed(file, path.stat().st_size, (limits.files + 100) * _LISTED)
        if listed > 2 * limits.files + 100:  # folders are listed, too
            raise _too_many(limits)
        return ZipFile(path)


def _too_many(limits: PublishLimits) -> TooLarge:
    return TooLarge(f"A package may have {limits.files} files at most; the archive has more.")


def _listed(file: BinaryIO, length: int, most: int) -> int:
    """How many entries the archive's list has, before ZipFile makes objects of them; `most` when the
    list has more bytes than that."""
    start = max(0, length - _COMMENT - _END_SIZE)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_SIZE:
        raise BadZipFile
    size, end = struct.unpack_from("<L", tail, at + 12)[0], start + at
    if at >= 20 and tail[at - 20 : at - 16] == _LOCATOR64:
        end = end - 20 - 56
        file.seek(max(end, 0))
        record = file.read(56)
        if record[:4] != _END64:
            raise BadZipFile
        size = struct.unpack_from("<Q", record, 40)[0]
    if size > end:
        raise BadZipFile
    if size > most:
        return most
    file.seek(end - size)
    return _counted(file.read(size))


def _counted(listing: bytes) -> int:
    at = count = 0
    while at + 46 <= len(listing):
        at += 46 + sum(struct.unpack_from("<3H", listing, at + 28))
        count += 1
    return count


def entries(archive: ZipFile, limits: PublishLimits) -> list[tuple[str, ZipInfo]]:
    """The files of the package by path, those in the order of the archive. Raises BadRequest, TooLarge."""
    listed = [entry for entry in archive.infolist() if _is_wanted(entry)]
    if len(listed) > limits.files:
        raise _too_many(limits)
    if sum(entry.file_size for entry in listed) > limits.total:
        raise TooLarge(f"The files of a package may have at most {limits.total} bytes together.")
    names = [_named(entry, entry.filename) for entry in listed]
    prefix = _prefix(names)
    found: dict[str, ZipInfo] = {}
    for name, entry in zip(names, listed, strict=True):
        path = check_path(plain_path(name.removeprefix(prefix)))
        if path in found:
            raise BadRequest(f"The archive contains {name[:200]!r} twice.")
        found[path] = entry
    return list(found.items())


def _is_wanted(entry: ZipInfo) -> bool:
    """Whether an entry is a file of the package; folders and hidden files are none. Raises BadRequest."""
    name = _named(entry, entry.orig_filename)  # ZipFile ends a name at its first NUL
    fault = "has a NUL in its name" if "\0" in name else reach_fault(name) or _fault(entry)
    if fault:
        raise BadRequest(f"The entry {name[:200]!r} of the archive {fault}.")
    segments = name.split("/")
    hidden = any(segment.startswith(".") and segment != "." for segment in segments)
    return not (entry.is_dir() or hidden or segments[0] in _LEFT_OUT or segments[-1] in _LEFT_OUT)


def _named(entry: ZipInfo, name: str) -> str:
    """The name of an entry, which many programs write as UTF-8 and do not say so: then it was read by the
    encoding of MS-DOS, of which hardly a name is UTF-8, too."""
    if entry.flag_bits & _SAYS_UTF_8 or name.isascii():
        return name
    try:
        return name.encode("cp437").decode()
    except UnicodeError:
        return name


def _fault(entry: ZipInfo) -> str | None:
    mode = entry.external_attr >> 16 if entry.create_system == _UNIX else 0
    if stat.S_ISLNK(mode):
        return "is a symbolic link: put the file itself into the archive"
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is neither a file nor a folder"
    if entry.flag_bits & _ENCRYPTED:
        return "is encrypted"
    if entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        return "is compressed by a method that is not supported: use deflate, the usual one"
    return None


def _prefix(names: Sequence[str]) -> str:
    """The folder that holds the package, with a slash; archives of repositories have one.

    Raises BadRequest.
    """
    if DESCRIPTOR in names:
        return ""
    found = [name for name in names if name.endswith("/" + DESCRIPTOR)]
    top = min(found, key=lambda name: name.count("/"), default="")
    prefix = top.removesuffix(DESCRIPTOR)
    if not prefix:
        raise BadRequest(f"The archive has no {DESCRIPTOR}.")
    outside = next((name for name in names if not name.startswith(prefix)), None)
    if outside is not None:
        raise BadRequest(f"{outside[:200]!r} lies outside of {prefix[:200]!r}, where {DESCRIPTOR} is.")
    return prefix


@contextmanager
def broken_is_bad(name: str = "") -> Iterator[None]:
    """What Python's zipfile raises about a broken archive, as BadRequest."""
    where = f" at {name[:200]!r}" if name else ""
    try:
        yield
    except (
        BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        struct.error,
        ValueError,
        ArithmeticError,
    ) as error:
        raise BadRequest(f"The zip file is broken or cut off{where}.") from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # a place in the file that cannot be
            raise
        raise BadRequest(f"The zip file is broken or cut off{where}.") from error
