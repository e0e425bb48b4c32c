"""JSON Web Tokens as CouchDB takes them: keys of `[jwt_keys]`, claims of `[jwt_auth]`. Off by default.

A key belongs to a family of algorithms (`hmac:`, `rsa:`, `ec:`), so that the public key of one is never
taken for the secret of another. Signatures are checked by PyJWT, claims here, since which of them count
is configured.

Source: https://docs.couchdb.org/en/stable/api/server/authn.html#jwt-authentication
"""

import base64
import binascii
import re
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from couchreg.auth.options import Config
from couchreg.errors import BadRequest, CouchregError, Failure, Unauthorized
from couchreg.model import json
from couchreg.model.user import User

FAMILIES = {"HS": "hmac", "RS": "rsa", "ES": "ec"}
ALGORITHMS = frozenset(family + size for family in FAMILIES for size in ("256", "384", "512"))
MALFORMED = "Malformed authentication token"
LONGEST_HALF = 66  # bytes of each of the two numbers of a signature, on the largest curve
_CLAIM = re.compile(r'([a-z]+)|\{([a-z]+)\s*,\s*"([^"]+)"\}')
_COMMA = re.compile(r"\s*,\s*")
_DOT = re.compile(r"(?<!\\)\.")

Claims = Mapping[str, Any]


class JwtBearer:
    def __init__(self, config: Config, *, clock: Callable[[], float] = time.time) -> None:
        self._config = config
        self._clock = clock

    def user(self, token: str) -> User:
        """The user that a token names. Raises BadRequest, Unauthorized in CouchDB's words."""
        header, claims = _opened(token)
        algorithm = _algorithm(header)
        self._check_claims(header, claims)
        _check_signature(token, algorithm, self._key(algorithm, header.get("kid", "_default")))
        if "sub" not in claims:
            raise Unauthorized("Token missing sub claim.")
        if not isinstance(claims["sub"], str):
            raise BadRequest("Malformed token")
        return User(claims["sub"], _roles(claims, self._section("jwt_auth")))

    def _section(self, name: str) -> Mapping[str, str]:
        return self._config().get(name, {})

    def _key(self, algorithm: str, key_id: Any) -> Any:
        family = FAMILIES[algorithm[:2]]
        written = self._section("jwt_keys").get(f"{family}:{key_id}")
        if written is None:
            raise BadRequest("Unknown kid")
        if family != "hmac":
            return _public_key(written, family)
        try:
            return base64.b64decode(written, validate=True)
        except (binascii.Error, ValueError):
            raise BadRequest("Not a valid key") from None

    def _check_claims(self, header: Claims, claims: Claims) -> None:
        """Only what `required_claims` lists counts, as in CouchDB: `exp` unless it says otherwise."""
        written = self._section("jwt_auth").get("required_claims", "exp")
        required = _CLAIM.findall(written)
        if written.strip() and not required:
            raise Failure("JWT is not configured correctly", error="misconfigured_server")
        for plain, valued, value in required:
            name = plain or valued
            if name in ("typ", "kid"):
                _require(header, name, "header parameter" if name == "typ" else "claim")
            elif name != "alg":
                _require(claims, name, "claim")
            self._check(name, header if name == "typ" else claims, value)

    def _check(self, name: str, found: Claims, value: str) -> None:
        given = found.get(name)
        if name == "exp" and not _number(name, given) > self._clock():
            raise Unauthorized("exp not in future")
        if name == "nbf" and not _number(name, given) < self._clock():
            raise Unauthorized("nbf not in past")
        if name == "iat":
            _number(name, given)
        if name == "typ" and given != "JWT":
            raise BadRequest("Invalid typ header parameter")
        if value and given != value:
            raise BadRequest(f"Invalid {name} claim")


def _opened(token: str) -> tuple[Claims, Claims]:
    """Header and claims, of which nothing is believed yet. Raises BadRequest."""
    parts = token.split(".")
    if len(parts) != 3:
        raise BadRequest(MALFORMED)
    header, claims = _decoded(parts[0]), _decoded(parts[1])
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise BadRequest("Not an object")
    return header, claims


def _decoded(part: str) -> Any:
    try:
        return json.decode(base64.urlsafe_b64decode(part.encode("ascii") + b"=" * (-len(part) % 4)))
    except (ValueError, BadRequest):
        raise BadRequest(MALFORMED) from None


def _algorithm(header: Claims) -> str:
    found = header.get("alg")
    if found is None:
        raise BadRequest("Missing alg header parameter")
    if not isinstance(found, str) or found not in ALGORITHMS:
        raise BadRequest("Invalid alg header parameter")
    return str(found)


def _require(found: Claims, name: str, kind: str) -> None:
    if found.get(name) is None:
        raise BadRequest(f"Missing {name} {kind}")


def _number(name: str, given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise BadRequest(f"Invalid {name} claim")
    return given


def _public_key(written: str, family: str) -> Any:
    from jwt.algorithms import ECAlgorithm, RSAAlgorithm  # not before somebody uses it: it takes long
    from jwt.exceptions import InvalidKeyError

    algorithm = (RSAAlgorithm if family == "rsa" else ECAlgorithm)(None)  # type: ignore[arg-type]
    try:
        return algorithm.prepare_key(written.replace("\\n", "\n"))
    except (InvalidKeyError, ValueError, TypeError):
        raise BadRequest(f"not an {family.upper()} public key") from None


def _check_signature(token: str, algorithm: str, key: Any) -> None:
    """Raises BadRequest unless the key has signed the token by the algorithm."""
    if algorithm.startswith("ES"):
        return _check_curve_signature(token, algorithm, key)
    import jwt
    from jwt.warnings import InsecureKeyLengthWarning

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InsecureKeyLengthWarning)  # how long keys are is the admin's
            jwt.PyJWS().decode(token, key, algorithms=[algorithm])
    except jwt.InvalidSignatureError:
        raise _bad_signature(algorithm) from None
    except (jwt.PyJWTError, ValueError, TypeError):
        raise BadRequest(MALFORMED) from None


def _check_curve_signature(token: str, algorithm: str, key: Any) -> None:
    """As CouchDB takes ECDSA: the algorithm names the hash alone, and the key may be of any curve."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    signed, _, encoded = token.rpartition(".")
    try:
        signature = base64.urlsafe_b64decode(encoded.encode("ascii") + b"=" * (-len(encoded) % 4))
    except ValueError:
        raise BadRequest(MALFORMED) from None
    half = len(signature) // 2
    if not 0 < half <= LONGEST_HALF or len(signature) % 2:
        raise _bad_signature(algorithm)
    r, s = (int.from_bytes(part) for part in (signature[:half], signature[half:]))
    digests = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
    try:
        key.verify(encode_dss_signature(r, s), signed.encode("ascii"), ECDSA(digests[algorithm[2:]]))
    except (InvalidSignature, ValueError):
        raise _bad_signature(algorithm) from None


def _bad_signature(algorithm: str) -> CouchregError:
    kind = "HMAC" if algorithm.startswith("HS") else "signature"
    return BadRequest(f"Bad {kind} in authentication token")


def _roles(claims: Claims, settings: Mapping[str, str]) -> tuple[str, ...]:
    """The roles of a token: a list, or a text with commas. Raises BadRequest."""
    path = settings.get("roles_claim_path")
    found: Any = claims
    steps = [settings.get("roles_claim_name", "_couchdb.roles")]
    if path is not None:
        steps = [step.replace("\\.", ".") for step in _DOT.split(path)]
    for step in steps:
        found = found.get(step) if isinstance(found, dict) else None
    if found is None:
        return ()
    roles = _COMMA.split(found) if isinstance(found, str) else found
    if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        raise BadRequest("Malformed token")
    return tuple(role for role in roles if role)
