"""The blob store that the settings name, and what only a bucket can do: signed addresses.

With `server.py` the only place that names back ends.
"""

import logging
import re
from collections.abc import Callable
from pathlib import Path

from couchreg.blobstore.base import BlobStore
from couchreg.blobstore.directory.store import DirectoryBlobStore
from couchreg.blobstore.s3.calls import StoreRefused
from couchreg.blobstore.s3.options import S3Options, split_address
from couchreg.blobstore.s3.parts import SentInParts
from couchreg.blobstore.s3.store import S3BlobStore
from couchreg.config import CannotStart, Settings
from couchreg.docstore.base import Attachment, ConfiguredStore
from couchreg.errors import NotFound, Unavailable
from couchreg.http.registry.frame.call import Elsewhere, nowhere
from couchreg.package.layout import package_of_key
from couchreg.registry.publishing.direct import UploadAddress

_BYTES = re.compile(r"-?[0-9]{1,15}")

log = logging.getLogger(__name__)

READING = 3600  # seconds that a signed address of a file is good for
BRIEFLY = 60  # of a package that is not for everybody: who may read it may not tomorrow


class BucketUploads:
    """A bucket in the terms of the registry's `Addresses`."""

    def __init__(self, blobs: S3BlobStore) -> None:
        self._blobs = blobs

    async def upload_address(
        self, key: str, length: int, md5: bytes, content_type: str, seconds: int
    ) -> UploadAddress:
        return UploadAddress(*await self._blobs.upload_address(key, length, md5, content_type, seconds))


def direct_uploads(blobs: BlobStore) -> BucketUploads | None:
    """Addresses that clients put files at, where the store can sign some."""
    return BucketUploads(blobs) if isinstance(blobs, S3BlobStore) else None


def in_parts(blobs: BlobStore) -> SentInParts | None:
    """What takes large files from browsers, where the store can."""
    return SentInParts(blobs.calls) if isinstance(blobs, S3BlobStore) else None


async def open_blobs(settings: Settings, directory: Path) -> BlobStore:
    """The blob store of the settings. Raises CannotStart when it refuses us; one that does not answer
    now may do so later."""
    if settings.blobstore == "directory":
        return DirectoryBlobStore(directory.resolve())  # what is told of a file is told of where it lies
    store = await open_bucket(settings, settings.blobstore)
    try:
        await tried(store)
    except Unavailable as error:
        log.warning("%s: %s It will be tried again.", settings.blobstore, error.reason)
    return store


async def open_bucket(settings: Settings, address: str) -> S3BlobStore:
    """The bucket at an address. Raises CannotStart for what cannot work at all; it is not asked yet."""
    try:
        return await S3BlobStore.connect(s3_options(settings, address))
    except StoreRefused as error:
        raise CannotStart(error.reason) from error
    except ValueError as error:
        raise CannotStart(f"{error}.") from error


async def tried(store: S3BlobStore) -> None:
    """Find out what a bucket can do. Closes it and raises CannotStart where it refuses us; raises
    Unavailable where it does not answer now."""
    try:
        await store.probe()
    except StoreRefused as error:
        await store.close()
        raise CannotStart(f"{store.options.address} cannot be used. {error.reason}") from error
    except NotFound as error:
        await store.close()
        raise CannotStart(
            f"{store.options.address} cannot be used: what answers at {store.options.endpoint or 'Amazon'} "
            "does not speak as S3 does. Is --s3-endpoint right?"
        ) from error


def elsewhere(settings: Settings, blobs: BlobStore, is_restricted: Callable[[str], bool]) -> Elsewhere:
    """Where readers of files are sent. Raises CannotStart without a bucket."""
    if settings.redirect == "off":
        return nowhere
    if not isinstance(blobs, S3BlobStore):
        raise CannotStart(
            "Readers can only be redirected to a bucket: --redirect needs --blobstore s3://BUCKET."
        )
    signed = settings.redirect == "presigned"

    async def address(file: Attachment) -> str | None:
        package = package_of_key(file.key)
        seconds = BRIEFLY if package is None or is_restricted(package) else READING
        return (
            await blobs.address(file.key, seconds if signed else None)
            if file.encoding == "identity"
            else None
        )

    return address


def s3_options(settings: Settings, address: str) -> S3Options:
    """How a bucket is spoken to."""
    bucket, prefix = split_address(address)
    addressing = {"auto": None, "path": True, "virtual": False}
    return S3Options(
        bucket,
        prefix,
        endpoint=settings.s3_endpoint,
        region=settings.s3_region,
        path_style=addressing[settings.s3_addressing],
        access_key=settings.s3_access_key_id,
        secret_key=settings.s3_secret_access_key,
        session_token=settings.s3_session_token,
        profile=settings.s3_profile,
        encryption=settings.s3_encryption,
        kms_key=settings.s3_kms_key,
        storage_class=settings.s3_storage_class,
        connections=settings.s3_connections,
    )


def largest_attachment(store: ConfiguredStore) -> int | None:
    """`[couchdb] max_attachment_size` in bytes where someone has set it, None for any size. Below zero there
    is room for none, as in CouchDB."""
    written = store.config().get("couchdb", {}).get("max_attachment_size", "")
    return max(int(written), 0) if _BYTES.fullmatch(written) else None
