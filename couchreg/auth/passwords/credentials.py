"""What authentication compares a password with, and where that is found."""

from collections.abc import Awaitable, Callable, Hashable
from typing import NamedTuple, Protocol

from couchreg.auth.passwords.hashes import PasswordHash
from couchreg.auth.passwords.totp import Totp
from couchreg.model.user import User

Keep = Callable[[PasswordHash], Awaitable[None]]


class Credential(NamedTuple):
    """A user as they will be once the password has been verified, and its hash."""

    user: User
    hashed: PasswordHash
    totp: Totp | None = None  # a second factor: the password alone is not enough
    keep: Keep | None = None  # keeps a better hash of the same password; None: this one stays


class CredentialSource(Protocol):
    """Server admins are one source, the documents of `_users` another."""

    def version(self, name: str) -> Hashable:
        """Changes whenever the answer of `credential(name)` may have. Cheap: asked on every request."""

    async def credential(self, name: str) -> Credential | None: ...

    async def disabled(self, name: str) -> bool:
        """Whether nobody may be this user, whatever proves who they are."""

    async def mark(self, name: str) -> str | None:
        """Where the account stands now; None where there is none."""

    async def follows(self, name: str, mark: str) -> bool:
        """Whether the account of today is the one that had this mark: it has not been gone in between."""
