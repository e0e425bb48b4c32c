"""What is handed to the child that makes triples. Pure."""

import msgspec

from couchreg.docstore.base import Attachment


class Given(msgspec.Struct, array_like=True, frozen=True):
    """A version as it is stored."""

    name: str
    version: str
    rev: str
    members: bytes
    files: tuple[Attachment, ...]


class Build(msgspec.Struct, array_like=True, frozen=True):
    """Versions to be put into the store at a path in place of what there is of them, others to be removed,
    and of packages which version is the latest (None: there is none)."""

    store: str
    base: str
    versions: list[Given]
    gone: list[tuple[str, str]]
    latest: list[tuple[str, str | None]]


class HandedFault(msgspec.Struct, array_like=True, frozen=True):
    """Why the store cannot be written; `is_broken`: whether it never will."""

    reason: str
    is_broken: bool
