"""Which endpoints of replications are databases of the server itself."""

import socket
from collections.abc import Iterator, Mapping

import pytest

from couchreg.app.itself import OwnAddresses
from couchreg.auth.login.authenticator import Identity
from couchreg.errors import Unauthorized
from couchreg.model.user import ADMIN_ROLE, User
from couchreg.replication.endpoints import Endpoint, parse_endpoint

ROOT, ANNA = User("root", (ADMIN_ROLE,)), User("anna", ())


class Accounts:
    """The logins of root and of anna; what was asked for is kept."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def identify(self, headers: Mapping[str, str], address: str = "") -> Identity:
        authorization = headers["Authorization"]
        self.asked.append(authorization)
        for user, header in ((ROOT, "Basic cm9vdDpyb290"), (ANNA, "Basic YW5uYTphbm5h")):
            if authorization == header:
                return Identity(user, "default")
        raise Unauthorized("Name or password is incorrect.")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        yield bound


def end(listener: socket.socket, where: str, **more: str) -> Endpoint:
    """An endpoint; PORT is where the server listens."""
    url = where.replace("PORT", str(listener.getsockname()[1]))
    return parse_endpoint({"url": url, **more}, proxy="")


@pytest.mark.parametrize("host", ["127.0.0.1"])
async def test_an_administrator_comes_to_a_database(listener: socket.socket, host: str) -> None:
    own = OwnAddresses(Accounts(), listener, encrypted=False)  # type: ignore[arg-type]
    found = await own.reached(end(listener, f"http://root:root@{host}:PORT/a%2Fb"))
    assert found == ("a/b", ROOT)


@pytest.mark.parametrize(
    "where",
    [
        "http://127.0.0.1:PORT/db",
        "http://anna:anna@127.0.0.1:PORT/db",
        "http://root:wrong@127.0.0.1:PORT/db",
        "http://root:root@127.0.0.1:1/db",
        "http://root:root@127.0.0.2:PORT/db",
        "http://root:root@localhost:PORT/db",  # may be ::1, and another server
        "http://root:root@example.org:PORT/db",
        "https://root:root@127.0.0.1:PORT/db",
        "http://root:root@127.0.0.1:PORT/",
        "http://root:root@127.0.0.1:PORT/a/b",
        "http://root:root@127.0.0.1:PORT/db?x=1",
        "http://root:root@127.0.0.1:PORT/_users",
        "http://root:root@127.0.0.1:PORT/%5Fusers",
        "http://root:root@127.0.0.1:PORT/registry",
        "http://root:root@127.0.0.1:PORT/%72egistry",
        "http://a%3Ab:root@127.0.0.1:PORT/db",
    ],
)
async def test_everything_else_goes_to_the_door(listener: socket.socket, where: str) -> None:
    own = OwnAddresses(Accounts(), listener, encrypted=False)  # type: ignore[arg-type]
    assert await own.reached(end(listener, where)) is None


async def test_headers_and_proxies_are_for_the_door(listener: socket.socket) -> None:
    own = OwnAddresses(Accounts(), listener, encrypted=False)  # type: ignore[arg-type]
    where = "http://root:root@127.0.0.1:PORT/db"
    plain = end(listener, where)
    assert await own.reached(Endpoint(plain.url, (("X-A", "b"),), plain.credentials)) is None
    assert await own.reached(Endpoint(plain.url, (), plain.credentials, "http://proxy:1")) is None
    assert await own.reached(plain) == ("db", ROOT)


async def test_where_the_door_is_not_on_this_address_nothing_is_its_own(listener: socket.socket) -> None:
    where = end(listener, "http://root:root@127.0.0.1:PORT/db")
    accounts = Accounts()
    encrypted = OwnAddresses(accounts, listener, encrypted=True)  # type: ignore[arg-type]
    assert await encrypted.reached(where) is None
    with socket.create_server(("127.0.0.2", listener.getsockname()[1])) as other:
        elsewhere = OwnAddresses(accounts, other, encrypted=False)  # type: ignore[arg-type]
        assert await elsewhere.reached(where) is None
    assert accounts.asked == []  # and nobody's password is tried
