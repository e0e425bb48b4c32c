"""Rights and groups as a client sees them. Each method raises ClientError."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from couchreg.client.address import read_name
from couchreg.client.transport import Transport

Members = dict[str, Any]
Ask = Callable[..., Awaitable[Members]]  # a method, the parts of an address, and `value`


class ClientRights:
    """Who may read and publish which packages of one registry; `ask` sends a request."""

    def __init__(self, ask: Ask, transport: Transport) -> None:
        self._ask, self._transport = ask, transport

    async def set_access(self, package: str, access: str) -> Members:
        """`public` or `restricted`: `{access, owners, collaborators}` afterwards, as of all changes here."""
        name = read_name(package)
        found = await self._ask("POST", "-", "package", name, "access", value={"access": access})
        self._transport.stated(found, "access", str)
        return found

    async def is_public(self, package: str) -> bool:
        found = await self._ask("GET", "-", "package", read_name(package), "visibility")
        return self._transport.stated(found, "public", bool)

    async def collaborators(self, package: str) -> Members:
        """Account, or `group:NAME` -> `read-only` or `read-write`; owners are among them."""
        found = await self._ask("GET", "-", "package", read_name(package), "collaborators")
        return self._transport.stated_words(found)

    async def grant(self, package: str, who: str, right: str) -> Members:
        value, package = {"permissions": right}, read_name(package)
        return await self._ask("PUT", "-", "package", package, "collaborators", who, value=value)

    async def revoke(self, package: str, who: str) -> Members:
        return await self._ask("DELETE", "-", "package", read_name(package), "collaborators", who)

    async def restricted(self) -> Members:
        """The restricted packages that whoever asks may read -> `read-only` or `read-write`."""
        return self._transport.stated(await self._ask("GET", "-", "access"), "packages", dict)

    async def trusted(self, package: str) -> list[Members]:
        """`[{id, issuer, claims, owner, created}]`: the jobs elsewhere that may publish a package."""
        found = await self._ask("GET", "-", "trust", read_name(package))
        return self._transport.stated(found, "publishers", list)

    async def trust(self, package: str, issuer: str, claims: Mapping[str, str]) -> Members:
        """The publisher that was made."""
        value = {"issuer": issuer, "claims": dict(claims)}
        return await self._ask("POST", "-", "trust", package, value=value)

    async def distrust(self, package: str, publisher: str) -> None:
        await self._ask("DELETE", "-", "trust", package, publisher)

    async def audience(self) -> str:
        """For whom the identity token of a job has to be."""
        return self._transport.stated(await self._ask("GET", "-", "oidc", "audience"), "audience", str)

    async def exchange(self, token: str, package: str | None = None) -> Members:
        """`{token, packages, expires}` for the identity token of a job."""
        value = {"token": token, **({"package": package} if package else {})}
        return await self._ask("POST", "-", "oidc", "token", value=value)

    async def groups(self) -> list[Members]:
        """`[{name, owners, members}]` of those that whoever asks is in."""
        return self._transport.stated(await self._ask("GET", "-", "groups"), "groups", list)

    async def group(self, name: str) -> Members:
        return await self._ask("GET", "-", "groups", name)

    async def create_group(self, name: str) -> Members:
        return await self._ask("PUT", "-", "groups", name)

    async def delete_group(self, name: str) -> None:
        await self._ask("DELETE", "-", "groups", name)

    async def add_member(self, group: str, user: str, *, owner: bool = False) -> Members:
        """The group afterwards."""
        return await self._ask("PUT", "-", "groups", group, "members", user, value={"owner": owner})

    async def remove_member(self, group: str, user: str) -> Members:
        """The group afterwards."""
        return await self._ask("DELETE", "-", "groups", group, "members", user)
