"""Calls to S3: tried again where that helps, stopped by a circuit breaker, failing in our own words.

The only module that knows aiobotocore; it is imported when a client is made, for it takes half a second.
"""

import asyncio
import io
import logging
import random
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

from couchreg.blobstore.s3.breaker import Breaker
from couchreg.blobstore.s3.options import S3Options
from couchreg.errors import CouchregError, NotFound, Unavailable

log = logging.getLogger(__name__)

WAIT, LONGEST_WAIT = 0.1, 5.0  # seconds before the second attempt, and at most
SLOWEST = 128 << 10  # bytes a second; a body that is sent more slowly is given up
DEFAULT_REGION = "us-east-1"
# What a second attempt may change. 5xx statuses are tried again whatever their code is.
_TRANSIENT = frozenset(
    {
        "RequestTimeout",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequests",
        "BadDigest",
        "ConditionalRequestConflict",
        "OperationAborted",
        "XAmzContentSHA256Mismatch",
        "IncompleteBody",
        "InvalidDigest",
    }
)
# What takes an object away or puts one in its place: of a process that others take for dead it may be theirs.
_GATED = frozenset({"delete_object", "complete_multipart_upload"})
_ABSENT = frozenset({"NoSuchKey", "404", "NotFound", "NoSuchUpload"})
_RANGE = frozenset({"InvalidRange", "416"})
_TAKEN = frozenset({"PreconditionFailed", "412"})


class Taken(CouchregError):
    """A condition of the request does not hold: the key has an object."""


class BeyondEnd(CouchregError):
    """The range asked for begins behind the last byte."""


class StoreRefused(Unavailable):
    """S3 answers, but not us: credentials, permissions or the bucket's name are wrong."""


class TryAgain(Exception):
    """Nothing is known to have happened, or what happened is no use: worth another attempt."""


class _Body(io.BytesIO):
    """Bytes as a file. Whoever asks for the buffer gets the bytes themselves: aiohttp asks for its size, and
    `io.BytesIO` would make a copy of every part for that."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._data = data

    def getbuffer(self) -> memoryview:
        return memoryview(self._data)


class S3Calls:
    """The operations of one client. Use `connect`."""

    def __init__(self, client: Any, options: S3Options, breaker: Breaker, stack: AsyncExitStack) -> None:
        self.client = client
        self.options = options
        self.breaker = breaker
        self._stack = stack
        self.gate: Callable[[], None] = lambda: None  # raises where this process may not write

    async def __call__(self, operation: str, /, *, body: bytes | None = None, **arguments: Any) -> Any:
        """`await calls("head_object", Key=…)` on the bucket; `body` is the request's. What deletes, or
        completes an upload, goes through the gate at each attempt.

        Raises NotFound, Taken, BeyondEnd, Refused, and Unavailable when all attempts have failed.
        """
        failures = 0
        while True:
            self.breaker.check()
            if operation in _GATED:
                self.gate()
            try:
                answer = await self._attempt(operation, body, arguments)
            except TryAgain as error:
                failures += 1
                self.breaker.failed()
                if failures >= self.options.attempts:
                    log.warning("S3 %s failed %d times: %s", operation, failures, error)
                    raise Unavailable("The blob store does not answer.", retry_after=10) from error
                await pause(failures)
            else:
                self.breaker.succeeded()
                return answer

    async def _attempt(self, operation: str, body: bytes | None, arguments: Mapping[str, Any]) -> Any:
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            NoCredentialsError,
            PartialCredentialsError,
        )

        given = dict(arguments, Bucket=self.options.bucket)
        if body is not None:
            given["Body"] = _Body(body)
        allowed = self.options.timeout + len(body or b"") / SLOWEST
        try:
            async with asyncio.timeout(allowed):
                return await getattr(self.client, operation)(**given)
        except ClientError as error:
            raise self._understood(error.response) from error
        except (NoCredentialsError, PartialCredentialsError) as error:
            raise StoreRefused("There are no credentials for the blob store.", retry_after=60) from error
        except (BotoCoreError, OSError, TimeoutError) as error:
            raise TryAgain(f"{type(error).__name__}: {error}") from error

    def _understood(self, response: Mapping[str, Any]) -> Exception:
        code = str(response.get("Error", {}).get("Code", ""))
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if status == 429 or (status >= 500 and status != 501) or code in _TRANSIENT:
            return TryAgain(f"{status} {code}")
        self.breaker.succeeded()  # it answers, and knows what it says
        for codes, kind in ((_ABSENT, NotFound), (_RANGE, BeyondEnd), (_TAKEN, Taken)):
            if code in codes:
                return kind(code)
        if status in (401, 403):
            return StoreRefused(f"The blob store denies access: {code}.", retry_after=60)
        if code == "NoSuchBucket":
            return StoreRefused("The blob store has no such bucket.", retry_after=60)
        if status == 404:
            return NotFound(code)
        return StoreRefused(f"The blob store refuses a request: {status} {code}.", retry_after=60)

    async def address(self, operation: str, seconds: int | None, /, **arguments: Any) -> str:
        """The URL of a request, signed for some seconds, or bare (None). Raises Refused."""
        from botocore.exceptions import BotoCoreError

        given = dict(arguments, Bucket=self.options.bucket)
        try:
            lasting = seconds or 60
            url = await self.client.generate_presigned_url(operation, Params=given, ExpiresIn=lasting)
        except BotoCoreError as error:
            raise StoreRefused("There are no credentials for the blob store.", retry_after=60) from error
        return str(url if seconds else url.partition("?")[0])

    async def close(self) -> None:
        await self._stack.aclose()


async def connect(options: S3Options) -> S3Calls:
    """A client for the bucket. Asks nothing of it yet, except for instance credentials."""
    from aiobotocore.config import AioConfig
    from aiobotocore.session import AioSession
    from botocore.exceptions import BotoCoreError

    try:
        session = AioSession(profile=options.profile)
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(
                session.create_client(
                    "s3",
                    endpoint_url=options.endpoint,
                    config=AioConfig(**_config(options)),
                    region_name=options.region or session.get_config_variable("region") or DEFAULT_REGION,
                    aws_access_key_id=options.access_key,
                    aws_secret_access_key=options.secret_key,
                    aws_session_token=options.session_token,
                )
            )
            return S3Calls(client, options, Breaker("The blob store"), stack.pop_all())
    except (BotoCoreError, ValueError) as error:
        raise StoreRefused(f"The blob store cannot be used: {error}") from error


def _http_session(*args: Any, **more: Any) -> Any:
    """One that sends each request once. aiohttp would send a DELETE once more when a connection breaks, and
    ask nobody whether this process may still write; there is no other way to tell it."""
    from aiobotocore.httpsession import AIOHTTPSession

    class OnceSession(AIOHTTPSession):  # type: ignore[misc]  # of a module without types
        async def _get_session(self, proxy_url: str | None) -> Any:
            session = await super()._get_session(proxy_url)
            session._retry_connection = False
            return session

    return OnceSession(*args, **more)


def _config(options: S3Options) -> dict[str, Any]:
    path_style = options.path_style if options.path_style is not None else options.endpoint is not None
    return {
        "http_session_cls": _http_session,
        "connect_timeout": options.connect_timeout,
        "read_timeout": options.timeout,
        "max_pool_connections": options.connections,
        "signature_version": "s3v4",
        "retries": {"total_max_attempts": 1, "mode": "standard"},
        # Many servers answer the newer default checksums wrongly; ours are sent where they count.
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
        # Content-MD5 is signed and stands for the body; hashing it once more would hold up the loop.
        "s3": {"addressing_style": "path" if path_style else "virtual", "payload_signing_enabled": False},
    }


async def pause(failures: int) -> None:
    """Wait a random time that grows with the failures so far, so that not all come back at once."""
    await asyncio.sleep(random.uniform(0.5, 1) * min(WAIT * 2 ** (failures - 1), LONGEST_WAIT))  # noqa: S311
