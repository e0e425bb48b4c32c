"""The search alone, at a port of its own: for a follower on another machine.

`GET /-/search` as the registry answers it, with how far it is behind; `GET /-/followers`; `GET /_up`. The
addresses of hits are the registry's. There are no accounts here: who reaches the port may ask.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from couchreg.errors import BadRequest, NotImplementedHere, Unavailable
from couchreg.followers.loop import Status
from couchreg.followers.search.explaining import Found
from couchreg.followers.search.query import Query
from couchreg.http.registry.frame.answers import answer, answer_errors
from couchreg.http.registry.frame.numbers import whole_number
from couchreg.http.registry.reading.followers import row
from couchreg.http.registry.reading.search import answered
from couchreg.model.addresses import origin

HEALTHY = frozenset({"working", "waiting"})


@dataclass(frozen=True, slots=True)
class SearchApart:
    """What this door stands on. `base` is the registry's address; `lag` is said with every answer."""

    base: str
    look: Callable[[Query, tuple[str, ...]], Awaitable[Found]]
    status: Callable[[], Awaitable[Status]]
    lag: Callable[[], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request, as `reading.search` wants it."""

    request: web.Request
    services: SearchApart

    @property
    def base(self) -> str:
        return self.services.base

    def number(self, name: str, default: int, most: int) -> int:
        text = self.request.query.get(name)
        found = whole_number(text, most) if text else default
        if found is None:
            raise BadRequest(f"“{name}” must be a number from 0 to {most}.")
        return found

    async def look(self, query: Query) -> Found:
        return await self.services.look(query, (f"network {origin(self.request.remote or '')}",))

    async def most_downloaded(self) -> Iterable[tuple[str, int]]:
        raise NotImplementedHere("How often packages are downloaded is known to their registry alone.")


def search_application(services: SearchApart) -> web.Application:
    """The application of a follower's port."""
    current = False  # whether it has ever come to the end of the changes

    async def search(request: web.Request) -> web.StreamResponse:
        return await answered(_Asked(request, services), {"lag": services.lag()})

    async def followers(request: web.Request) -> web.StreamResponse:
        told = row(await services.status(), detailed=True)
        return answer({"followers": [told], "source": services.base, "lag": services.lag()})

    async def up(request: web.Request) -> web.StreamResponse:
        """503 while the registry cannot be reached, and until the index was current once."""
        nonlocal current
        found = await services.status()
        current = current or found.state == "waiting"
        if found.state not in HEALTHY:
            raise Unavailable(found.last_error or "It has not begun yet.", retry_after=5)
        if not current:
            raise Unavailable("The registry is being read for the first time.", retry_after=5)
        return answer({"status": "ok"})

    application = web.Application(middlewares=[answer_errors])
    for path, handler in (("/-/search", search), ("/-/followers", followers), ("/_up", up)):
        application.router.add_get(path, handler)
    return application
