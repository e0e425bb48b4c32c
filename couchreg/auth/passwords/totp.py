"""A second factor at the login: a few digits of the moment, as `_users` documents may ask for.

Such a user has `"totp": {"key": base32, "algorithm"?, "length"?}` and logs in at `_session` only, with
`token` beside the password.

Source: https://docs.couchdb.org/en/stable/config/auth.html#two-factor-authentication and RFC 6238.
"""

import base64
import binascii
import hmac
import secrets
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from couchreg.auth.options import HASH_ALGORITHMS

STEP = 30  # seconds that a number is shown
DRIFT = (-1, 0, 1)  # steps that clocks may differ by


class Totp(NamedTuple):
    key: bytes
    algorithm: str
    length: int

    def number(self, step: int) -> str:
        """The digits of one step since 1970."""
        digest = hmac.digest(self.key, step.to_bytes(8, "big"), self.algorithm)
        offset = digest[-1] & 15
        value = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
        return f"{value % 10**self.length:0{self.length}d}"

    def check(self, given: str | None, now: float | None = None) -> bool:
        """Whether these are the digits of now or of a step beside it."""
        step = int(time.time() if now is None else now) // STEP
        text = (given or "").encode("utf-8", "replace")
        return any(hmac.compare_digest(self.number(step + drift).encode(), text) for drift in DRIFT)


def parse_totp(doc: Mapping[str, Any]) -> Totp | None:
    """What a document asks for; None where it asks for none. A key that is none is never met."""
    written = doc.get("totp")
    if written is None:
        return None
    members = written if isinstance(written, dict) else {}
    named = members.get("algorithm", "sha")
    algorithm = HASH_ALGORITHMS.get(named, "sha1") if isinstance(named, str) else "sha1"
    length = members.get("length", 6)
    try:
        key = base64.b32decode(str(members.get("key", "")), casefold=True)
    except (binascii.Error, ValueError):
        key = b""
    return Totp(key or secrets.token_bytes(32), algorithm, length if length in (6, 7, 8) else 6)
