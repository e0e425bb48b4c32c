"""What is done to a bucket as a whole: it is set up, and tidied. With `server.py` and `stores.py` the only
place that names back ends.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from couchreg.app.stores import s3_options
from couchreg.blobstore.base import BlobStore
from couchreg.blobstore.s3 import gc, setup
from couchreg.blobstore.s3.calls import connect
from couchreg.blobstore.s3.setup import SetupStep, perform
from couchreg.blobstore.s3.store import S3BlobStore
from couchreg.config import CannotStart, Settings

__all__ = ["SetupStep", "perform", "public_policy", "remove_unfinished", "steps_of_setup"]


def public_policy(settings: Settings) -> dict[str, Any]:
    """The policy that lets everybody read the bucket. Raises CannotStart without one."""
    return setup.public_policy(s3_options(settings, _bucket(settings)))


@asynccontextmanager
async def steps_of_setup(settings: Settings) -> AsyncIterator[list[SetupStep]]:
    """What the bucket lacks, each to be performed inside. Raises CannotStart without a bucket."""
    calls = await connect(s3_options(settings, _bucket(settings)))
    try:
        yield [step for step in await setup.plan(calls) if step.needed]
    finally:
        await calls.close()


async def remove_unfinished(blobs: BlobStore, grace: float) -> int:
    """End uploads that were begun more than `grace` seconds ago; how many. A directory has none."""
    return await gc.collect(blobs.calls, grace) if isinstance(blobs, S3BlobStore) else 0


def _bucket(settings: Settings) -> str:
    if settings.blobstore == "directory":
        raise CannotStart("Only a bucket can be set up: name it with --blobstore s3://BUCKET.")
    return settings.blobstore
