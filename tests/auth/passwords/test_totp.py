"""Second factors; the numbers are those of RFC 6238, appendix B."""

import base64
from typing import Any

import pytest

from couchreg.auth.passwords.totp import STEP, Totp, parse_totp

SECRET = b"1234567890" * 7
KEYS = {"sha": SECRET[:20], "sha256": SECRET[:32], "sha512": SECRET[:64]}


def document(**members: Any) -> dict[str, Any]:
    return {"totp": members}


def of(**members: Any) -> Totp:
    found = parse_totp(document(**members))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("algorithm", "now", "number"),
    [
        ("sha", 59, "94287082"),
        ("sha", 1111111109, "07081804"),
        ("sha", 20000000000, "65353130"),
        ("sha256", 59, "46119246"),
        ("sha256", 1111111111, "67062674"),
        ("sha512", 59, "90693936"),
        ("sha512", 20000000000, "47863826"),
    ],
)
def test_the_numbers_of_the_standard(algorithm: str, now: int, number: str) -> None:
    key = base64.b32encode(KEYS[algorithm]).decode()
    totp = of(key=key, algorithm=algorithm, length=8)
    assert totp.number(now // STEP) == number
    assert totp.check(number, now)


def test_clocks_may_differ_by_a_step() -> None:
    totp = of(key=base64.b32encode(KEYS["sha"]).decode())
    number = totp.number(100)
    assert [totp.check(number, step * STEP) for step in (98, 99, 100, 101, 102)] == [
        False,
        True,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("given", [None, "", "12345", "1234567", "½½½½½½", "\ud800"])
def test_anything_else_is_refused(given: str | None) -> None:
    assert not of(key=base64.b32encode(KEYS["sha"]).decode()).check(given, 59)


def test_who_has_none_needs_none() -> None:
    assert parse_totp({}) is None
    assert parse_totp({"totp": None}) is None


@pytest.mark.parametrize("members", [{}, {"key": "no base32!"}, {"key": ""}, {"key": 1}])
def test_a_key_that_cannot_be_read_is_met_by_no_number(members: dict[str, Any]) -> None:
    """It is a new random one each time: nobody can know its numbers."""
    first, second = of(**members), of(**members)
    assert len(first.key) == 32
    assert first.key != second.key


def test_what_else_is_wrong_falls_back_to_six_digits_of_sha1() -> None:
    assert of(key="GEZDGNBV", algorithm="md1", length=60)[1:] == ("sha1", 6)
    assert of(key="gezdgnbv").key == of(key="GEZDGNBV").key


def test_a_value_that_is_no_object_is_a_factor_all_the_same() -> None:
    assert parse_totp({"totp": True}) is not None
