"""Requests to another server: one bounded pool for each end, credentials for that end alone, and time limits.

A request that meets a broken connection, silence, 408 or a 5xx is made again, later each time; 429 and
`Retry-After` are obeyed. Redirects are followed for reading only, and credentials go to the
host they were given for. Knows HTTP and nothing of replication.
"""

import asyncio
import io
import logging
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import aiohttp
from yarl import URL

from couchreg import __version__
from couchreg.errors import CouchregError, Failure, Forbidden
from couchreg.model import json
from couchreg.replication.endpoints import Endpoint
from couchreg.replication.network import AddressNotAllowed, CheckedResolver, Networks
from couchreg.replication.peers import Broken

log = logging.getLogger(__name__)

AGENT = f"couchreg-replicator/{__version__}"
USUAL = 4 << 20  # bytes of an answer about a database, a page of changes, what was written
LARGEST = 64 << 20  # bytes of one document
QUICK = 512 << 10  # bytes of JSON that are read on the loop
SMALL = 512 << 10  # bytes of a body that is sent in one go
FIRST_WAIT, LONGEST_WAIT = 0.25, 30.0  # seconds between attempts
LONGEST_RETRY_AFTER = 300.0
MOST_ATTEMPTS = 20  # how often in a row a server may say that it has too much to do
REDIRECTS = 5
_AGAIN = frozenset({408, 429, *range(500, 600)}) - {501, 505}

Body = bytes | Callable[[], AsyncIterator[bytes]] | None


class TooMuch(CouchregError):
    """An answer longer than is taken in one piece."""

    error = "too_large"


class PeerAnswer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    data: bytes

    def json(self) -> Any:
        """Raises Broken."""
        try:
            return json.decode(self.data)
        except CouchregError:
            raise Broken(f"The answer ({self.status}) is not JSON.") from None

    async def large_json(self) -> Any:
        """The same of a long text, which is read beside the loop. Raises Broken."""
        return self.json() if len(self.data) <= QUICK else await asyncio.to_thread(self.json)

    @property
    def reason(self) -> str:
        """What the server says is wrong, brief."""
        try:
            found = json.decode(self.data)
        except CouchregError:
            found = None
        if isinstance(found, dict):
            return f"{found.get('error', self.status)}: {str(found.get('reason', ''))[:500]}"
        return f"status {self.status}"


@dataclass(frozen=True, slots=True)
class Manners:
    """How requests are made. Times are in seconds."""

    timeout: float = 30.0
    retries: int = 5
    connections: int = 20
    verify: ssl.SSLContext | bool = True
    sleep: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep)


class PeerCalls:
    """Requests below one endpoint's URL."""

    def __init__(self, endpoint: Endpoint, networks: Networks, manners: Manners) -> None:
        self._endpoint = endpoint
        self._networks = networks
        self._manners = manners
        self._root = URL(endpoint.url, encoded=True)
        connector = aiohttp.TCPConnector(
            limit=max(manners.connections, 2),
            resolver=CheckedResolver(networks),
            ssl=manners.verify,
            use_dns_cache=False,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=manners.timeout, sock_read=manners.timeout
            ),
        )

    async def close(self) -> None:
        await self._session.close()

    def url(self, path: str, query: Mapping[str, str] | None = None) -> URL:
        """`path` is encoded already and stands below the database."""
        found = URL(str(self._root.with_query(None)).rstrip("/") + path, encoded=True)
        return found.update_query(dict(self._root.query) | dict(query or {}))

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        value: Any = None,
        body: Body = None,
        headers: Mapping[str, str] | None = None,
        retries: int | None = None,
        most: int = USUAL,
    ) -> PeerAnswer:
        """The answer, whatever its status below 500. Raises Broken, Forbidden, TooMuch."""
        sent = dict(headers or {})
        if value is not None:
            body, sent["Content-Type"] = json.encode(value), "application/json"

        async def once() -> PeerAnswer:
            async with self.stream(method, path, query=query, body=body, headers=sent) as response:
                return PeerAnswer(response.status, response.headers, await _read(response, most))

        return await self.patiently(f"{method} {self._shown(path)}", once, retries)

    async def patiently(
        self, what: str, once: Callable[[], Awaitable[PeerAnswer]], retries: int | None
    ) -> PeerAnswer:
        left = self._manners.retries if retries is None else retries
        wait, busy = FIRST_WAIT, 0
        while True:
            answer: PeerAnswer | None = None
            try:
                answer = await once()
            except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
                problem = _told(error)
            else:
                if answer.status not in _AGAIN:
                    return answer
                problem = f"{answer.status} {answer.reason}"
            asked = _retry_after(answer)
            if asked is not None and busy < MOST_ATTEMPTS:
                busy += 1
                await self._manners.sleep(asked)
                continue
            if left <= 0:
                raise Broken(f"{what}: {problem}")
            left -= 1
            await self._manners.sleep(wait * random.uniform(0.75, 1.25))  # noqa: S311
            wait = min(wait * 2, LONGEST_WAIT)

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Body = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One attempt. Raises Forbidden where the address may not be reached, and aiohttp's errors."""
        url = self.url(path, query)
        for _ in range(REDIRECTS + 1):
            async with self._send(method, url, body, headers) as response:
                location = response.headers.get("Location")
                if method not in ("GET", "HEAD") or response.status not in (301, 302, 303, 307, 308):
                    yield response
                    return
                if location is None:
                    raise Broken(f"{method} {self._shown(path)}: redirected to nowhere")
                try:
                    url = response.url.join(URL(location))
                except ValueError:
                    raise Broken(
                        f"{method} {self._shown(path)}: redirected to something that is not a URL"
                    ) from None
        raise Broken(f"{method} {self._shown(path)}: redirected too often")

    @asynccontextmanager
    async def _send(
        self, method: str, url: URL, body: Body, headers: Mapping[str, str] | None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        if url.scheme not in ("http", "https") or url.host is None:
            raise Broken("Redirected to something that is not a web address.")
        try:
            self._networks.check_literal(url.host)
            self._networks.check_literal(URL(self._endpoint.proxy or "").host or "")
            async with self._session.request(
                method,
                url,
                data=_sent(body),
                headers=self._headers(url, headers),
                allow_redirects=False,
                proxy=self._endpoint.proxy,
                skip_auto_headers=("Content-Type",),
            ) as response:
                yield response
        except AddressNotAllowed as error:
            raise Forbidden(str(error)) from None
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, AddressNotAllowed):
                raise Forbidden(str(error.os_error)) from None
            if isinstance(error, aiohttp.ClientConnectorDNSError):
                reason = f"could not resolve {self._endpoint.shown}"
                raise Failure(reason, error="nxdomain") from None
            raise
        except aiohttp.ClientConnectionError as error:
            if isinstance(error.__cause__, CouchregError):  # what we send could not be had
                raise error.__cause__ from None
            raise

    def _headers(self, url: URL, more: Mapping[str, str] | None) -> dict[str, str]:
        """What was given for this end goes to its own host and port alone."""
        sent = {"Accept": "application/json", "User-Agent": AGENT, "Accept-Encoding": "identity"}
        if url.origin() == self._root.origin():
            for name, text in self._endpoint.headers:
                sent = {key: value for key, value in sent.items() if key.lower() != name.lower()}
                sent[name] = text
            credentials = self._endpoint.credentials
            if credentials is not None:
                sent["Authorization"] = aiohttp.encode_basic_auth(
                    credentials.user, credentials.password, encoding="utf-8"
                )
        return sent | dict(more or {})

    def _shown(self, path: str) -> str:
        return self._endpoint.shown.rstrip("/") + path


def _sent(body: Body) -> Any:
    """A large one is handed over in pieces, since the loop would stand still for it."""
    if isinstance(body, bytes):
        return body if len(body) <= SMALL else io.BytesIO(body)
    return body() if callable(body) else body


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes:
    pieces, size = [], 0
    async for piece in response.content.iter_any():
        size += len(piece)
        if size > most:
            raise TooMuch(f"An answer has more than {most} bytes.")
        pieces.append(piece)
    return b"".join(pieces)


def _told(error: BaseException) -> str:
    """Why there was no answer. aiohttp's texts name hosts and never credentials."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return f"{type(error).__name__} {error}"[:300]


def _retry_after(answer: PeerAnswer | None) -> float | None:
    """Seconds that a busy server asks for; 429 without a number means a while."""
    if answer is None or answer.status not in (429, 503):
        return None
    text = answer.headers.get("Retry-After", "").strip()
    if text.isdigit():
        return min(float(text), LONGEST_RETRY_AFTER)
    return 1.0 if answer.status == 429 else None
