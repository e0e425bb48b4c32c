"""Requests about one database: its name in front, its answers read."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, Self, TypeVar

import msgspec

from couchreg.docstore.remote.address import database_path
from couchreg.docstore.remote.calls import QUICK, UNREADABLE, CouchAnswer, CouchCalls
from couchreg.errors import Failure, Unsure
from couchreg.model import json

T = TypeVar("T")

ATTEMPTS: Final = 5  # to have a local document on a majority of nodes
AGAIN: Final = 0.1  # seconds before the second
LARGE: Final = 256 << 10  # bytes of a request that are put together beside the loop


class DatabaseCalls:
    def __init__(self, calls: CouchCalls, physical: str) -> None:
        self.calls = calls
        self.path = database_path(physical)

    @classmethod
    def at(cls, calls: CouchCalls, path: str) -> Self:
        """Requests to what lies at a path."""
        found = cls(calls, "")
        found.path = path
        return found

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        value: Any = None,
        body: bytes | None = None,
        repeat: bool = True,
        gated: bool = True,
    ) -> CouchAnswer:
        """As `CouchCalls.ask`; `value` is sent as JSON."""
        if value is not None:
            body = json.encode(value)
        wait = AGAIN
        for _ in range(ATTEMPTS):
            answer = await self.calls.ask(
                method, self.path + path, query=query, body=body, repeat=repeat, gated=gated
            )
            if answer.status != 202 or not path.startswith("/_local/"):
                return answer
            await asyncio.sleep(wait)  # written by fewer nodes than a majority: that is no acknowledgement
            wait *= 2
        raise Unsure("Too few nodes of the CouchDB behind this server have written this.", retry_after=5)

    @staticmethod
    async def decoded(answer: CouchAnswer, decoder: "msgspec.json.Decoder[T]") -> T:
        """What a list says. Raises what its status means, and Failure for what is another thing."""
        answer.check()
        try:
            if len(answer.data) <= QUICK:
                return decoder.decode(answer.data)
            return await asyncio.to_thread(decoder.decode, answer.data)
        except msgspec.MsgspecError:
            raise Failure(UNREADABLE) from None
