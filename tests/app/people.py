"""A client of the couch door that may be anybody, and the people it is."""

from typing import Any

import aiohttp

from tests.conftest import ADMIN

ID = "org.couchdb.user:bob"
BOB: dict[str, Any] = {"name": "bob", "type": "user", "roles": ["reader"], "password": "pw"}


class Client:
    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self.session = session
        self.base = base

    async def __call__(
        self, method: str, path: str, json: Any = None, who: tuple[str, str] | None = ADMIN, **more: Any
    ) -> tuple[int, Any]:
        headers = dict(more.pop("headers", {}))
        if who:
            headers["Authorization"] = aiohttp.encode_basic_auth(*who)
        async with self.session.request(
            method, self.base + path, json=json, headers=headers, allow_redirects=False, **more
        ) as answer:
            self.headers = answer.headers
            return answer.status, await answer.json(content_type=None)


async def opened(client: Client) -> None:
    """Let every user into `_users`, as the database's own rules then keep them apart."""
    await client("PUT", "/_node/_local/_config/couchdb/users_db_security_editable", "true")
    security = {"admins": {"roles": ["_admin"]}, "members": {}}
    assert (await client("PUT", "/_users/_security", security))[0] == 200


async def configure(client: Client, **settings: str) -> None:
    """`section__key="value"`."""
    for name, value in settings.items():
        path = "/_node/_local/_config/" + name.replace("__", "/")
        assert (await client("PUT", path, value))[0] == 200


async def stored(client: Client, name: str) -> dict[str, Any]:
    """The document of a user, as admins see it."""
    _, doc = await client("GET", f"/_users/org.couchdb.user:{name}")
    return dict(doc)
