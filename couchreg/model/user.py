"""Who asks: the value that travels with every write. Deciding what they may do is `auth`'s."""

from dataclasses import dataclass

ADMIN_ROLE = "_admin"


@dataclass(frozen=True, slots=True)
class User:
    """A CouchDB user context: `name` is None for an anonymous one."""

    name: str | None = None
    roles: tuple[str, ...] = ()

    @property
    def is_admin(self) -> bool:
        return ADMIN_ROLE in self.roles


ANONYMOUS = User()
SYSTEM = User("couchreg", (ADMIN_ROLE,))
