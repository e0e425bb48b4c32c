"""Who asks, as clients with Basic credentials see it."""

import asyncio
from base64 import b64encode
from collections.abc import Hashable, Iterator

import pytest

from couchreg.auth.login.authenticator import REMEMBERED_SECONDS, Authenticator
from couchreg.auth.passwords.credentials import Credential
from couchreg.auth.passwords.hashes import PasswordHash, hash_password
from couchreg.auth.passwords.hashing import PasswordWork
from couchreg.errors import BadRequest, Unauthorized
from couchreg.model.user import ANONYMOUS, User


class Counting:
    """A hash that counts its verifications."""

    def __init__(self, hashed: PasswordHash) -> None:
        self.hashed = hashed
        self.prf, self.key, self.salt, self.iterations = hashed
        self.count = 0

    def verify(self, password: str) -> bool:
        self.count += 1
        return self.hashed.verify(password)


class Source:
    def __init__(self) -> None:
        self.users: dict[str, Credential] = {}
        self.changes = 0

    def put(self, name: str, password: str) -> Counting:
        counting = Counting(hash_password(password, iterations=2))
        self.users[name] = Credential(User(name, ("_admin",)), counting)  # type: ignore[arg-type]
        self.changes += 1
        return counting

    def version(self, name: str) -> Hashable:
        return self.changes

    async def credential(self, name: str) -> Credential | None:
        return self.users.get(name)

    async def mark(self, name: str) -> str | None:
        return str(self.changes) if name in self.users else None

    async def follows(self, name: str, mark: str) -> bool:
        return await self.mark(name) == mark


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def auth(source: Source, clock: Clock) -> Iterator[Authenticator]:
    work = PasswordWork(dict, iterations=2)
    yield Authenticator([source], work, clock=clock)
    work.close()


def basic(text: str | bytes) -> str:
    return "Basic " + b64encode(text.encode() if isinstance(text, str) else text).decode()


async def test_right_and_wrong(auth: Authenticator, source: Source) -> None:
    source.put("bob", "a:b")
    assert await auth.authenticate(basic("bob:a:b")) == User("bob", ("_admin",))
    for wrong in ("bob:x", "bob:", "ann:a:b", ":", "BOB:a:b"):
        with pytest.raises(Unauthorized, match=r"^Name or password is incorrect\.$"):
            await auth.authenticate(basic(wrong))


@pytest.mark.parametrize(
    "header", [None, "", "Basic", basic("nocolon"), basic("_:_"), "Bearer abc", "Digest x", "basic Ym9iOng="]
)
async def test_headers_without_credentials_are_anonymous(auth: Authenticator, header: str | None) -> None:
    assert await auth.authenticate(header) is ANONYMOUS


@pytest.mark.parametrize("value", ["!!!", "Ym9i\u00e9", "Ym9"])
async def test_broken_base64_is_a_bad_request(auth: Authenticator, value: str) -> None:
    with pytest.raises(BadRequest, match="Authorization header has invalid base64 value"):
        await auth.authenticate("Basic " + value)


async def test_passwords_that_are_no_utf8_can_be_right(auth: Authenticator, source: Source) -> None:
    source.put("bob", b"\xff\xfe".decode("utf-8", "surrogateescape"))
    assert (await auth.authenticate(basic(b"bob:\xff\xfe"))).name == "bob"


async def test_a_right_header_is_verified_once_for_a_while(
    auth: Authenticator, source: Source, clock: Clock
) -> None:
    counting = source.put("bob", "pw")
    for _ in range(3):
        await auth.authenticate(basic("bob:pw"))
    assert counting.count == 1
    clock.now += REMEMBERED_SECONDS + 1
    await auth.authenticate(basic("bob:pw"))
    assert counting.count == 2


async def test_requests_that_come_together_share_a_verification(auth: Authenticator, source: Source) -> None:
    counting = source.put("bob", "pw")
    users = await asyncio.gather(*(auth.authenticate(basic("bob:pw")) for _ in range(20)))
    assert {user.name for user in users} == {"bob"}
    assert counting.count == 1


async def test_a_request_given_up_does_not_fail_the_others(auth: Authenticator, source: Source) -> None:
    source.put("bob", "pw")
    first = asyncio.create_task(auth.authenticate(basic("bob:pw")))
    second = asyncio.create_task(auth.authenticate(basic("bob:pw")))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).name == "bob"


async def test_a_wrong_header_is_never_remembered(auth: Authenticator, source: Source) -> None:
    counting = source.put("bob", "pw")
    for _ in range(2):
        with pytest.raises(Unauthorized):
            await auth.authenticate(basic("bob:no"))
    assert counting.count == 2


async def test_a_changed_password_counts_at_once(auth: Authenticator, source: Source) -> None:
    source.put("bob", "old")
    await auth.authenticate(basic("bob:old"))
    source.put("bob", "new")
    with pytest.raises(Unauthorized):
        await auth.authenticate(basic("bob:old"))
    assert (await auth.authenticate(basic("bob:new"))).name == "bob"


async def test_an_unknown_name_costs_a_verification_too(
    auth: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(PasswordHash, "verify", lambda self, password: bool(seen.append(password)))
    with pytest.raises(Unauthorized):
        await auth.login("nobody", "guess")
    assert seen == ["guess"]


async def test_a_right_password_that_is_remembered_forgives_wrong_ones_too(
    auth: Authenticator, source: Source
) -> None:
    source.put("anna", "right")
    for _ in range(4):
        await auth.authenticate(basic("anna:right"))
        for _ in range(3):
            with pytest.raises(Unauthorized):
                await auth.authenticate(basic("anna:wrong"))


async def test_who_is_remembered_is_recognized_without_waiting(
    auth: Authenticator, source: Source, clock: Clock
) -> None:
    source.put("anna", "right")
    headers = {"Authorization": basic("anna:right")}
    assert auth.recognize({}) is not None  # nobody, which is an answer
    assert auth.recognize(headers) is None  # a password has to be looked at
    found = await auth.identify(headers)
    assert auth.recognize(headers) == found
    assert found.user.name == "anna"
    assert auth.recognize({**headers, "Cookie": "AuthSession=x"}) is None
    clock.now += REMEMBERED_SECONDS
    assert auth.recognize(headers) is None
    await auth.identify(headers)
    source.put("anna", "other")
    assert auth.recognize(headers) is None
    with pytest.raises(Unauthorized):
        await auth.identify(headers)


async def test_nobody_is_recognized_where_others_change_accounts_or_settings_say_who_is_asked(
    source: Source,
) -> None:
    async def refresh() -> None:
        """What others have written is known."""

    source.put("anna", "right")
    headers = {"Authorization": basic("anna:right")}
    written = "{chttpd_auth, default_authentication_handler}"
    config = {"chttpd": {"authentication_handlers": written}}
    work = PasswordWork(dict, iterations=2)
    for auth in (
        Authenticator([source], work, refresh=refresh),
        Authenticator([source], work, config=lambda: config),
    ):
        assert (await auth.identify(headers)).user.name == "anna"
        assert auth.recognize(headers) is None
    work.close()
