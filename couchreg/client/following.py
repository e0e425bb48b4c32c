"""Following a publish that the registry is checking, until it has come to an end.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Any

import aiohttp
from yarl import URL

from couchreg.client.errors import AlreadyPublished, ClientError, Invalid, NotAllowed, Unreachable
from couchreg.client.transport import MAX_ANSWER, Transport
from couchreg.errors import BadRequest
from couchreg.model import json

Told = Callable[[Mapping[str, Any]], None]  # is given each status as it comes
MOST_ATTEMPTS = 8  # attempts to reach the registry, one after another; with pauses two minutes
_LONGEST = 30.0  # seconds between two
_DATA = b"data: "
_KINDS: dict[str, type[ClientError]] = {
    "conflict": AlreadyPublished,
    "unauthorized": NotAllowed,
    "forbidden": NotAllowed,
}


def unheard(_: Mapping[str, Any]) -> None:
    """Nobody wants to know."""


def status_address(transport: Transport, status: Any) -> URL:
    """Where a publish is: at this registry, whatever address a status tells. Raises ClientError."""
    found = status.get("id") if isinstance(status, dict) else None
    if not isinstance(found, str) or not found:
        raise ClientError("The registry's answer to what is to be published makes no sense.")
    return transport.address("-", "publishing", found)


async def ended(
    transport: Transport, answer: Any, status: int, told: Told, *, wait: bool
) -> tuple[Any, bool]:
    """The answer to a publish when it is over, and whether the version is new; without `wait` the status of
    one that is being checked. Raises as `follow`."""
    if status != 202:
        return answer, status == 201
    url = status_address(transport, answer)
    if not wait and answer.get("state") == "checking":
        return answer, True
    found = await follow(transport, url, told)
    return found, bool(found.get("created", True))


async def follow(transport: Transport, url: URL, told: Told) -> dict[str, Any]:
    """What came of a publish: `{rev, created, url, unchecked, report}`. A registry that is
    away for a while is waited for.

    Raises Invalid with the report of a package that was refused, and what else stood in the way.
    """
    failures = 0
    while True:
        try:
            async for status in _statuses(transport, url):
                failures = 0
                told(status)
                if status.get("state") != "checking":
                    return _outcome(status)
        except Unreachable:
            failures += 1
            if failures == MOST_ATTEMPTS:
                raise
        await asyncio.sleep(min(2**failures, _LONGEST))
        with suppress(Unreachable):  # what stands in between may keep a stream back, and not an answer
            status = await transport.json(url)
            failures = 0
            told(status)
            if status.get("state") != "checking":
                return _outcome(status)


async def _statuses(transport: Transport, url: URL) -> AsyncIterator[dict[str, Any]]:
    headers = {"Accept": "text/event-stream"}
    async with transport.request("GET", url, headers=headers) as response:
        async for line in _lines(response):
            if line.startswith(_DATA):
                try:
                    status = json.decode(line.removeprefix(_DATA))
                except BadRequest:
                    raise ClientError("The registry's account of the check makes no sense.") from None
                if isinstance(status, dict):
                    yield status


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The lines of a stream, of whatever length: a status may have a whole report in it."""
    held = b""
    async for chunk in response.content.iter_any():
        *lines, held = (held + chunk).split(b"\n")
        if len(held) > MAX_ANSWER:
            raise ClientError("The registry's account of the check is too large.")
        for line in lines:
            yield line


def _outcome(status: Mapping[str, Any]) -> dict[str, Any]:
    published = status.get("published")
    if status.get("state") == "published" and isinstance(published, dict):
        return dict(published)
    reason = str(status.get("reason") or "The publish came to no end.")
    report = status.get("report")
    if status.get("state") == "refused" and isinstance(report, dict):
        raise Invalid(reason, report)
    raise _KINDS.get(str(status.get("error")), ClientError)(reason)
