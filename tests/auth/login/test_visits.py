"""Logins at pages: they end by themselves, with the password, with the account, and by logging out."""

from collections.abc import Hashable, Iterator

import pytest

from couchreg.auth.login import visits as module
from couchreg.auth.login.authenticator import Authenticator
from couchreg.auth.login.visits import IDLE, LONGEST, MOST_EACH, Visits
from couchreg.auth.passwords.credentials import Credential
from couchreg.auth.passwords.hashes import hash_password
from couchreg.auth.passwords.hashing import PasswordWork
from couchreg.errors import BadRequest, Unauthorized
from couchreg.model.user import User

HOME = "192.0.2.1"


class Town:
    """Who there is, and the time."""

    def __init__(self) -> None:
        self.users = {name: self.known(name) for name in ("anna", "bob", "carla")}
        self.now = 1_700_000_000.0

    def known(self, name: str, *roles: str) -> Credential:
        return Credential(User(name, roles), hash_password("pw", iterations=2))

    def version(self, name: str) -> Hashable:
        return self.users.get(name)

    async def credential(self, name: str) -> Credential | None:
        return self.users.get(name)

    async def mark(self, name: str) -> str | None:
        return name

    async def follows(self, name: str, mark: str) -> bool:
        return True


@pytest.fixture
def town() -> Town:
    return Town()


@pytest.fixture
def visits(town: Town) -> Iterator[Visits]:
    work = PasswordWork(dict, iterations=2)
    yield Visits(Authenticator([town], work), clock=lambda: town.now)
    work.close()


async def who(visits: Visits, value: str) -> str | None:
    found = await visits.identify(value)
    return found.user.name if found is not None else None


async def test_what_is_kept_goes_on_unless_it_is_over(visits: Visits, town: Town) -> None:
    anna, bob, carla = [await visits.begin(name, "pw", HOME) for name in ("anna", "bob", "carla")]
    visits.end(bob)
    data = visits.kept()
    assert not [value for value in (anna, bob, carla) if value.encode() in data]
    town.users["carla"] = town.known("carla")  # another password
    again = Visits(Authenticator([town], visits._authenticator.passwords), clock=lambda: town.now)
    again.resume(data)
    assert [await who(again, value) for value in (anna, bob, carla)] == ["anna", None, None]
    [left] = again.of("anna")
    assert (left.address, left.began, left.used) == (HOME, town.now, town.now)
    town.now += 13 * 3600
    late = Visits(Authenticator([town], visits._authenticator.passwords), clock=lambda: town.now)
    late.resume(data)
    assert late.of("anna") == []
    for damaged in (b"", data[:-9], b"[1]", b'[{"name": "anna"}]', b"[" * 100_000):
        with pytest.raises(BadRequest):
            late.resume(damaged)


async def test_a_value_stands_for_who_has_logged_in_until_they_log_out(visits: Visits) -> None:
    value = await visits.begin("anna", "pw", HOME)
    assert await who(visits, value) == "anna"
    assert [await who(visits, one) for one in ("", "x", value[:-1], "a" * len(value), "\udc80" * 43)] == [
        None
    ] * 5
    visits.end(value)
    assert await who(visits, value) is None
    with pytest.raises(Unauthorized):
        await visits.begin("anna", "wrong", HOME)


async def test_it_ends_when_it_is_not_used_and_after_a_month_all_the_same(town: Town, visits: Visits) -> None:
    unused, used = [await visits.begin("anna", "pw", HOME) for _ in range(2)]
    began = town.now
    while town.now < began + LONGEST - IDLE:
        town.now += IDLE * 0.9
        assert await who(visits, used) == "anna"
    assert await who(visits, unused) is None
    town.now = began + LONGEST + 1
    assert visits.of("anna") == []
    assert await who(visits, used) is None


async def test_another_password_and_an_account_that_goes_end_it(town: Town, visits: Visits) -> None:
    anna, bob = [await visits.begin(name, "pw", HOME) for name in ("anna", "bob")]
    town.users["anna"] = town.known("anna")
    del town.users["bob"]
    assert [await who(visits, one) for one in (anna, bob)] == [None, None]
    town.users["bob"] = town.known("bob")  # somebody else
    assert await who(visits, bob) is None


async def test_a_disabled_account_that_is_good_again_has_no_login_of_before(
    town: Town, visits: Visits
) -> None:
    anna, bob, carla = [await visits.begin(name, "pw", HOME) for name in ("anna", "bob", "carla")]
    credentials = dict(town.users)
    del town.users["anna"]
    for name in ("anna", "bob"):
        await visits.edited(name)
    town.users = credentials
    await visits.gone("carla")
    assert [await who(visits, one) for one in (anna, bob, carla)] == [None, "bob", None]


async def test_roles_are_those_of_now(town: Town, visits: Visits) -> None:
    value = await visits.begin("anna", "pw", HOME)
    before = await visits.identify(value)
    assert before is not None
    await visits.confirm(before, value)
    town.users["anna"] = town.users["anna"]._replace(user=User("anna", ("_admin",)))
    after = await visits.identify(value)
    assert after is not None
    assert after.user.is_admin
    with pytest.raises(Unauthorized):
        await visits.confirm(before, value)


async def test_one_account_has_few_and_all_together_have_not_many(
    town: Town, visits: Visits, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = await visits.begin("bob", "pw", HOME)
    anna = [await visits.begin("anna", "pw", HOME) for _ in range(MOST_EACH + 2)]
    assert len(visits.of("anna")) == MOST_EACH
    assert [await who(visits, one) for one in anna[:3]] == [None, None, "anna"]
    assert await who(visits, kept) == "bob"
    monkeypatch.setattr(module, "MOST", 3)
    await visits.begin("carla", "pw", HOME)
    assert len(visits.of("anna")) + len(visits.of("bob")) + len(visits.of("carla")) == 3
    assert await who(visits, kept) == "bob"  # was used last


async def test_all_but_one_end_at_once(visits: Visits) -> None:
    here, there = [await visits.begin("anna", "pw", HOME) for _ in range(2)]
    other = await visits.begin("bob", "pw", HOME)
    assert [visits.is_it(one, here) for one in visits.of("anna")] == [False, True]
    visits.end_others("anna", here)
    assert [await who(visits, one) for one in (here, there, other)] == ["anna", None, "bob"]
