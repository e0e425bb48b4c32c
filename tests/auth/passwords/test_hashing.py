"""The queue of those who log in: in turn, and never too long."""

import asyncio
from collections.abc import Iterator

import pytest

from couchreg.auth.passwords import hashing
from couchreg.auth.passwords.hashes import PasswordHash, hash_password
from couchreg.auth.passwords.hashing import PasswordWork
from couchreg.errors import Forbidden, TooManyRequests


@pytest.fixture
def settings() -> dict[str, dict[str, str]]:
    return {"chttpd_auth": {}}


@pytest.fixture
def work(settings: dict[str, dict[str, str]]) -> Iterator[PasswordWork]:
    made = PasswordWork(lambda: settings, iterations=3)
    yield made
    made.close()


async def test_settings_count_at_once(work: PasswordWork, settings: dict[str, dict[str, str]]) -> None:
    assert (await work.hash("pw"))[::3] == ("sha256", 3)
    settings["chttpd_auth"] = {"pbkdf2_prf": "sha512", "iterations": "7"}
    hashed = await work.hash("pw", salt=b"kept")
    assert (hashed.prf, hashed.iterations, hashed.salt) == ("sha512", 7, b"kept")
    assert await work.verify(hashed, "pw")
    assert not await work.verify(hashed, "no")
    settings["chttpd_auth"]["pbkdf2_prf"] = "md5"
    with pytest.raises(Forbidden):
        await work.hash("pw")


async def test_nobody_and_quick_hashes_take_as_long(
    work: PasswordWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As counted in slow derivations, of which each answer is one."""
    slow: list[str] = []
    derive = PasswordHash.verify

    def counted(hashed: PasswordHash, password: str) -> bool:
        slow.extend(filter(None, [hashed.prf]))
        return derive(hashed, password)

    monkeypatch.setattr(PasswordHash, "verify", counted)
    quick = PasswordHash("", bytes.fromhex("1ab2c3" * 6 + "1ab2"), b"salt", 0)
    for hashed in (None, quick, hash_password("pw", iterations=3)):
        slow.clear()
        assert not await work.verify(hashed, "no")
        assert slow == ["sha256"]


async def test_one_address_does_not_take_every_place(
    settings: dict[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing, "MOST_WAITING_OF_ONE", 5)
    work = PasswordWork(lambda: settings, iterations=3)
    hashed = hash_password("pw", iterations=3)
    places = work._turns.places
    logins = [work.verify(hashed, "pw", name=str(n), address=f"2001:db8::{n}") for n in range(places + 12)]
    outcomes = await asyncio.gather(
        *logins, work.verify(hashed, "pw", address="192.0.2.1"), return_exceptions=True
    )
    refused = [type(outcome) for outcome in outcomes if outcome is not True]
    assert refused == [TooManyRequests] * len(refused)
    assert refused
    assert outcomes[-1] is True
    assert await work.verify(hashed, "pw", address="2001:db8::1")
    work.close()


@pytest.mark.parametrize("address", ["192.0.2.1", "192.0.2.2"])
async def test_wrong_logins_do_not_delay_others(
    work: PasswordWork, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """A login comes after one of those that guess, not after all, from the same address or from another."""
    order: list[str] = []

    def noted(hashed: PasswordHash, password: str) -> bool:
        order.append(password)
        return False

    monkeypatch.setattr(PasswordHash, "verify", noted)
    hashed = hash_password("pw", iterations=3)
    guesses = [work.verify(hashed, "guess", name="anna", address="192.0.2.1") for _ in range(15)]
    await asyncio.gather(*guesses, work.verify(hashed, "right", name="bob", address=address))
    assert order.index("right") <= 2 * work._turns.places
