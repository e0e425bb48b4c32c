"""The bytes of a table's text: of its files one after the other, unpacked, and of JSON as UTF-8.

Only in the child process.

Source: https://datapackage.org/standard/data-resource/#path-or-data.
"""

import bz2
import codecs
import gzip
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, Protocol

UTF_8 = "utf-8"
_STEP = 1 << 20
_HINT = 64  # bytes in which a line for Excel comes to its end
_SEPARATOR = re.compile('\ufeff?"?sep=([^\r\n])"?(?:\r|\n|$)', re.IGNORECASE)
_OPENERS: dict[str, Any] = {"gz": gzip.open, "bz2": bz2.open, "xz": lzma.open}
COMPRESSIONS = ("zip", *_OPENERS)
# What a damaged compressed file raises.
BROKEN = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, zipfile.BadZipFile)
_AROUND = ("__MACOSX/",)  # what systems put beside the files of their users
_BESIDE = (".DS_Store", "Thumbs.db")
MOST_SHOWN = 5  # members of a zip file that are named


class RawBytes(Protocol):
    def read(self, size: int = ..., /) -> bytes: ...
    def seek(self, offset: int, whence: int = ..., /) -> int: ...
    def close(self) -> None: ...


class JoinedFiles(io.RawIOBase):
    """Several files as one, each after the other: what an answer with the whole resource sends."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = list(paths)
        self._at = 0
        self._file: BinaryIO | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Only to the beginning, which is all that is asked for. Raises UnsupportedOperation."""
        if offset or whence != io.SEEK_SET:
            raise io.UnsupportedOperation("parts are read from the beginning")
        self._shut()
        self._at = 0
        return 0

    def readinto(self, buffer: Any) -> int:
        while self._file is not None or self._at < len(self._paths):
            if self._file is None:
                self._file = Path(self._paths[self._at]).open("rb")  # noqa: SIM115 — closed by `_shut`
                self._at += 1
            data = self._file.read(len(buffer))
            if data:
                buffer[: len(data)] = data
                return len(data)
            self._shut()
        return 0

    def _shut(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def close(self) -> None:
        self._shut()
        super().close()


class Recoded(io.RawIOBase):
    """A text of any encoding as UTF-8, without a byte order mark. Reading raises UnicodeError for bytes that
    are none of the encoding's."""

    def __init__(self, file: RawBytes, encoding: str) -> None:
        self._file = file
        self._make = codecs.getincrementaldecoder(encoding)
        self._begin()

    def _begin(self) -> None:
        self._decoder = self._make()
        self._held = b""
        self._is_first = True

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Only to the beginning. Raises UnsupportedOperation."""
        if offset or whence != io.SEEK_SET:
            raise io.UnsupportedOperation("a text is read from the beginning")
        self._file.seek(0)
        self._begin()
        return 0

    def readinto(self, buffer: Any) -> int:
        while not self._held:
            data = self._file.read(_STEP)
            text = self._decoder.decode(data, final=not data)
            if text and self._is_first:
                text, self._is_first = text.removeprefix("\ufeff"), False
            self._held = text.encode(UTF_8)
            if not data and not self._held:
                return 0
        size = min(len(buffer), len(self._held))
        buffer[:size] = self._held[:size]
        self._held = self._held[size:]
        return size

    def close(self) -> None:
        self._file.close()
        super().close()


def open_text_bytes(paths: Iterable[str], compression: str | None, innerpath: str = "") -> BinaryIO:
    """The bytes of a table's text; `innerpath` is the member of a zip file. Raises ValueError for a
    compression whose parts cannot be put together."""
    if compression == "zip" and innerpath:
        [path] = paths
        with zipfile.ZipFile(path) as archive:  # the member keeps the file open
            member: Any = archive.open(innerpath)
        return io.BufferedReader(member)
    whole = io.BufferedReader(JoinedFiles(paths))
    if not compression:
        return whole
    if compression not in _OPENERS:
        raise ValueError(f"parts that are compressed as {compression} cannot be put together")
    unpacked: BinaryIO = _OPENERS[compression](whole)
    return unpacked


def unpacked(stream: Any, compression: str) -> Any:
    """A stream of bytes that are compressed, not as a zip file, as those that they were."""
    return _OPENERS[compression](stream)


def as_utf_8(file: RawBytes, encoding: str | None) -> Any:
    """A text of this encoding (None: of UTF-8), as UTF-8 without a byte order mark."""
    begin = file.read(len(codecs.BOM_UTF8))
    file.seek(0)
    if codecs.lookup(encoding or UTF_8).name in (UTF_8, "ascii") and begin != codecs.BOM_UTF8:
        return file
    return io.BufferedReader(Recoded(file, encoding or UTF_8))


def delimiter_hint(file: RawBytes, encoding: str | None) -> str | None:
    """The delimiter that the first line of a text tells Excel, as in `sep=;`; None where it is no such line.
    Raises LookupError for what is no encoding."""
    begin = codecs.getincrementaldecoder(encoding or UTF_8)("replace").decode(file.read(_HINT))
    found = _SEPARATOR.match(begin)
    return found[1] if found else None


def line_breaks(file: RawBytes, encoding: str, most: int | None = None) -> int:
    """How many line breaks of any kind there are in a text, or in its first `most` bytes."""
    try:
        decoder = codecs.getincrementaldecoder(encoding)("replace")
    except LookupError:
        decoder = codecs.getincrementaldecoder("latin-1")()
    lines, left = io.IncrementalNewlineDecoder(decoder, translate=True), most
    count = 0
    while data := file.read(_STEP if left is None else min(left, _STEP)):
        count += lines.decode(data).count("\n")
        left = None if left is None else left - len(data)
    return count + lines.decode(b"", final=True).count("\n")


class NoMember(ValueError):
    """A zip file without the one file that is wanted of it; the text is a sentence."""


def member_of_zip(file: Path, name: str, stated: str | None) -> tuple[str, bool]:
    """The member of a zip file that is its table, and whether whoever takes the first one takes it, too.

    Raises NoMember with a sentence about `name`, and what the library raises for a file that is none.
    """
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        if stated is not None:
            if stated not in archive.namelist():
                raise NoMember(f"{name} has no file {stated!r}, which “innerpath” names. {_holds(infos)}")
            chosen = archive.getinfo(stated)
        else:
            chosen = _only(name, infos)
        try:
            archive.open(chosen).close()
        except (RuntimeError, NotImplementedError) as error:  # encrypted, or packed in a way of its own
            raise NoMember(f"{chosen.filename} in {name} cannot be unpacked: {error}.") from None
    return chosen.filename, infos[0].filename == chosen.filename


def _only(name: str, infos: list[zipfile.ZipInfo]) -> zipfile.ZipInfo:
    files = _files(infos)
    if not files:
        raise NoMember(f"{name} is a zip file without a file in it: put the table there.")
    if len(files) > 1:
        raise NoMember(
            f"{name} holds {len(files):,} files, and nothing says which is the table: name it with "
            f"“innerpath”, or make a zip file of each. {_holds(infos)}"
        )
    return files[0]


def _files(infos: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    return [
        info
        for info in infos
        if not info.is_dir()
        and not info.filename.startswith(_AROUND)
        and info.filename.rpartition("/")[2] not in _BESIDE
    ]


def _holds(infos: list[zipfile.ZipInfo]) -> str:
    names = [info.filename for info in _files(infos)]
    listed = ", ".join(repr(name[:200]) for name in names[:MOST_SHOWN])
    more = f" and {len(names) - MOST_SHOWN:,} more" if len(names) > MOST_SHOWN else ""
    return f"It holds {listed}{more}." if names else "It holds no file."
