"""Requests to a registry: addresses, credentials, time limits, and answers turned into errors.

Knows HTTP and nothing of packages. A password goes to the registry's own origin only.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import aiohttp
from yarl import URL

from couchreg.client.errors import (
    AlreadyPublished,
    ClientError,
    Invalid,
    Missing,
    NotAllowed,
    Unreachable,
    UsageError,
    not_a_registry,
)
from couchreg.errors import BadRequest
from couchreg.model import json

MAX_ANSWER = 64 << 20  # bytes of a JSON answer; descriptors are far below
_GREETING = 1 << 16  # bytes of what a server says of itself
_COUCH = (
    "it speaks CouchDB's protocol. If it is a couchreg's, the registry has an address of its own, "
    "which couchreg serve shows."
)
_CONNECT, _SILENCE, _CHECKING = 10, 60, 3600  # seconds: to connect, of silence, of checks

_FOREIGN = (400, 404, 405)  # what other servers answer to a registry's questions
Member = TypeVar("Member")

Progress = Callable[[int], None]  # told how many more bytes are done


def no_progress(_: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Credentials:
    user: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials({self.user!r}, …)"

    def header(self) -> dict[str, str]:
        return {"Authorization": aiohttp.encode_basic_auth(self.user, self.password)}


@dataclass(frozen=True, slots=True)
class Token:
    """An API token in place of a name and a password."""

    text: str

    def __repr__(self) -> str:
        return "Token(…)"

    def header(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.text}"}


Login = Credentials | Token


def registry_url(text: str) -> tuple[URL, Credentials | None]:
    """The address of a registry and the credentials written into it. Raises UsageError."""
    try:
        url = URL(text)
    except ValueError:
        url = URL()
    if url.scheme not in ("http", "https") or not url.host or url.query_string or url.fragment:
        shown = text.rpartition("@")[2]
        raise UsageError(f"{shown!r} is not the address of a registry: write it like http://127.0.0.1:8000.")
    written = Credentials(url.user, url.password) if url.user and url.password else None
    return url.with_user(None).with_path(url.path.rstrip("/") or "/"), written


class Transport:
    """A session with one registry, or with `couch` one of CouchDB's protocol, from `open` to `close`."""

    def __init__(self, url: str, credentials: Login | None = None, *, couch: bool = False) -> None:
        self.url, written = registry_url(url)
        self.credentials: Login | None = credentials or written
        self._session: aiohttp.ClientSession | None = None
        self._is_known = couch  # whether nobody doubts any more what answers there

    async def open(self) -> None:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT, sock_read=_SILENCE)
        headers = {"Accept-Encoding": "identity"} | (self.credentials.header() if self.credentials else {})
        self._session = aiohttp.ClientSession(timeout=timeout, headers=headers, auto_decompress=False)

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def address(self, *segments: str, query: Mapping[str, str] | None = None) -> URL:
        """The URL below the registry's address; each segment is percent-encoded whole."""
        path = "/".join(quote(segment, safe="@") for segment in segments)
        url = URL(f"{str(self.url).rstrip('/')}/{path}", encoded=True)
        return url.with_query(query) if query else url

    @staticmethod
    def below(url: URL, *segments: str) -> URL:
        """The URL below another one of the registry's."""
        path = "/".join(quote(segment, safe="@") for segment in segments)
        return URL(f"{str(url).rstrip('/')}/{path}", encoded=True)

    @asynccontextmanager
    async def request(
        self, method: str, url: URL, *, headers: Mapping[str, str] | None = None, data: Any = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """A response whose status is below 400. Raises ClientError for all else."""
        if self._session is None:
            raise UsageError(f"The client of {self.url} is closed: open another one.")
        timeout = self._session.timeout if data is None else _sending()
        try:
            async with self._session.request(
                method, url, headers=headers, data=data, timeout=timeout, allow_redirects=data is None
            ) as response:
                if response.status >= 400:
                    if response.status == 401 and response.url.origin() != self.url.origin():
                        raise _moved(self.url, response.url, "your login is not sent there")
                    error = await _error(response)
                    is_ours = response.url.origin() == self.url.origin() and _is_json(response)
                    if response.status in _FOREIGN and is_ours:
                        await self._see_registry()
                    raise error
                if 300 <= response.status < 400:  # not gone after: what is sent is for this address
                    place = response.url.join(URL(response.headers.get("Location", "")))
                    raise _moved(self.url, place, "nothing was sent there")
                yield response
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError) as error:
            raise Unreachable(self._silence(error)) from error
        except aiohttp.ClientError as error:
            raise not_a_registry(self.url, f"{error}.") from error

    async def _see_registry(self) -> None:
        """Raises ClientError where another server is at the address. One that does not say is believed."""
        if self._is_known or self._session is None:
            return
        headers = {"Accept": "application/json"}
        async with self._session.get(self.url, headers=headers) as response:
            if response.status != 200 and response.status not in _FOREIGN:
                return
            body = await response.content.read(_GREETING)
        try:
            said = json.decode(body)
        except BadRequest:
            said = None
        if isinstance(said, dict) and "couchdb" in said:
            raise not_a_registry(self.url, _COUCH)
        if response.status != 200 or not isinstance(said, dict) or "couchreg" not in said:
            raise not_a_registry(self.url)
        self._is_known = True

    def stated(self, answer: Any, name: str, kind: type[Member]) -> Member:
        """A member that a registry's answer to this question always has. Raises ClientError."""
        found = answer.get(name) if isinstance(answer, dict) else None
        if not isinstance(found, kind):
            raise not_a_registry(self.url)
        return found

    def stated_words(self, answer: Any) -> dict[str, Any]:
        """An answer of which nothing is known but that it has texts for names. Raises ClientError."""
        if not isinstance(answer, dict) or not all(isinstance(word, str) for word in answer.values()):
            raise not_a_registry(self.url)
        return answer

    def _silence(self, error: Exception) -> str:
        if isinstance(error, aiohttp.ClientConnectorError):
            return (
                f"No registry answers at {self.url}: is it running, and is "
                f"the address right? ({error.strerror})"
            )
        return f"The connection to {self.url} was lost: try again."

    async def json(self, url: URL) -> Any:
        """The JSON value at an address."""
        async with self.request("GET", url, headers={"Accept": "application/json"}) as response:
            return await read_json(response)

    async def send(self, method: str, url: URL, value: Any = None) -> Any:
        """The JSON answer to a request with a small JSON body, or with None of it without a body."""
        headers = {"Accept": "application/json"}
        if value is None:
            async with self.request(method, url, headers=headers) as response:
                return await read_json(response)
        headers["Content-Type"] = "application/json"
        async with self.request(method, url, headers=headers, data=json.encode(value)) as response:
            return await read_json(response)


def _sending() -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT, sock_read=_CHECKING)


async def read_json(response: aiohttp.ClientResponse) -> Any:
    """The JSON body of an answer. Raises ClientError when it is none, or is too large."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(1 << 16):
        body += chunk
        if len(body) > MAX_ANSWER:
            raise ClientError(f"The answer of {response.url.origin()} is too large.")
    try:
        return json.decode(bytes(body))
    except BadRequest:
        raise not_a_registry(response.url.origin(), _why_no_json(response)) from None


def _why_no_json(response: aiohttp.ClientResponse) -> str:
    if response.content_type != "text/html":
        return "its answer is not JSON."
    return (
        "it answers with a page. A proxy may answer in its place, or a network that wants a login: open the "
        "address in a browser."
    )


_BY_STATUS: dict[int, type[ClientError]] = {
    401: NotAllowed,
    403: NotAllowed,
    400: UsageError,
    404: Missing,
    409: AlreadyPublished,
}
_WAIT = {429, 502, 503, 504}


def _moved(url: URL, place: URL, why: str) -> ClientError:
    """A login, and what is sent, are for the address that was named: to name another is the user's to do."""
    shown = place.origin() if place.absolute and place.host else "somewhere else"
    return NotAllowed(f"{url} leads to {shown}, and {why}: is that the address of the registry?")


def _is_json(response: aiohttp.ClientResponse) -> bool:
    return response.content_type == "application/json"


async def _error(response: aiohttp.ClientResponse) -> ClientError:
    """The error that an answer of 400 and more stands for."""
    said = f"{response.status} {response.reason}"
    later = f"Try again in {response.headers.get('Retry-After', 'a few')} seconds."
    if not _is_json(response):
        place = f"Something in front of the registry at {response.url.origin()} answers in its place ({said})"
        if response.status in _WAIT:
            return Unreachable(f"{place}: the registry may be down. {later}")
        if response.status == 413:
            return ClientError(
                f"{place}: it takes no request that large. Whoever runs it can let larger ones through, as "
                "with client_max_body_size of nginx."
            )
        return ClientError(f"{place}: is the address right, or is there a proxy that wants a login?")
    if response.method == "HEAD":
        answer: dict[str, Any] = {"reason": f"The registry answered {said}."}
    else:
        found = await read_json(response)
        answer = found if isinstance(found, dict) else {}
    reason = answer.get("reason")
    if response.status not in _WAIT and not isinstance(reason, str):
        raise not_a_registry(response.url.origin(), f"it answered {said}.")
    reason = str(reason or f"The registry answered {said}.")
    if response.status == 422:
        return Invalid(reason, answer.get("report", answer))
    if response.status in _WAIT:
        return Unreachable(f"{reason} {later}")
    return _BY_STATUS.get(response.status, ClientError)(reason)
