"""The same directory for a process that only reads: another one of the server owns it."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

from couchreg.blobstore.base import Spooled
from couchreg.blobstore.directory.store import WORKERS, DirectoryBlobStore
from couchreg.errors import Unavailable


class ReadDirectory(DirectoryBlobStore):
    """Touches nothing of what lies there. What would write raises Unavailable."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._root = str(root)
        self._threads = ThreadPoolExecutor(WORKERS, thread_name_prefix="blobs")

    async def put(
        self, key: str, spooled: Spooled, *, content_type: str = "application/octet-stream"
    ) -> bool:
        _elsewhere()

    async def adopt(
        self, source: str, key: str, spooled: Spooled, *, content_type: str = "application/octet-stream"
    ) -> bool:
        _elsewhere()

    async def delete(self, key: str, *, durably: bool = False) -> None:
        _elsewhere()

    async def close(self) -> None:
        self._threads.shutdown(wait=True)


def _elsewhere() -> NoReturn:
    raise Unavailable("Another process of this server writes.")
