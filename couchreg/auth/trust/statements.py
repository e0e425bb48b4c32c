"""What a provider of identities (OpenID Connect) states of a job, as a signed web token: read and verified.

Nothing in a token is believed before its signature is. The algorithms are those with a public and a private
key; which key counts is said by the provider's list and never by the token itself, of which only `alg`, `kid`
and `iss` are looked at before.

Source: https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation, https://www.rfc-editor.org/rfc/rfc8725
"""

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from couchreg.errors import BadRequest, CouchregError, Unauthorized
from couchreg.model import json

LONGEST: Final = 16 << 10  # characters of a token
LONGEST_TEXT: Final = 2_000  # characters of a claim that is looked at
MOST_CLAIMS: Final = 200
SKEW: Final = 60.0  # seconds that the clock of a provider may be off
LONGEST_LIFE: Final = 86_400.0  # seconds from when it was issued until it ends
KINDS: Final[Mapping[str, tuple[str, str | None]]] = {  # of the key to an algorithm, and its curve
    "RS256": ("RSA", None),
    "RS384": ("RSA", None),
    "RS512": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
}
LONGEST_NUMBER: Final = 1_400  # characters of a number of a key: 8,192 bits
LEAST_BITS: Final = 2_048
MALFORMED: Final = "This is no identity token."

Key = Mapping[str, Any]


class Heading(NamedTuple):
    """What a token says of itself before anything of it is believed."""

    algorithm: str
    key_id: str | None
    issuer: str


class Statement(NamedTuple):
    """What is true as far as the issuer is believed. Times are Unix seconds."""

    issuer: str
    id: str
    expires: float
    claims: Mapping[str, str]  # those that are texts


def heading(token: str) -> Heading:
    """Raises BadRequest for what is no token, Unauthorized for one that cannot be accepted."""
    if len(token) > LONGEST:
        raise BadRequest(f"An identity token may have at most {LONGEST} characters.")
    parts = token.split(".")
    if len(parts) != 3 or not token.isascii():
        raise BadRequest(MALFORMED)
    said, claims = _object(parts[0]), _object(parts[1])
    algorithm, key_id, issuer = said.get("alg"), said.get("kid"), claims.get("iss")
    if not isinstance(algorithm, str) or algorithm not in KINDS:
        raise Unauthorized(f"The token has to be signed with one of {', '.join(KINDS)}.")
    if "crit" in said:
        raise Unauthorized("The token has critical headers, which are not known here.")
    if key_id is not None and not (isinstance(key_id, str) and len(key_id) <= LONGEST_TEXT):
        raise BadRequest(MALFORMED)
    if not isinstance(issuer, str) or len(issuer) > LONGEST_TEXT:
        raise BadRequest(MALFORMED)
    return Heading(algorithm, key_id, issuer)


def fitting(keys: Sequence[Key], found: Heading) -> Key | None:
    """The key that a token names; where it names none, the only one of its kind."""
    kind, curve = KINDS[found.algorithm]
    able = [
        key
        for key in keys
        if key.get("kty") == kind
        and (curve is None or key.get("crv") == curve)
        and key.get("use", "sig") == "sig"
        and key.get("alg", found.algorithm) == found.algorithm
    ]
    if found.key_id is not None:
        able = [key for key in able if key.get("kid") == found.key_id]
    return able[0] if len(able) == 1 else None


def verified(token: str, found: Heading, key: Key, audience: str, now: float) -> Statement:
    """Blocking for a moment; the first time longer, while libraries are imported. Raises Unauthorized."""
    import jwt

    try:
        known = jwt.PyJWK(_bounded(key), algorithm=found.algorithm).key
        if getattr(known, "key_size", LEAST_BITS) < LEAST_BITS and key.get("kty") == "RSA":
            raise Unauthorized("The key of the issuer is too short.")
        payload = jwt.PyJWS().decode(token, known, algorithms=[found.algorithm])
    except (jwt.PyJWTError, ValueError, TypeError):
        raise Unauthorized("The token is not signed by its issuer.") from None
    claims = json.decode(payload)
    if not isinstance(claims, dict) or claims.get("iss") != found.issuer:
        raise Unauthorized(MALFORMED)
    return _checked(claims, found.issuer, audience, now)


def _checked(claims: Mapping[str, Any], issuer: str, audience: str, now: float) -> Statement:
    """Raises Unauthorized."""
    given = claims.get("aud")
    audiences = given if isinstance(given, list) else [given]
    if audience not in audiences:
        raise Unauthorized(f"The token is for another audience: ask for one for {audience}.")
    expires, issued = _moment(claims, "exp"), _moment(claims, "iat")
    if expires <= now:
        raise Unauthorized("The token has expired.")
    if issued > now + SKEW or ("nbf" in claims and _moment(claims, "nbf") > now + SKEW):
        raise Unauthorized("The token is not valid yet.")
    if expires - issued > LONGEST_LIFE:
        raise Unauthorized("The token lives for more than a day.")
    name = claims.get("jti")
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_TEXT:
        raise Unauthorized("The token has no “jti”, so it could be used twice.")
    texts = {
        claim: value
        for claim, value in list(claims.items())[:MOST_CLAIMS]
        if isinstance(value, str) and len(value) <= LONGEST_TEXT
    }
    return Statement(issuer, name, expires, texts)


def _moment(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Unauthorized(f"The token has no “{name}”.")
    return value


def _bounded(key: Key) -> dict[str, Any]:
    """The numbers of a key and nothing else of it. Raises ValueError for larger ones than are worked with."""
    named = {name: key[name] for name in ("kty", "crv", "n", "e", "x", "y") if name in key}
    if not all(isinstance(value, str) and len(value) <= LONGEST_NUMBER for value in named.values()):
        raise ValueError("a key of another size")
    if len(named.get("e", "")) > 8:  # an exponent for which each signature would take long
        raise ValueError("a large exponent")
    return named


def _object(part: str) -> Mapping[str, Any]:
    """Raises BadRequest."""
    try:
        found = json.decode(base64.urlsafe_b64decode(part.encode("ascii") + b"=" * (-len(part) % 4)))
    except (ValueError, CouchregError):
        raise BadRequest(MALFORMED) from None
    if not isinstance(found, dict):
        raise BadRequest(MALFORMED)
    return found
