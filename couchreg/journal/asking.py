"""Which request is under way, and what is written down of it: `record` is called where something is done.

A request is known by a context variable, so it goes along with whatever the request starts, also with work
that outlives it. Nothing is written where nobody keeps a trail.
"""

import re
from collections.abc import Mapping
from contextvars import ContextVar
from random import getrandbits
from typing import Any, NamedTuple, Protocol

NAMES = ("X-Couch-Request-ID", "X-Request-ID")  # under which a client or a proxy gives a request its name
_NAME = re.compile(r"[A-Za-z0-9_-]{0,36}")
LONGEST = 200  # characters of a value in the trail


class Trail(Protocol):
    """Where it is written down who changed what."""

    def write(self, asked: "Asked", action: str, what: Mapping[str, Any]) -> None: ...


class Counted(Protocol):
    """How much one may ask for; `kind` and `name` say who that is."""

    def admit(self, kind: str, name: str) -> None: ...

    def charge(self, kind: str, name: str, size: int) -> None: ...


class Asked:
    """One request, or what the server does by itself. `route` is the pattern of its path, `user` who has been
    believed to send it, `token` the id of the token that they came with."""

    # What most leave as it is: a class has these at no cost for each of them.
    user: str | None = None
    token: str | None = None
    address = ""
    route = ""
    counts = False  # whether what is sent is theirs to account for

    def __init__(
        self,
        door: str,
        headers: Mapping[str, str],
        trail: Trail | None,
        limits: Counted | None = None,
        began: float = 0.0,
    ) -> None:
        self.door = door
        self.trail = trail
        self.limits = limits  # what bounds those who ask
        self.began = began  # monotonic seconds; 0 for what is no request
        # What the client calls it, if that is a name, else one that nothing can be told from.
        self.id = request_name(headers)


class Over(NamedTuple):
    """A request that is over. `target` is as it was sent; `size` in bytes that were sent, the head included;
    `seconds` from the head of the request to the end of the answer, which was at `ended`, monotonic."""

    asked: Asked
    method: str
    target: str
    status: int
    size: int
    seconds: float
    ended: float


UNDER_WAY: ContextVar[Asked | None] = ContextVar("UNDER_WAY", default=None)


def request_name(headers: Mapping[str, str]) -> str:
    """A name for a request: the client's own word, if it is one."""
    for name in NAMES:
        given = headers.get(name)
        if given is not None and _NAME.fullmatch(given):
            return given
    return f"{getrandbits(40):010x}"


def record(action: str, **what: Any) -> None:
    """Write down that something was done, by whoever asks: `what` names it, and never says a secret. Texts
    are cut, and what is None is left out. `by` is who did it, where that is known better."""
    asked = UNDER_WAY.get()
    if asked is None or asked.trail is None:
        return
    asked.trail.write(asked, action, {name: _cut(value) for name, value in what.items() if value is not None})


def _cut(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= LONGEST else value[:LONGEST] + "…"
    if isinstance(value, list | tuple):
        return [_cut(one) for one in value[:LONGEST]]
    return value
