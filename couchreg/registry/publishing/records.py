"""What is kept of a publish that goes on over several requests, or without its client. Pure.

A manifest announces files by path, length and SHA-256; what of them is not there yet is sent one by one, and
then the whole is committed: checked, and published.
"""

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from couchreg.errors import BadRequest, TooLarge
from couchreg.package.names import check_package_name, check_version
from couchreg.package.paths import DESCRIPTOR, check_path
from couchreg.registry.publishing.intake import PublishLimits, content_type_of

_HEX = frozenset("0123456789abcdef")


class PublishState(StrEnum):
    """How far a publish is. After the first two it does not change any more."""

    OPEN = "open"  # files are awaited
    CHECKING = "checking"  # acknowledged: the server checks and publishes it by itself
    PUBLISHED = "published"
    REFUSED = "refused"  # the package has errors; its report is kept
    FAILED = "failed"  # something else stood in the way, which is kept


UNFINISHED = (PublishState.OPEN, PublishState.CHECKING)


class Announced(msgspec.Struct, frozen=True, array_like=True):
    """A file of a publish."""

    path: str
    length: int
    sha256: str  # hex
    content_type: str


class Record(msgspec.Struct, kw_only=True):
    """One publish. Times are Unix seconds."""

    id: str
    name: str
    version: str
    user: str
    pledge: Any  # what proves later whose it was; the door's to read
    digest: str  # of the manifest
    length: int  # bytes that it may bring: of files that are stored nowhere yet
    made: float
    touched: float
    askers: tuple[str, ...] = ()  # whose turn its check has to be
    state: PublishState = PublishState.OPEN
    outcome: Any = None  # {rev, created, report} when published, else {error, reason, report}

    @property
    def is_finished(self) -> bool:
        return self.state not in UNFINISHED


class PublishManifest(msgspec.Struct, frozen=True):
    """What a publisher announces; `descriptor` are the bytes of `datapackage.json`, if they came along."""

    name: str
    version: str
    files: tuple[Announced, ...]
    descriptor: bytes | None = None

    @property
    def digest(self) -> str:
        """What tells it from others: the same files under the same name and version have the same."""
        said = [self.name, self.version, sorted(msgspec.to_builtins(self.files))]
        return hashlib.sha256(msgspec.json.encode(said)).hexdigest()


def read_manifest(members: Mapping[str, Any], limits: PublishLimits) -> PublishManifest:
    """The manifest of `{name, version, files: {path: {bytes, sha256, type}}, descriptor, draft}`.

    With `draft` the descriptor may be written when the files are there. Raises BadRequest, TooLarge.
    """
    name, version = members.get("name"), members.get("version")
    if not isinstance(name, str) or not isinstance(version, str):
        raise BadRequest("“name” and “version” must be strings.")
    check_package_name(name)
    check_version(version)
    listed = members.get("files")
    if not isinstance(listed, dict) or not all(isinstance(item, dict) for item in listed.values()):
        raise BadRequest("“files” must be an object: path -> {bytes, sha256}.")
    descriptor = _descriptor(members.get("descriptor"), limits)
    files = {path: _announced(path, item) for path, item in listed.items()}
    if descriptor is not None:
        own = Announced(
            DESCRIPTOR, len(descriptor), hashlib.sha256(descriptor).hexdigest(), "application/json"
        )
        given = files.setdefault(DESCRIPTOR, own)
        if (given.length, given.sha256) != (own.length, own.sha256):
            raise BadRequest(f"“descriptor” and {DESCRIPTOR} of “files” differ: send only one of them.")
    draft = members.get("draft", False)
    if not isinstance(draft, bool):
        raise BadRequest("“draft” must be true or false.")
    _check(files, limits, described=not draft)
    return PublishManifest(name, version, tuple(files.values()), descriptor)


def _check(files: Mapping[str, Announced], limits: PublishLimits, *, described: bool) -> None:
    if DESCRIPTOR not in files and described:
        raise BadRequest(f"“files” lacks {DESCRIPTOR}: announce it, or send its text as “descriptor”.")
    if DESCRIPTOR in files and files[DESCRIPTOR].length > limits.descriptor:
        raise TooLarge(f"A descriptor may have at most {limits.descriptor} bytes: send data as files.")
    if len(files) > limits.files:
        raise TooLarge(f"A package may have at most {limits.files} files.")
    if sum(file.length for file in files.values()) > limits.total:
        raise TooLarge(f"The files of a package may have at most {limits.total} bytes together.")


def _descriptor(text: Any, limits: PublishLimits) -> bytes | None:
    if text is None:
        return None
    if not isinstance(text, str):
        raise BadRequest(f"“descriptor” must be the text of {DESCRIPTOR}.")
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise BadRequest("“descriptor” is not Unicode text.") from None


def _announced(path: str, item: Mapping[str, Any]) -> Announced:
    check_path(path)
    length, sha256 = item.get("bytes"), item.get("sha256")
    if isinstance(length, bool) or not isinstance(length, int) or length < 0:
        raise BadRequest(f"“bytes” of {path!r} must be a number of bytes.")
    if not isinstance(sha256, str) or len(sha256) != 64 or not _HEX.issuperset(sha256.lower()):
        raise BadRequest(f"“sha256” of {path!r} must be written in 64 hex digits.")
    return Announced(path, length, sha256.lower(), content_type_of(path, item.get("type")))
