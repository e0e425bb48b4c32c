"""Guessing passwords ends after a few, for who guesses and for nobody else."""

import pytest

from couchreg.auth.login.lockout import Lockout
from couchreg.errors import LockedOut


class World:
    def __init__(self) -> None:
        self.now = 0.0
        self.settings: dict[str, dict[str, str]] = {}
        self.lockout = Lockout(lambda: self.settings, clock=lambda: self.now)

    def fail(self, times: int, name: str = "bob", address: str = "1.2.3.4") -> None:
        for _ in range(times):
            self.lockout.check(name, address)
            self.lockout.failed(name, address)


@pytest.fixture
def world() -> World:
    return World()


def test_five_failures_close_it_for_five_minutes(world: World) -> None:
    world.fail(5)
    with pytest.raises(LockedOut, match="temporarily locked") as caught:
        world.lockout.check("bob", "1.2.3.4")
    assert caught.value.retry_after == 300
    world.now = 100.5
    with pytest.raises(LockedOut) as caught:
        world.lockout.check("bob", "1.2.3.4")
    assert caught.value.retry_after == 200
    world.now = 300
    world.fail(4)


def test_it_is_closed_to_one_name_from_one_address(world: World) -> None:
    world.fail(5)
    world.lockout.check("bob", "5.6.7.8")
    world.lockout.check("ann", "1.2.3.4")


def test_an_ipv6_network_is_one_address(world: World) -> None:
    for number in range(5):
        world.fail(1, address=f"2001:db8:1:2::{number}")
    with pytest.raises(LockedOut):
        world.lockout.check("bob", "2001:db8:1:2:ffff::9")
    world.lockout.check("bob", "2001:db8:1:3::1")


def test_a_right_password_forgives(world: World) -> None:
    world.fail(4)
    world.lockout.succeeded("bob", "1.2.3.4")
    world.fail(5)


def test_settings_count_at_once(world: World) -> None:
    world.settings["chttpd_auth_lockout"] = {"threshold": "2", "max_lifetime": "1000"}
    world.fail(2)
    with pytest.raises(LockedOut) as caught:
        world.lockout.check("bob", "1.2.3.4")
    assert caught.value.retry_after == 1
    for mode in ("warn", "off"):
        world.settings["chttpd_auth_lockout"]["mode"] = mode
        world.lockout.check("bob", "1.2.3.4")


def test_what_is_remembered_is_bounded(world: World) -> None:
    world.settings["chttpd_auth_lockout"] = {"max_objects": "10"}
    world.fail(5)
    for number in range(10):
        world.fail(1, name="x" * 10_000, address=str(number))
    world.lockout.check("bob", "1.2.3.4")
    assert len(world.lockout._failed) == 10
