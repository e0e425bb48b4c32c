"""Where publishes under way lie on the disk: a folder for each, which survives a restart. Blocking.

    <id>/record.json     the record; replaced whole, and durable
    <id>/files.json      what was announced
    <id>/7-<md5>         the file number 7, complete and verified; often a link to what is stored already
    <id>/7.part          the beginning of it
    <id>/7.upload        the id of an upload to the bucket, which has some parts of it
    <id>/7.kept          the key of an object in the bucket that has all of it

What is not a whole record is removed at the start.
"""

import logging
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from couchreg.blobstore.base import Spooled
from couchreg.blobstore.failures import os_errors_as_unavailable
from couchreg.durable import make_directory, sync, write_new
from couchreg.errors import Unavailable
from couchreg.package.layout import waits
from couchreg.registry.publishing.records import Announced, Record

log = logging.getLogger(__name__)

_RECORD, _FILES, _NEW = "record.json", "files.json", "record.new"
_PART, _UPLOAD, _KEPT = ".part", ".upload", ".kept"


class Arrived(msgspec.Struct):
    """Which files are there, by number: with their MD5, or only with so many of their first bytes; and what
    is in the bucket of them, as the id of an upload or as the key of an object."""

    complete: dict[int, str] = msgspec.field(default_factory=dict)
    partial: dict[int, int] = msgspec.field(default_factory=dict)
    uploads: dict[int, str] = msgspec.field(default_factory=dict)
    kept: dict[int, str] = msgspec.field(default_factory=dict)


class Shelf:
    """The folders below `directory`. Raises Unavailable where the disk refuses."""

    def __init__(self, directory: Path) -> None:
        self._root = directory
        with os_errors_as_unavailable():
            make_directory(directory, mode=0o700)

    def load(self) -> list[Record]:
        """Every record; folders without one go."""
        found = []
        with os_errors_as_unavailable():
            for folder in sorted(self._root.iterdir()):
                try:
                    record = msgspec.json.decode((folder / _RECORD).read_bytes(), type=Record)
                    if record.id != folder.name:
                        raise msgspec.ValidationError("it is another folder's")
                    found.append(record)
                except (OSError, msgspec.MsgspecError) as error:
                    log.info("a publish that was not begun is removed: %s: %s", folder.name, error)
                    shutil.rmtree(folder, ignore_errors=True)
        return found

    def create(self, record: Record, files: Sequence[Announced]) -> None:
        """A folder for a new one, record and all."""
        folder = self._root / record.id
        with os_errors_as_unavailable():
            folder.mkdir(mode=0o700)
            write_new(folder / _FILES, msgspec.json.encode(files))
            self._write(folder, record)
            sync(self._root)

    def save(self, record: Record) -> None:
        """The record as it is now."""
        with os_errors_as_unavailable():
            self._write(self._root / record.id, record)

    def _write(self, folder: Path, record: Record) -> None:
        new = folder / _NEW
        new.unlink(missing_ok=True)
        write_new(new, msgspec.json.encode(record))
        new.rename(folder / _RECORD)
        sync(folder)

    def files(self, session: str) -> tuple[Announced, ...]:
        with os_errors_as_unavailable():
            data = (self._root / session / _FILES).read_bytes()
        return msgspec.json.decode(data, type=tuple[Announced, ...])

    def arrived(self, session: str) -> Arrived:
        found = Arrived()
        with os_errors_as_unavailable(), os.scandir(self._root / session) as entries:
            for entry in entries:
                number, _, md5 = entry.name.partition("-")
                if md5 and number.isdecimal():
                    found.complete[int(number)] = md5
                elif entry.name.endswith(_PART):
                    found.partial[int(entry.name.removesuffix(_PART))] = entry.stat().st_size
                elif entry.name.endswith((_UPLOAD, _KEPT)):
                    name, _, kind = entry.name.partition(".")
                    noted = found.kept if f".{kind}" == _KEPT else found.uploads
                    if text := Path(entry.path).read_text("utf-8"):  # a crash may have left none
                        noted[int(name)] = text
        return found

    def place(self, session: str, number: int, md5: str) -> Path:
        """Where a complete file lies."""
        return self._root / session / f"{number}-{md5}"

    def part(self, session: str, number: int) -> Path:
        """Where the beginning of a file lies."""
        return self._root / session / f"{number}{_PART}"

    def begun(self, session: str, number: int) -> int:
        """How many bytes there are of a file that is not complete."""
        part = self.part(session, number)
        return part.stat().st_size if part.exists() else 0

    def complete(self, session: str, number: int, md5: str) -> None:
        """A file is whole, and verified."""
        with os_errors_as_unavailable():
            self.part(session, number).rename(self.place(session, number, md5))

    def link(self, session: str, number: int, md5: str, source: Path) -> bool:
        """Take a file that lies elsewhere; False where it has gone, or a link cannot lead there."""
        with suppress(OSError):
            self.place(session, number, md5).hardlink_to(source)
        return self.place(session, number, md5).exists()

    def note_upload(self, session: str, number: int, upload: str) -> None:
        """Parts of a file are on their way to the bucket."""
        with os_errors_as_unavailable():
            (self._root / session / f"{number}{_UPLOAD}").write_text(upload, "utf-8")

    def note_kept(self, session: str, number: int, key: str) -> None:
        """All of a file is in the bucket; what is not here of it is read from there."""
        folder = self._root / session
        with os_errors_as_unavailable():
            (folder / f"{number}{_KEPT}").write_text(key, "utf-8")
            (folder / f"{number}{_UPLOAD}").unlink(missing_ok=True)
            self.part(session, number).unlink(missing_ok=True)

    def drop_kept(self, session: str, number: int) -> None:
        """An object of the bucket has gone, or is no publish's of this folder any more."""
        with os_errors_as_unavailable():
            self.part(session, number).unlink(missing_ok=True)
            (self._root / session / f"{number}{_KEPT}").unlink(missing_ok=True)

    def keep(self, session: str, number: int, file: Spooled) -> None:
        """Take a whole file that has come for another publish, or in one request."""
        if not self.link(session, number, file.md5.hex(), file.on_disk()):
            raise Unavailable("The files of this publish cannot be kept.")
        if file.kept is not None and waits(file.kept):
            self.note_kept(session, number, file.kept)

    def make_durable(self, session: str) -> None:
        """All that has arrived, and the names."""
        folder = self._root / session
        with os_errors_as_unavailable():
            for path in folder.iterdir():
                sync(path)
            sync(folder)
            sync(self._root)

    def drop_files(self, session: str) -> None:
        """What has arrived is of no more use; the record stays."""
        with os_errors_as_unavailable():
            for path in (self._root / session).iterdir():
                if path.name not in (_RECORD, _NEW, _FILES):
                    path.unlink(missing_ok=True)

    def remove(self, session: str) -> None:
        """The record first, so that no half of a folder is taken for a publish."""
        with os_errors_as_unavailable():
            (self._root / session / _RECORD).unlink(missing_ok=True)
            shutil.rmtree(self._root / session, ignore_errors=True)
