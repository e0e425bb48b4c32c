"""Who asks for packages just now. A context variable says it, so that it goes along with whatever a request
starts; where nobody has said anything it is the server itself, which sees everything."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from fnmatch import fnmatchcase
from typing import NamedTuple

from couchreg.model.user import User


class Asker(NamedTuple):
    """Somebody with their account, or nobody. A token for certain packages (`patterns`) opens no others that
    are restricted; without patterns there is no such bound."""

    name: str | None = None
    is_admin: bool = False
    patterns: tuple[str, ...] = ()

    @property
    def sees_all(self) -> bool:
        return self.is_admin and not self.patterns

    def is_bound_to(self, package: str) -> bool:
        return not self.patterns or any(fnmatchcase(package, pattern) for pattern in self.patterns)


SERVER = Asker("couchreg", is_admin=True)
STRANGER = Asker()
ASKER: ContextVar[Asker] = ContextVar("ASKER", default=SERVER)


def asker_of(user: User, patterns: tuple[str, ...] = ()) -> Asker:
    """As whom a user asks."""
    return Asker(user.name, user.is_admin, patterns)


@contextmanager
def asking(asker: Asker) -> Iterator[None]:
    """For what is done inside, this is who asks."""
    before = ASKER.set(asker)
    try:
        yield
    finally:
        ASKER.reset(before)
