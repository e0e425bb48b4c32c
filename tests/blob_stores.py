"""The blob store that servers in tests get: a directory, or with `pytest --blobstore=moto` a bucket.

So the black-box tests of both doors run over S3 as they are. Tests that look at files on the disk mean
the directory, and are marked `directory_only`.
"""

from pathlib import Path

from couchreg.blobstore.base import BlobStore
from couchreg.blobstore.directory.store import DirectoryBlobStore
from couchreg.blobstore.s3.store import S3BlobStore
from tests.s3_servers import S3Server, new_bucket

server: S3Server | None = None  # where buckets are made; set by the session's fixture
_buckets: dict[Path, dict[str, str | None]] = {}


async def blob_store(directory: Path) -> BlobStore:
    """A store for one server; a new bucket each time."""
    if server is None:
        return DirectoryBlobStore(directory)
    return await S3BlobStore.connect(await new_bucket(server))


async def blob_settings(data_dir: Path) -> dict[str, str | None]:
    """The settings of a whole server for it; the same bucket for the same data directory."""
    if server is None:
        return {}
    if data_dir not in _buckets:
        options = await new_bucket(server)
        _buckets[data_dir] = {
            "blobstore": options.address,
            "s3_endpoint": options.endpoint,
            "s3_access_key_id": options.access_key,
            "s3_secret_access_key": options.secret_key,
        }
    return _buckets[data_dir]
