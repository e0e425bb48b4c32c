"""Who has begun something that goes on without them: kept with it, and asked again before it is done.

A request is over long before a large package has been checked. What it was believed on, a password or a
token, is gone by then; whose account it was is kept, and has to be the same, with the same roles, when the
version is written.
"""

from collections.abc import Sequence

import msgspec

from couchreg.auth.login.authenticator import CHANGED, Authenticator, Identity
from couchreg.auth.tokens import Grant, Mark, Scope, limited
from couchreg.errors import Unauthorized
from couchreg.model.user import User


class Pledge(msgspec.Struct, frozen=True):
    """An account, and the token that spoke for it, if it was one. No secret is in it."""

    name: str
    roles: tuple[str, ...]
    account: Mark
    token: str | None = None  # its id


class Pledges:
    """Takes and redeems them."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    async def take(self, identity: Identity) -> Pledge:
        """Of whoever sends a request now. Raises Unauthorized for nobody."""
        name = identity.user.name
        if name is None:
            raise Unauthorized("Log in to do this.")
        mark = await self._authenticator.mark(name)
        token = identity.grant.id if identity.grant is not None else None
        return Pledge(name, identity.user.roles, mark, token)

    async def belongs(self, pledge: Pledge, identity: Identity) -> bool:
        """Whether it is this account's: not an earlier one's of the same name."""
        same = identity.user.name == pledge.name
        return same and await self._authenticator.follows(pledge.name, pledge.account)

    async def redeem(self, pledge: Pledge, package: str) -> User:
        """Who it was. Raises Unauthorized when the account has gone, is somebody else's now or has other
        roles, or its token has ended; Forbidden for a token that is not for this package."""
        user = await self._authenticator.user(pledge.name)
        if user is None or not await self._authenticator.follows(pledge.name, pledge.account):
            raise Unauthorized(CHANGED)
        if pledge.token is not None:
            grant = await self._grant(pledge.name, pledge.token)
            grant.require(Scope.PUBLISH, package)
            user = limited(user, grant.scope)
        if _sorted(user.roles) != _sorted(pledge.roles):
            raise Unauthorized(CHANGED)
        return user

    async def _grant(self, name: str, token: str) -> Grant:
        tokens = self._authenticator.tokens
        for kept in await tokens.list(name) if tokens is not None else ():
            if kept.id == token:
                return Grant(kept.id, kept.scope, kept.packages)
        raise Unauthorized(CHANGED)


def _sorted(roles: Sequence[str]) -> list[str]:
    return sorted(roles)
