"""What is handed to the child that writes an index, and what it answers: forms of bytes. Pure."""

import errno
from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from couchreg.errors import CouchregError, StorageFailure
from couchreg.followers.base import Checkpoint, RebuildNeeded
from couchreg.followers.search.items import PackageSource

MORE: Final = b"more"  # begins as no map or array of MessagePack does
_REBUILD, _DISK, _STORE, _PACKAGE = "rebuild", "disk", "store", "package"
_ENCODING: Final = ("utf-8", "surrogatepass")  # texts of descriptors may have half a character


class NotIndexed(CouchregError):
    """A package that cannot be made into items."""

    error = "not_indexed"


class _Package(msgspec.Struct, array_like=True, frozen=True):
    name: str
    version: str
    members: bytes
    texts: list[bytes]
    deprecated: bytes | None


class IndexWork(msgspec.Struct, array_like=True, frozen=True):
    """Packages to be put into the index in `directory`, and the checkpoint where this is a commit. `at` is
    the last one that the server knows of."""

    directory: str
    at: tuple[str, str] | None
    packages: list[_Package]
    gone: list[str]
    checkpoint: tuple[str, str] | None
    with_meaning: bool
    tidies: bool  # instead of all that: put some of it in order

    @property
    def sources(self) -> list[PackageSource]:
        return [
            PackageSource(
                one.name,
                one.version,
                one.members,
                tuple(text.decode(*_ENCODING) for text in one.texts),
                None if one.deprecated is None else one.deprecated.decode(*_ENCODING),
            )
            for one in self.packages
        ]


class _Fault(msgspec.Struct, array_like=True, frozen=True):
    kind: str
    reason: str
    number: int = 0


def work(
    directory: str,
    at: Checkpoint | None,
    sources: Sequence[PackageSource],
    gone: Collection[str],
    checkpoint: Checkpoint | None,
    *,
    with_meaning: bool,
    tidies: bool,
) -> bytes:
    packages = [
        _Package(
            one.name,
            one.version,
            one.members,
            [text.encode(*_ENCODING) for text in one.texts],
            None if one.deprecated is None else one.deprecated.encode(*_ENCODING),
        )
        for one in sources
    ]
    return msgspec.msgpack.encode(
        IndexWork(directory, at, packages, list(gone), checkpoint, with_meaning, tidies)
    )


def work_of(job: bytes) -> IndexWork:
    return msgspec.msgpack.decode(job, type=IndexWork)


def fault_of(error: Exception) -> bytes:
    """What went wrong, for the server."""
    if isinstance(error, RebuildNeeded):
        fault = _Fault(_REBUILD, str(error))
    elif isinstance(error, OSError):
        fault = _Fault(_DISK, error.strerror or str(error), error.errno or errno.EIO)
    elif isinstance(error, StorageFailure):
        fault = _Fault(_STORE, error.reason)
    else:
        said = str(error).encode("utf-8", "replace").decode()
        fault = _Fault(_PACKAGE, f"{type(error).__name__}: {said}"[:1000])
    return msgspec.msgpack.encode(fault)


def is_more(answer: bytes) -> bool:
    """Whether there is more to be put in order. Raises what went wrong in the child, nothing for an empty
    answer."""
    if not answer or answer == MORE:
        return answer == MORE
    fault = msgspec.msgpack.decode(answer, type=_Fault)
    if fault.kind == _REBUILD:
        raise RebuildNeeded(fault.reason)
    if fault.kind == _DISK:
        raise OSError(fault.number, fault.reason)
    raise StorageFailure(fault.reason) if fault.kind == _STORE else NotIndexed(fault.reason)
