"""Password hashes in CouchDB's two written forms; pure functions, and slow on purpose.

* of a server admin, one text: `-pbkdf2:sha256-<derived key>,<salt>,<iterations>` (older servers wrote
  `-pbkdf2-<key>,<salt>,<iterations>` with SHA-1, and `-hashed-<sha1>,<salt>`);
* of a `_users` document, its members `password_scheme`, `pbkdf2_prf`, `derived_key`, `salt`, `iterations`.

Source: https://docs.couchdb.org/en/stable/config/auth.html#hash-options
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

PRFS = ("sha", "sha224", "sha256", "sha384", "sha512")  # CouchDB's names; "sha" is SHA-1
LONGEST_KEY = 64  # bytes, SHA-512's: of PBKDF2 every digest's length more costs all iterations again
LONGEST_SALT = 1024
MAX_ITERATIONS = 10_000_000  # a stored count beyond it is a way to keep the server busy, not a hash


class PasswordHash(NamedTuple):
    """What is kept of a password. `prf` is empty for the `simple` scheme, sha1(password + salt)."""

    prf: str
    key: bytes
    salt: bytes
    iterations: int

    def verify(self, password: str) -> bool:
        """Whether it is the password; compares in constant time. Takes up to a second: never on the loop."""
        return hmac.compare_digest(_derive(self, password), self.key)

    def as_admin(self) -> str:
        """The value of a server admin in the section `[admins]`."""
        if not self.prf:
            return f"-hashed-{self.key.hex()},{self.salt.decode()}"
        return f"-pbkdf2:{self.prf}-{self.key.hex()},{self.salt.decode()},{self.iterations}"

    def as_members(self) -> dict[str, Any]:
        """The members of a `_users` document, in CouchDB's order."""
        if not self.prf:
            return {"password_scheme": "simple", "salt": self.salt.decode(), "password_sha": self.key.hex()}
        return {
            "password_scheme": "pbkdf2",
            "pbkdf2_prf": self.prf,
            "salt": self.salt.decode(),
            "iterations": self.iterations,
            "derived_key": self.key.hex(),
        }


def hash_password(
    password: str, *, iterations: int, prf: str = "sha256", salt: bytes | None = None
) -> PasswordHash:
    """A new hash, with a fresh salt unless one is given. Slow: never on the event loop."""
    made = unkeyed(prf, iterations, salt or secrets.token_hex(16).encode())
    return made._replace(key=_derive(made, password))


def unkeyed(prf: str, iterations: int, salt: bytes) -> PasswordHash:
    """The hash of no password at all: to verify one against it takes as long as against any other."""
    return PasswordHash(prf, bytes(_digest_size(prf)), salt, iterations)


def is_hashed(value: str) -> bool:
    """Whether a value of `[admins]` is a hash rather than a password that someone has just set."""
    return value.startswith(("-pbkdf2-", "-pbkdf2:", "-hashed-"))


@lru_cache(maxsize=256)
def parse_admin(value: str) -> PasswordHash | None:
    """A value of `[admins]`; None for what is no hash that can be verified here."""
    scheme, dash, rest = value.removeprefix("-").partition("-")
    if not value.startswith("-") or not dash:
        return None
    key, *more = rest.split(",")
    if scheme == "hashed" and len(more) == 1:
        return _checked("", key, more[0], "0")
    if scheme.startswith("pbkdf2") and len(more) == 2:
        return _checked(scheme.partition(":")[2] or "sha", key, more[0], more[1])
    return None


def parse_members(doc: Mapping[str, Any]) -> PasswordHash | None:
    """The hash of a `_users` document; None where it carries none that can be verified."""
    salt = doc.get("salt")
    if not isinstance(salt, str):
        return None
    if doc.get("password_scheme") == "pbkdf2":
        prf = doc.get("pbkdf2_prf", "sha")
        iterations = doc.get("iterations")
        if isinstance(iterations, bool) or not isinstance(iterations, int) or iterations > MAX_ITERATIONS:
            return None
        return _checked(prf, doc.get("derived_key"), salt, str(iterations))
    return _checked("", doc.get("password_sha"), salt, "0")


def _checked(prf: Any, key: Any, salt: str, iterations: str) -> PasswordHash | None:
    if prf != "" and prf not in PRFS:
        return None
    if not isinstance(key, str) or not (iterations.isascii() and iterations.isdigit()):
        return None
    count = int(iterations) if len(iterations) < 9 else MAX_ITERATIONS + 1
    if count > MAX_ITERATIONS or (prf and count < 1):
        return None
    try:
        derived = bytes.fromhex(key) if len(key) <= 2 * LONGEST_KEY else b""
        salted = salt.encode()
    except ValueError:
        return None
    return PasswordHash(prf, derived, salted, count) if derived and len(salted) <= LONGEST_SALT else None


def _derive(hashed: PasswordHash, password: str) -> bytes:
    secret = password.encode("utf-8", "surrogateescape")
    if not hashed.prf:
        return hashlib.sha1(secret + hashed.salt, usedforsecurity=False).digest()
    prf, key, salt, iterations = hashed
    return hashlib.pbkdf2_hmac(_hash_name(prf), secret, salt, iterations, len(key))


def _hash_name(prf: str) -> str:
    return "sha1" if prf == "sha" else prf


def _digest_size(prf: str) -> int:
    return hashlib.new(_hash_name(prf), usedforsecurity=False).digest_size
