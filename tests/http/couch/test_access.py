"""Who gets in where: every route of the couch door for everybody, as `access.txt` says.

A route that the table does not name fails, and so does a line without a route. `ok` means let in,
whatever the answer is then; a number is the status of the refusal.
"""

from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import jwt
import pytest
from yarl import URL

from couchreg.app import App
from couchreg.auth.users.accounts import Login
from couchreg.http.couch.routing import load
from couchreg.http.couch.table import TABLE
from couchreg.model.user import User
from tests.conftest import ADMIN, ServerFactory

FILE = Path(__file__).with_name("access.txt")
# Of a database with members and admins: nobody, somebody else, a member, its admin, a server admin.
OF_DATABASE = ("anonymous", "user", "member", "dbadmin", "admin")
OF_REGISTRY = ("anonymous", "user")  # and of the database that everybody reads
PASSWORD = "pw"
REFUSALS = (401, 403)
FILLED = {
    "node": "_local",
    "section": "couchreg",
    "key": "test",
    "path*": "x",
    "path?": "x",
    "id*": "x",
    "job": "x",
    "ddoc": "app",
    "attachment*": "file",
    "partition": "p",
    "view": "v",
    "local": "point",
}


class Line(NamedTuple):
    method: str
    template: str
    database: tuple[str, ...]
    registry: tuple[str, ...]


def routes() -> Iterator[tuple[str, str]]:
    """Every method and path template there is."""
    for row in TABLE:
        for operation in row.operations:
            yield operation.method, row.template


def test_an_operation_is_named_as_it_stands() -> None:
    for name in {operation.name for row in TABLE for operation in row.operations}:
        function = load(name)
        assert f"{function.__module__}.{function.__name__}" == f"couchreg.http.couch.{name}"


def table() -> list[Line]:
    lines = [line.split("|") for line in FILE.read_text().splitlines() if line and line[0] != "#"]
    return [Line(*cells[0].split(), tuple(cells[1].split()), tuple(cells[2].split())) for cells in lines]


class Doors:
    """Requests of all kinds of people to one server."""

    def __init__(self, app: App, session: aiohttp.ClientSession) -> None:
        self.app = app
        self.session = session
        self.made = 0

    async def database(self) -> str:
        """A new database of `member` and `dbadmin`, with documents that everybody can try to spoil."""
        self.made += 1
        name = f"team{self.made}"
        database = await self.app.store.create(name)
        await database.set_setting(
            "security",
            {"admins": {"names": ["dbadmin"], "roles": []}, "members": {"names": ["member"], "roles": []}},
        )
        docs = [{"_id": f"doc-{person}"} for person in OF_DATABASE] + [{"_id": "_design/app"}]
        await self.status("POST", f"/{name}/_bulk_docs", "admin", json={"docs": docs})
        return name

    async def status(self, method: str, path: str, person: str, json: Any = None, **headers: str) -> int:
        given = {"Accept": "application/json", "Destination": f"copy-{person}", **headers}
        if person != "anonymous" and "Authorization" not in given:
            pair = ":".join(ADMIN) if person == "admin" else f"{person}:{PASSWORD}"
            given["Authorization"] = "Basic " + b64encode(pair.encode()).decode()
        url = URL(self.app.couch_url + path, encoded=True)
        async with self.session.request(method, url, json=json or {}, headers=given) as answer:
            await answer.read()
            return answer.status

    async def of(self, template: str, method: str, database: str, people: tuple[str, ...]) -> list[int]:
        found = []
        for person in people:
            path = template
            for name, value in {**FILLED, "db": database, "docid": f"doc-{person}"}.items():
                path = path.replace(f"{{{name}}}", value)
            found.append(await self.status(method, path, person))
        return found


@pytest.fixture
async def doors(server: ServerFactory) -> AsyncIterator[Doors]:
    app = await server(password_iterations=1)
    for name in ("user", "member", "dbadmin"):
        await app.accounts.create(name, Login(PASSWORD))
    async with aiohttp.ClientSession() as session:
        yield Doors(app, session)


def test_the_table_names_every_route_once() -> None:
    assert sorted((line.method, line.template) for line in table()) == sorted(routes())


async def test_everybody_gets_in_where_the_table_says(doors: Doors) -> None:
    differences = []
    for line in table():
        in_database = line.template.startswith("/{db}")
        name = await doors.database() if in_database else ""
        found = await doors.of(line.template, line.method, name, OF_DATABASE)
        differences += _compare(line, OF_DATABASE, line.database, found)
        if in_database:
            found = await doors.of(line.template, line.method, "registry", OF_REGISTRY)
            differences += _compare(line, OF_REGISTRY, line.registry, found)
    assert differences == []


def _compare(line: Line, people: tuple[str, ...], wanted: tuple[str, ...], found: list[int]) -> list[str]:
    refusals = {*REFUSALS, *(int(cell) for cell in wanted if cell != "ok")}
    return [
        f"{line.method} {line.template} for {person}: {status}, not {cell}"
        for person, cell, status in zip(people, wanted, found, strict=True)
        if (status in refusals if cell == "ok" else status != int(cell))
    ]


@pytest.mark.parametrize("kind", ["wrong password", "unknown user", "API token", "expired JWT"])
async def test_wrong_credentials_are_worse_than_none(doors: Doors, kind: str) -> None:
    """401 everywhere, where everybody may come in too."""
    header = await _wrong(doors, kind)
    name = await doors.database()
    found = {}
    for method, template in routes():
        path = template.replace("{db}", name).replace("{docid}", "doc-user")
        for placeholder, value in FILLED.items():
            path = path.replace(f"{{{placeholder}}}", value)
        found[method, template] = await doors.status(method, path, "user", Authorization=header)
    assert {route: status for route, status in found.items() if status != 401} == {}


async def _wrong(doors: Doors, kind: str) -> str:
    """A header that proves nothing here."""
    if kind == "expired JWT":
        await _configure(
            doors,
            "chttpd/authentication_handlers",
            "{chttpd_auth, jwt_authentication_handler}, {chttpd_auth, default_authentication_handler}",
        )
        await _configure(doors, "jwt_keys/hmac:_default", b64encode(b"k" * 32).decode())
        return "Bearer " + jwt.encode({"sub": "user", "exp": 1}, b"k" * 32)
    if kind == "API token":
        text, _ = await doors.app.tokens.create(User("user"), "admin")
        return f"Bearer {text}"
    await _configure(doors, "chttpd_auth_lockout/mode", "off")
    pair = b"user:wrong" if kind == "wrong password" else b"nobody:pw"
    return "Basic " + b64encode(pair).decode()


async def _configure(doors: Doors, key: str, value: str) -> None:
    assert await doors.status("PUT", f"/_node/_local/_config/{key}", "admin", json=value) == 200
