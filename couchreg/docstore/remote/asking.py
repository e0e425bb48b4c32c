"""Requests about one database: its name in front, its answers read."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from couchreg.docstore.remote.address import database_path
from couchreg.docstore.remote.calls import QUICK, UNREADABLE, CouchAnswer, CouchCalls
from couchreg.errors import Failure
from couchreg.model import json

T = TypeVar("T")

LARGE: Final = 256 << 10  # bytes of a request that are put together beside the loop


class DatabaseCalls:
    def __init__(self, calls: CouchCalls, physical: str) -> None:
        self.calls = calls
        self.path = database_path(physical)

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
        return await self.calls.ask(
            method, self.path + path, query=query, body=body, repeat=repeat, gated=gated
        )

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
