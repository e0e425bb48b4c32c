"""Password hashes: what CouchDB wrote is verified here, and what is written here CouchDB can verify."""

import hashlib

import pytest

from couchreg.auth.passwords.hashes import hash_password, is_hashed, parse_admin, parse_members

SALT = "b0f8c0e4fba4bd8d2e9b04b6e5f2a8c1"


def derived(prf: str, iterations: int, length: int) -> str:
    return hashlib.pbkdf2_hmac(prf, b"secret", SALT.encode(), iterations, length).hex()


@pytest.mark.parametrize(
    "value",
    [
        f"-pbkdf2:sha256-{derived('sha256', 10, 32)},{SALT},10",
        f"-pbkdf2:sha512-{derived('sha512', 10, 64)},{SALT},10",
        f"-pbkdf2-{derived('sha1', 10, 20)},{SALT},10",
        f"-hashed-{hashlib.sha1(b'secret' + SALT.encode()).hexdigest()},{SALT}",
    ],
)
def test_hashes_of_admins_in_every_form_are_verified(value: str) -> None:
    hashed = parse_admin(value)
    assert hashed is not None
    assert hashed.verify("secret")
    assert not hashed.verify("Secret")
    assert is_hashed(value)


def test_a_new_hash_has_the_form_of_couchdb_and_its_own_salt() -> None:
    one, other = hash_password("s", iterations=10), hash_password("s", iterations=10)
    assert one.as_admin().startswith("-pbkdf2:sha256-")
    assert one.as_admin().endswith(",10")
    assert one.salt != other.salt
    assert parse_admin(one.as_admin()) == one


def test_members_of_a_user_document() -> None:
    hashed = hash_password("naïve", iterations=10, prf="sha512")
    members = hashed.as_members()
    assert members["password_scheme"] == "pbkdf2"
    assert members["pbkdf2_prf"] == "sha512"
    assert parse_members(members) == hashed
    assert hashed.verify("naïve")


def test_members_of_a_simple_hash() -> None:
    sha = hashlib.sha1(b"pw" + SALT.encode()).hexdigest()
    hashed = parse_members({"password_scheme": "simple", "password_sha": sha, "salt": SALT})
    assert hashed is not None
    assert hashed.verify("pw")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "plain",
        "-",
        "-pbkdf2-",
        "-pbkdf2:md5-00,s,1",
        "-pbkdf2:sha256-zz,s,1",
        "-pbkdf2:sha256-00,s,0",
        "-pbkdf2:sha256-00,s,-1",
        "-pbkdf2:sha256-,s,1",
        "-pbkdf2:sha256-00,s,99999999999",
        "-hashed-00",
    ],
)
def test_what_is_no_hash_verifies_nothing(value: str) -> None:
    assert parse_admin(value) is None


@pytest.mark.parametrize(
    "doc",
    [
        {},
        {"salt": 1},
        {"salt": "s"},
        {"salt": "s", "password_scheme": "pbkdf2"},
        {"salt": "s", "password_scheme": "pbkdf2", "derived_key": "00", "iterations": True},
        {"salt": "s", "password_scheme": "pbkdf2", "derived_key": 5, "iterations": 1},
    ],
)
def test_documents_without_a_usable_hash(doc: dict[str, object]) -> None:
    assert parse_members(doc) is None
