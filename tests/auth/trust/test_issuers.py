"""Identity tokens and the keys of their issuers, hostile ones above all. Offline, with a clock of its own."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from couchreg.auth.trust.issuers import FRESH, MOST_KEYS, REST, STALE, Issuers, is_safe
from couchreg.auth.trust.statements import LONGEST, Statement, heading, verified
from couchreg.errors import BadRequest, CouchregError, Unauthorized, Unavailable
from tests.issuing import CURVE, OTHER, RSA, TestIssuer, part, public

US = "https://data.example.org"


@pytest.fixture
def issuer() -> TestIssuer:
    return TestIssuer()


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


async def read(issuers: Issuers, token: str, now: float | None = None) -> Statement:
    found = heading(token)
    return verified(token, found, await issuers.key(found), US, time.time() if now is None else now)


async def test_what_an_issuer_signs_is_believed(issuer: TestIssuer) -> None:
    issuers = Issuers([issuer.url], issuer.fetch)
    for key in (RSA, CURVE):
        found = await read(issuers, issuer.token(US, key))
        assert (found.issuer, found.claims["repository"]) == (issuer.url, "bees/hives")
    assert (await read(issuers, issuer.token(US, aud=["other", US]))).issuer == issuer.url
    assert len(issuer.asked) == 2


def unsigned(issuer: TestIssuer) -> str:
    return f"{part({'alg': 'none', 'kid': 'rsa'})}.{part(issuer.claims(US))}."


def confused(issuer: TestIssuer) -> str:
    """Signed with what everybody knows, as if it were a secret."""
    signed = f"{part({'alg': 'HS256', 'kid': 'rsa'})}.{part(issuer.claims(US))}"
    secret = json.dumps(public(RSA, "rsa")).encode()
    return f"{signed}.{part(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


def changed(issuer: TestIssuer) -> str:
    head, _, signature = issuer.token(US).split(".")
    return f"{head}.{part(issuer.claims(US, repository='others/theirs'))}.{signature}"


HOSTILE: dict[str, Callable[[TestIssuer], str]] = {
    "nothing": lambda issuer: "",
    "no token": lambda issuer: "a.b.c",
    "two parts": lambda issuer: "a.b",
    "no text": lambda issuer: "é.é.é",
    "unsigned": unsigned,
    "confused": confused,
    "changed": changed,
    "without its signature": lambda issuer: issuer.token(US).rpartition(".")[0] + ".",
    "by somebody else": lambda issuer: issuer.token(US, OTHER),
    "by another key": lambda issuer: issuer.token(US, CURVE, head={"kid": "rsa"}),
    "a path for a key": lambda issuer: issuer.token(US, head={"kid": "../../etc/passwd"}),
    "a list for a key": lambda issuer: f"{part({'alg': 'RS256', 'kid': [1]})}.{part(issuer.claims(US))}.x",
    "no key, with two": lambda issuer: issuer.token(US, OTHER, head={"kid": "' OR 1=1 --"}),
    "its own keys": lambda issuer: issuer.token(
        US, OTHER, head={"jku": "https://evil.example/keys", "jwk": public(OTHER, "rsa")}
    ),
    "critical": lambda issuer: issuer.token(US, head={"crit": ["b64"], "b64": True}),
    "huge": lambda issuer: issuer.token(US, more="x" * LONGEST),
    "deep": lambda issuer: f"{part({'alg': 'RS256'})}.{part(b'[' * 9000)}.x",
    "another issuer": lambda issuer: issuer.token(US, iss="https://evil.example"),
    "an issuer with a slash": lambda issuer: issuer.token(US, iss=issuer.url + "/"),
    "no issuer": lambda issuer: issuer.token(US, iss=None),
    "another audience": lambda issuer: issuer.token("https://other.example.org"),
    "part of our name": lambda issuer: issuer.token(US + ".evil.example"),
    "no audience": lambda issuer: issuer.token(US, aud=None),
    "an audience of all": lambda issuer: issuer.token(US, aud={US: True}),
    "expired": lambda issuer: issuer.token(US, exp=time.time() - 1),
    "without an end": lambda issuer: issuer.token(US, exp=None),
    "with an endless end": lambda issuer: issuer.token(US, exp=1e300),
    "an end in words": lambda issuer: issuer.token(US, exp="never"),
    "an end that is true": lambda issuer: issuer.token(US, exp=True),
    "living for days": lambda issuer: issuer.token(US, exp=time.time() + 3 * 86_400),
    "not yet": lambda issuer: issuer.token(US, nbf=time.time() + 3_600),
    "from tomorrow": lambda issuer: issuer.token(US, iat=time.time() + 3_600),
    "from nowhere": lambda issuer: issuer.token(US, iat=None),
    "without a name": lambda issuer: issuer.token(US, jti=None),
    "with an empty name": lambda issuer: issuer.token(US, jti=""),
    "with a long name": lambda issuer: issuer.token(US, jti="x" * 5_000),
}


@pytest.mark.parametrize("kind", HOSTILE)
async def test_a_hostile_token_is_refused(issuer: TestIssuer, kind: str) -> None:
    issuers = Issuers([issuer.url], issuer.fetch)
    with pytest.raises((BadRequest, Unauthorized)) as refused:
        await read(issuers, HOSTILE[kind](issuer))
    assert refused.value.reason
    assert len(issuer.asked) <= 2
    assert not any("evil" in address for address in issuer.asked)


BAD_ANSWERS: dict[str, dict[str, Any]] = {
    "about another": {
        "/.well-known/openid-configuration": {"issuer": "https://x", "jwks_uri": "https://x/k"}
    },
    "no JSON": {"/.well-known/openid-configuration": b"<html>"},
    "a list": {"/.well-known/openid-configuration": []},
    "keys in the clear": {
        "/.well-known/openid-configuration": {
            "issuer": "https://issuer.example.org",
            "jwks_uri": "http://issuer.example.org/keys",
        }
    },
    "keys of a file": {
        "/.well-known/openid-configuration": {
            "issuer": "https://issuer.example.org",
            "jwks_uri": "file:///etc/passwd",
        }
    },
    "no keys": {"/keys": {}},
    "keys that are none": {"/keys": {"keys": "rsa"}},
    "very many keys": {"/keys": {"keys": [{"kty": "RSA"}] * (MOST_KEYS + 1)}},
    "nothing": {"/keys": Unavailable("it does not answer")},
}


@pytest.mark.parametrize("kind", BAD_ANSWERS)
async def test_an_issuer_that_answers_badly_is_no_issuer(issuer: TestIssuer, kind: str) -> None:
    issuer.answers |= BAD_ANSWERS[kind]
    issuers = Issuers([issuer.url], issuer.fetch)
    for _ in range(3):
        with pytest.raises(Unavailable):
            await read(issuers, issuer.token(US))
    assert len(issuer.asked) <= 2, "it is asked again after a while, not for each token"


BAD_KEYS: dict[str, dict[str, Any]] = {
    "a secret": {"kty": "oct", "k": "AAAA", "kid": "rsa"},
    "none of RSA": {"kty": "RSA", "kid": "rsa"},
    "numbers": {"kty": "RSA", "kid": "rsa", "n": 5, "e": 3},
    "a large one": {**public(RSA, "rsa"), "n": "A" * 5_000_000},
    "a large exponent": {**public(RSA, "rsa"), "e": "_" * 300},
    "for another use": {**public(RSA, "rsa"), "use": "enc"},
    "for another algorithm": {**public(RSA, "rsa"), "alg": "RS512"},
}


@pytest.mark.parametrize("kind", BAD_KEYS)
async def test_a_key_that_is_none_signs_nothing(issuer: TestIssuer, kind: str) -> None:
    issuer.answers["/keys"] = {"keys": [BAD_KEYS[kind]]}
    with pytest.raises(Unauthorized):
        await read(Issuers([issuer.url], issuer.fetch), issuer.token(US))


async def test_keys_are_kept_and_asked_for_again_when_there_is_a_new_one(issuer: TestIssuer) -> None:
    clock = Clock()
    issuers = Issuers([issuer.url], issuer.fetch, clock=clock)
    await read(issuers, issuer.token(US))
    for _ in range(5):
        with pytest.raises(Unauthorized):
            await read(issuers, issuer.token(US, OTHER, head={"kid": "new"}))
    assert len(issuer.asked) == 2
    issuer.answers["/keys"] = {"keys": [public(OTHER, "new")]}
    clock.now += REST
    await read(issuers, issuer.token(US, OTHER, head={"kid": "new"}))
    with pytest.raises(Unauthorized):
        await read(issuers, issuer.token(US))
    issuer.answers["/keys"] = Unavailable("it does not answer")
    clock.now += FRESH
    await read(issuers, issuer.token(US, OTHER, head={"kid": "new"}))
    clock.now += STALE
    with pytest.raises(Unavailable):
        await read(issuers, issuer.token(US, OTHER, head={"kid": "new"}))


def test_what_comes_in_the_clear_from_elsewhere_is_not_believed() -> None:
    for one in ("https://a.example/k", "http://127.0.0.1:80/k", "http://localhost/k"):
        assert is_safe(one, "http://localhost")
    for one in ("http://a.example/k", "ftp://a.example", "https://", "http://127.0.0.1.evil.example/", "x"):
        assert not is_safe(one, "http://localhost")
    assert is_safe("https://a.example/k", "https://b.example")
    assert not is_safe("http://localhost/k", "https://b.example"), "it has somebody's word for this machine"


async def test_a_key_that_is_known_waits_for_no_other(issuer: TestIssuer) -> None:
    clock, asked, go_on = Clock(), asyncio.Event(), asyncio.Event()

    async def fetch(address: str) -> bytes:
        if len(issuer.asked) >= 2:
            asked.set()
            await go_on.wait()
        return await issuer.fetch(address)

    issuers = Issuers([issuer.url], fetch, clock=clock)
    await read(issuers, issuer.token(US))
    clock.now += REST
    stranger = asyncio.create_task(read(issuers, issuer.token(US, OTHER, head={"kid": "new"})))
    await asked.wait()
    async with asyncio.timeout(60):
        await read(issuers, issuer.token(US))
    go_on.set()
    with pytest.raises(Unauthorized):
        await stranger


def test_a_refusal_says_nothing_of_the_token(issuer: TestIssuer) -> None:
    token = issuer.token(US)
    with pytest.raises(CouchregError) as refused:
        heading(token + "." + token)
    assert token[:40] not in refused.value.reason
