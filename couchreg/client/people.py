"""Accounts, tokens and owners as a client sees them. Each method raises ClientError."""

from collections.abc import Sequence
from typing import Any

from couchreg.client.address import read_name
from couchreg.client.errors import not_a_registry
from couchreg.client.rights import ClientRights
from couchreg.client.transport import Transport

Members = dict[str, Any]


class People:
    """Who may do what at one registry."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.rights = ClientRights(self._object, transport)

    async def register(self, name: str, password: str, email: str | None = None) -> None:
        """Create an account."""
        body = {"name": name, "password": password, **({"email": email} if email else {})}
        await self._do("PUT", "adduser", name, value=body)

    async def whoami(self) -> Members:
        """`{name, roles, packages}`, and `token` for one who came with a token."""
        found = await self._object("GET", "-", "whoami")
        self._transport.stated(found, "roles", list)
        return found

    async def change_password(self, name: str, password: str, *, revoke_tokens: bool = False) -> None:
        """Takes a login with the password that counts so far; `revoke_tokens` ends all tokens with it."""
        body = {"password": password, **({"revoke_tokens": True} if revoke_tokens else {})}
        await self._do("PUT", "-", "user", name, value=body)

    async def all_users(self) -> list[Members]:
        """`[{name, email, roles, disabled}]` of every account, by name; for administrators."""
        found: list[Members] = []
        start: str | None = ""
        while start is not None:
            address = self._transport.address("-", "users").update_query({"start": start, "limit": "1000"})
            page = await self._transport.send("GET", address, None)
            found += self._transport.stated(page, "users", list)
            start = page.get("next")
        return found

    async def disable(self, name: str) -> None:
        """Nobody logs in with this account any more; for administrators."""
        await self._do("PUT", "-", "user", name, value={"disabled": True})

    async def restore(self, name: str, password: str | None = None) -> None:
        """Undo that, or make the account of somebody anew who owns packages; for administrators."""
        body = {"restore": True, **({"password": password} if password is not None else {})}
        await self._do("PUT", "-", "user", name, value=body)

    async def create_token(
        self, scope: str, *, packages: Sequence[str] = (), lifetime: float | None = None, label: str = ""
    ) -> Members:
        """`{token, id, scope, packages, label, created, expires, used}`; `lifetime` is in seconds: 0 for one
        without an end, None for what is usual at this registry."""
        body: Members = {"scope": scope, "packages": list(packages), "label": label}
        if lifetime is not None:
            body["lifetime"] = lifetime or None
        made = await self._object("POST", "-", "tokens", value=body)
        self._transport.stated(made, "token", str)
        return made

    async def tokens(self) -> list[Members]:
        """The tokens of whoever asks, without their texts."""
        return self._transport.stated(await self._object("GET", "-", "tokens"), "tokens", list)

    async def revoke_token(self, token_id: str) -> None:
        await self._do("DELETE", "-", "tokens", token_id)

    async def owners(self, package: str) -> list[Members]:
        """`[{name}]`, with `email` where the one who asks may see it."""
        found = await self._ask("GET", "owner", "ls", read_name(package))
        if not isinstance(found, list):
            raise not_a_registry(self._transport.url)
        return found

    async def add_owner(self, package: str, name: str) -> list[str]:
        """The owners afterwards."""
        return await self._change_owners("add", package, name)

    async def remove_owner(self, package: str, name: str) -> list[str]:
        """The owners afterwards."""
        return await self._change_owners("rm", package, name)

    async def _change_owners(self, verb: str, package: str, name: str) -> list[str]:
        body = {"username": name, "dpkgName": read_name(package)}
        return self._transport.stated(await self._object("POST", "owner", verb, value=body), "owners", list)

    async def _do(self, method: str, *segments: str, value: Any = None) -> None:
        """What a registry answers with `{ok: true}`."""
        self._transport.stated(await self._ask(method, *segments, value=value), "ok", bool)

    async def _ask(self, method: str, *segments: str, value: Any = None) -> Any:
        return await self._transport.send(method, self._transport.address(*segments), value)

    async def _object(self, method: str, *segments: str, value: Any = None) -> Members:
        found = await self._ask(method, *segments, value=value)
        if not isinstance(found, dict):
            raise not_a_registry(self._transport.url)
        return found
