"""What those who put and remove files of one root have in common."""

from pathlib import Path
from typing import NamedTuple, Self

from couchreg.blobstore.directory.ahead import WriteAheadLog
from couchreg.blobstore.directory.folders import Folders
from couchreg.blobstore.directory.links import KeyLinks
from couchreg.blobstore.directory.syncing import Syncing


class Grounds(NamedTuple):
    """For threads; whoever makes it calls `close`."""

    folders: Folders
    links: KeyLinks
    syncing: Syncing
    ahead: WriteAheadLog

    @classmethod
    def of(cls, root: Path) -> Self:
        """Raises OSError."""
        folders, links = Folders(root), KeyLinks()
        syncing = Syncing(folders)
        return cls(folders, links, syncing, WriteAheadLog(folders, links, syncing))

    @property
    def root(self) -> Path:
        return self.folders.root

    def close(self) -> None:
        self.ahead.close()
        self.syncing.close()
