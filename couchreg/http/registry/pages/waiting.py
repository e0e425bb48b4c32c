"""How long a page waits for what children make: a moment, so that it is there at once with what is known, or
as long as a person would, for the rest of it.

A page that has waited in vain says so, and comes with a script that asks for the same with `rest`; without a
script a link does. It goes on being made for some seconds, and as long as somebody waits; then it is kept, so
that who looks next has all of it at once.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from yarl import URL

from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.rendered import Key

T = TypeVar("T")
FILLING: Final = "rest.js"  # the script
_REST: Final = "rest"  # the parameter
_AT_ONCE: Final = 0.05  # seconds for everything that a page waits for
_FOR_TABLE: Final = 3.0  # seconds for a table that is still being made, of who asks for the rest
_FOR_SPREADS: Final = 0.3  # for pictures of columns
_FOR_PICTURES: Final = 1.0  # for other pictures
_FOR_LOOKING: Final = 10.0  # to look through a file, with the wait for a turn
_FOR_ANSWERS: Final = 3600.0  # for rows and answers, which have limits of their own


class PageDeadline:
    """Of one request."""

    def __init__(self, address: str, *, longer: bool) -> None:
        """`address`: where the rest is, where not all is waited for."""
        self._address = address
        self._longer = longer
        self._end = asyncio.get_running_loop().time() + _AT_ONCE
        self._is_over = False
        self.for_table, self.for_answers = _FOR_TABLE, _FOR_ANSWERS
        self.for_spreads, self.for_pictures, self.for_looking = _FOR_SPREADS, _FOR_PICTURES, _FOR_LOOKING

    @property
    def is_over(self) -> bool:
        """Whether something was not there in time that will be if the rest is asked for."""
        return self._is_over

    @property
    def rest(self) -> str:
        """Where that is; empty where nothing is missing."""
        return self._address if self._is_over else ""

    @asynccontextmanager
    async def time(self, seconds: float) -> AsyncIterator[None]:
        """Ends the block when it has taken so long, or as long as is left of the moment."""
        left = seconds if self._longer else max(0.0, self._end - asyncio.get_running_loop().time())
        try:
            async with asyncio.timeout(left) as limit:
                yield
        except TimeoutError:
            if not limit.expired():
                raise
            self._is_over = self._is_over or not self._longer


async def made(call: Call, key: Key, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What a child makes for this page, and goes on with for a while where the page no longer waits for it.
    It is for whoever asks the same as the same person: that they may have it is found out before, for each
    request anew. Ends when the client goes. Raises what `make` does."""
    with call.while_there():
        whole = (*key, call.askers[0], str(call.grant))
        return await call.services.fillings.made(whole, make, call.askers)


def deadline_of(call: Call) -> PageDeadline:
    url = call.request.rel_url
    rest = URL("/").with_query({**url.query, _REST: "1"}).raw_query_string
    return PageDeadline(f"?{rest}", longer=_REST in url.query)
