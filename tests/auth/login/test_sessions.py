"""Cookies: they prove a login until they run out, the password changes, or somebody touches them."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest

from couchreg.auth.login.sessions import TIMEOUT, LoginSessions, cookie_value
from couchreg.auth.passwords.credentials import Credential
from couchreg.auth.passwords.hashes import hash_password
from couchreg.errors import BadRequest
from couchreg.model.user import User

BOB = User("bob", ("reader",))


class World:
    """Users, the config and the time."""

    def __init__(self) -> None:
        self.users = {"bob": Credential(BOB, hash_password("pw", iterations=2))}
        self.settings = {"chttpd_auth": {"secret": "s"}}
        self.now = 1_700_000_000.0
        self.sessions = LoginSessions(lambda: self.settings, self.credential, clock=lambda: self.now)

    async def credential(self, name: str) -> Credential | None:
        return self.users.get(name)


@pytest.fixture
def world() -> World:
    return World()


async def test_a_cookie_proves_its_user_until_it_runs_out(world: World) -> None:
    cookie = world.sessions.cookie(world.users["bob"])
    session = await world.sessions.find(cookie)
    assert session is not None
    assert (session.user, session.renew) == (BOB, False)
    world.now += TIMEOUT * 0.2
    session = await world.sessions.find(cookie)
    assert session is not None
    assert session.renew
    world.now += TIMEOUT * 0.8
    assert await world.sessions.find(cookie) is None


async def test_the_timeout_is_a_setting(world: World) -> None:
    world.settings["chttpd_auth"]["timeout"] = "5"
    cookie = world.sessions.cookie(world.users["bob"])
    world.now += 6
    assert await world.sessions.find(cookie) is None


async def test_a_changed_password_another_secret_or_a_lost_user_end_it(world: World) -> None:
    cookie = world.sessions.cookie(world.users["bob"])
    before = world.users.pop("bob")
    assert await world.sessions.find(cookie) is None
    world.users["bob"] = Credential(BOB, hash_password("pw", iterations=2))
    assert await world.sessions.find(cookie) is None
    world.users["bob"] = before
    assert await world.sessions.find(cookie)
    world.settings["chttpd_auth"]["secret"] = "other"
    assert await world.sessions.find(cookie) is None


async def test_a_cookie_cannot_be_forged(world: World) -> None:
    world.users["boss"] = Credential(User("boss", ("_admin",)), world.users["bob"].hashed)
    cookie = world.sessions.cookie(world.users["bob"])
    decoded = urlsafe_b64decode(cookie + "=" * (-len(cookie) % 4))
    for forged in (
        decoded.replace(b"bob", b"boss"),
        decoded[:-1] + bytes([decoded[-1] ^ 1]),
        b":".join(decoded.split(b":", 2)[:2]) + b":",  # there may be a colon in the signature
        b"bob:FFFFFFFFFF:" + decoded.split(b":", 2)[2],
    ):
        assert await world.sessions.find(urlsafe_b64encode(forged).decode()) is None


@pytest.mark.parametrize("value", ["x", "AAAA", "é", urlsafe_b64encode(b"a:zz:b").decode(), "Ym9i"])
async def test_what_is_no_session_cookie_is_a_bad_request(world: World, value: str) -> None:
    with pytest.raises(BadRequest, match="Malformed AuthSession cookie"):
        await world.sessions.find(value)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        (None, ""),
        ("a=b", ""),
        ("AuthSession=x", "x"),
        ("a=b; AuthSession=x=; c", "x="),
        ('AuthSession="x"', "x"),
        ("MyAuthSession=x", ""),
        ("AuthSession=", ""),
    ],
)
def test_the_value_in_a_header(header: str | None, value: str) -> None:
    assert cookie_value(header) == value
