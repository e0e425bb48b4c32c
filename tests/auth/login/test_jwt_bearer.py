"""JSON Web Tokens: whom they prove, and whom not."""

from base64 import b64encode
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from couchreg.auth.login.jwt_bearer import JwtBearer
from couchreg.errors import BadRequest, CouchregError, Failure, Unauthorized
from couchreg.model import json
from couchreg.model.user import User

SECRET = b"s" * 32
NOW = 1_800_000_000
RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def pem(key: Any) -> str:
    """A public key as it stands in the config, its lines ended with \\n in two characters."""
    text = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return text.replace("\n", "\\n")


class World:
    def __init__(self) -> None:
        self.settings: dict[str, dict[str, str]] = {
            "jwt_auth": {},
            "jwt_keys": {
                "hmac:_default": b64encode(SECRET).decode(),
                "rsa:r": pem(RSA_KEY),
                "ec:e": pem(EC_KEY),
                "hmac:bad": "!",
                "rsa:bad": "no key",
            },
        }
        self.bearer = JwtBearer(lambda: self.settings, clock=lambda: NOW)

    def user(
        self, claims: dict[str, Any], key: Any = SECRET, algorithm: str = "HS256", **header: Any
    ) -> User:
        return self.bearer.user(jwt.encode(claims, key, algorithm, headers=header))


@pytest.fixture
def world() -> World:
    return World()


BOB = {"sub": "bob", "exp": NOW + 1}


def test_every_family_of_algorithms(world: World) -> None:
    assert world.user(BOB) == User("bob")
    assert world.user(BOB, RSA_KEY, "RS512", kid="r") == User("bob")
    assert world.user(BOB, EC_KEY, "ES256", kid="e") == User("bob")
    with pytest.raises(BadRequest, match="Bad HMAC in authentication token"):
        world.user(BOB, b"x" * 32)
    with pytest.raises(BadRequest, match="Bad signature in authentication token"):
        world.user(BOB, rsa.generate_private_key(65537, 2048), "RS256", kid="r")


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "ES512"])
def test_the_algorithm_of_a_curve_names_the_hash_alone(world: World, algorithm: str) -> None:
    parts = [urlsafe(json.encode(part)) for part in ({"alg": algorithm, "kid": "e"}, BOB)]
    signed = b".".join(parts)
    curve = {"ES256": SHA256(), "ES384": SHA384(), "ES512": SHA512()}[algorithm]
    r, s = decode_dss_signature(EC_KEY.sign(signed, ec.ECDSA(curve)))
    size = int(algorithm[2:]) // 8
    good = r.to_bytes(size) + s.to_bytes(size)
    assert world.bearer.user((signed + b"." + urlsafe(good)).decode()) == User("bob")
    for bad in (s.to_bytes(size) + r.to_bytes(size), good[:-1], b"", bytes(len(good)), good * 9):
        with pytest.raises(BadRequest, match="Bad signature in authentication token"):
            world.bearer.user((signed + b"." + urlsafe(bad)).decode())
    with pytest.raises(BadRequest):
        world.bearer.user((signed + b".!").decode())


def urlsafe(data: bytes) -> bytes:
    return b64encode(data, b"-_").rstrip(b"=")


def test_short_secrets_are_the_admins_choice(world: World) -> None:
    world.settings["jwt_keys"]["hmac:_default"] = b64encode(b"hello").decode()
    token = jwt.encode(BOB, SECRET).rpartition(".")[0]
    signature = jwt.get_algorithm_by_name("HS256").sign(token.encode(), b"hello")
    encoded = b64encode(signature, b"-_").rstrip(b"=").decode()
    assert world.bearer.user(f"{token}.{encoded}") == User("bob")


@pytest.mark.parametrize(
    ("header", "reason"),
    [({"kid": "other"}, "Unknown kid"), ({"kid": "r"}, "Unknown kid"), ({"kid": "bad"}, "Not a valid key")],
)
def test_a_key_belongs_to_one_family(world: World, header: dict[str, str], reason: str) -> None:
    """Above all nobody signs with a public key as if it were the secret."""
    with pytest.raises(BadRequest, match=f"^{reason}$"):
        world.user(BOB, **header)


def test_no_algorithm_is_no_signature(world: World) -> None:
    with pytest.raises(BadRequest, match="Invalid alg header parameter"):
        world.user(BOB, None, "none")
    with pytest.raises(BadRequest, match="not an RSA public key"):
        world.user(BOB, RSA_KEY, "RS256", kid="bad")


@pytest.mark.parametrize("token", ["", "abc", "a.b", "a.b.c", "e30.e30", "bnVsbA.e30.x", "é.é.é", "....."])
def test_what_is_no_token(world: World, token: str) -> None:
    with pytest.raises(BadRequest):
        world.bearer.user(token)


@pytest.mark.parametrize(
    ("claims", "error", "reason"),
    [
        ({"sub": "bob"}, BadRequest, "Missing exp claim"),
        ({"sub": "bob", "exp": NOW}, Unauthorized, "exp not in future"),
        ({"sub": "bob", "exp": "soon"}, BadRequest, "Invalid exp claim"),
        ({"exp": NOW + 1}, Unauthorized, r"Token missing sub claim\."),
        ({"sub": 7, "exp": NOW + 1}, BadRequest, "Malformed token"),
        ({**BOB, "_couchdb.roles": [1]}, BadRequest, "Malformed token"),
    ],
)
def test_claims(world: World, claims: dict[str, Any], error: type[CouchregError], reason: str) -> None:
    text = jwt.PyJWS().encode(jwt.api_jwt.json.dumps(claims).encode(), SECRET)
    with pytest.raises(error, match=f"^{reason}$"):
        world.bearer.user(text)


def test_required_claims_are_a_setting(world: World) -> None:
    world.settings["jwt_auth"]["required_claims"] = 'nbf, iat, {iss, "IT"}'
    right = {"sub": "bob", "nbf": NOW - 1, "iat": NOW, "iss": "IT"}
    assert world.user(right) == User("bob")
    for wrong in ({"nbf": NOW + 5}, {"iss": "OT"}, {"iss": None}, {"iat": None}):
        with pytest.raises((BadRequest, Unauthorized)):
            world.user({key: value for key, value in (right | wrong).items() if value is not None})
    world.settings["jwt_auth"]["required_claims"] = "!"
    with pytest.raises(Failure, match="JWT is not configured correctly"):
        world.user(right)
    world.settings["jwt_auth"]["required_claims"] = ""
    assert world.user({"sub": "bob"}) == User("bob")


def test_roles_stand_where_the_settings_say(world: World) -> None:
    claims = {**BOB, "_couchdb.roles": ["a"], "mine": "b, c", "deep": {"x.y": ["d"]}}
    assert world.user(claims).roles == ("a",)
    world.settings["jwt_auth"]["roles_claim_name"] = "mine"
    assert world.user(claims).roles == ("b", "c")
    world.settings["jwt_auth"]["roles_claim_path"] = r"deep.x\.y"
    assert world.user(claims).roles == ("d",)
    world.settings["jwt_auth"]["roles_claim_path"] = "nowhere.at.all"
    assert world.user(claims).roles == ()
