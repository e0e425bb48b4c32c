"""Where the indexes of a database are: a folder for its name, and in it one for each of its lives."""

import hashlib
from pathlib import Path
from typing import NamedTuple

from couchreg.access.seen import PUBLIC


class Folder(NamedTuple):
    """Where the indexes of a life of a database are, and whether that has partitions."""

    path: Path
    partitions: bool


def folder_of(directory: Path, name: str) -> Path:
    """The folder of a database, with one for each life."""
    return directory / hashlib.sha256(name.encode()).hexdigest()[:32]


def folders_of(directory: Path, name: str) -> list[Path]:
    """All that indexes of a database may be in: of everything, and of what is public."""
    return [folder_of(directory, one) for one in (name, name + PUBLIC)]
