"""Who asks: the value that travels with every write. Deciding what they may do is `auth`'s."""

from dataclasses import dataclass, field

ADMIN_ROLE = "_admin"


@dataclass(frozen=True, slots=True)
class User:
    """A CouchDB user context: `name` is None for an anonymous one."""

    name: str | None = None
    roles: tuple[str, ...] = ()
    is_admin: bool = field(init=False, repr=False, compare=False)  # follows from the roles

    def __post_init__(self) -> None:
        object.__setattr__(self, "is_admin", ADMIN_ROLE in self.roles)


ANONYMOUS = User()
SYSTEM = User("couchreg", (ADMIN_ROLE,))
