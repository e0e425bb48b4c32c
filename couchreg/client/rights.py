"""Rights and groups as a client sees them. Each method raises ClientError."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Members = dict[str, Any]
Ask = Callable[..., Awaitable[Members]]  # a method, the parts of an address, and `value`


class ClientRights:
    """Who may read and publish which packages of one registry; `ask` sends a request."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def set_access(self, package: str, access: str) -> Members:
        """`public` or `restricted`: `{access, owners, collaborators}` afterwards, as of all changes here."""
        return await self._ask("POST", "-", "package", package, "access", value={"access": access})

    async def is_public(self, package: str) -> bool:
        return bool((await self._ask("GET", "-", "package", package, "visibility")).get("public"))

    async def collaborators(self, package: str) -> Members:
        """Account, or `group:NAME` -> `read-only` or `read-write`; owners are among them."""
        return await self._ask("GET", "-", "package", package, "collaborators")

    async def grant(self, package: str, who: str, right: str) -> Members:
        value = {"permissions": right}
        return await self._ask("PUT", "-", "package", package, "collaborators", who, value=value)

    async def revoke(self, package: str, who: str) -> Members:
        return await self._ask("DELETE", "-", "package", package, "collaborators", who)

    async def restricted(self) -> Members:
        """The restricted packages that whoever asks may read -> `read-only` or `read-write`."""
        return dict((await self._ask("GET", "-", "access")).get("packages", {}))

    async def trusted(self, package: str) -> list[Members]:
        """`[{id, issuer, claims, owner, created}]`: the jobs elsewhere that may publish a package."""
        return list((await self._ask("GET", "-", "trust", package)).get("publishers", []))

    async def trust(self, package: str, issuer: str, claims: Mapping[str, str]) -> Members:
        """The publisher that was made."""
        value = {"issuer": issuer, "claims": dict(claims)}
        return await self._ask("POST", "-", "trust", package, value=value)

    async def distrust(self, package: str, publisher: str) -> None:
        await self._ask("DELETE", "-", "trust", package, publisher)

    async def audience(self) -> str:
        """For whom the identity token of a job has to be."""
        return str((await self._ask("GET", "-", "oidc", "audience")).get("audience", ""))

    async def exchange(self, token: str, package: str | None = None) -> Members:
        """`{token, packages, expires}` for the identity token of a job."""
        value = {"token": token, **({"package": package} if package else {})}
        return await self._ask("POST", "-", "oidc", "token", value=value)

    async def groups(self) -> list[Members]:
        """`[{name, owners, members}]` of those that whoever asks is in."""
        return list((await self._ask("GET", "-", "groups")).get("groups", []))

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
