"""An issuer of identity tokens, as jobs have them: its keys, and a server on this machine that has them."""

import base64
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CURVE = ec.generate_private_key(ec.SECP256R1())
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)  # of somebody else


def public(key: Any, key_id: str, **more: Any) -> dict[str, Any]:
    kind = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    found: dict[str, Any] = json.loads(kind.to_jwk(key.public_key()))
    return {**found, "kid": key_id, "use": "sig", **more}


def part(value: Mapping[str, Any] | bytes) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class TestIssuer:
    """`url` is known once it is served. `answers` may be replaced, by path: a value, bytes or a response."""

    __test__ = False

    def __init__(self) -> None:
        self.url = "https://issuer.example.org"
        self.asked: list[str] = []
        self.answers: dict[str, Any] = {}
        self.set_up()

    def set_up(self) -> None:
        keys = {"keys": [public(RSA, "rsa"), public(CURVE, "ec")]}
        about = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        self.answers = {"/.well-known/openid-configuration": about, "/keys": keys}

    def claims(self, audience: str, **more: Any) -> dict[str, Any]:
        now = time.time()
        found = {
            "iss": self.url,
            "aud": audience,
            "sub": "repo:bees/hives:ref:refs/heads/main",
            "repository": "bees/hives",
            "job_workflow_ref": "bees/hives/.github/workflows/publish.yml@refs/heads/main",
            "iat": now,
            "nbf": now,
            "exp": now + 300,
            "jti": base64.b32encode(str(time.monotonic_ns()).encode()).decode(),
            **more,
        }
        return {name: value for name, value in found.items() if value is not None}

    def token(self, audience: str, key: Any = RSA, head: Mapping[str, Any] | None = None, **more: Any) -> str:
        is_rsa = isinstance(key, rsa.RSAPrivateKey)
        headers = {"kid": "rsa" if is_rsa else "ec", **(head or {})}
        claims = self.claims(audience, **more)
        return jwt.encode(claims, key, algorithm="RS256" if is_rsa else "ES256", headers=headers)

    async def fetch(self, address: str) -> bytes:
        """What is answered, without a server."""
        self.asked.append(address)
        found = self.answers[address.removeprefix(self.url)]
        if isinstance(found, Exception):
            raise found
        return found if isinstance(found, bytes) else json.dumps(found).encode()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        found = self.answers.get(request.path, web.Response(status=404))
        if callable(found):
            return found()  # type: ignore[no-any-return]
        if isinstance(found, web.StreamResponse):
            return found
        return web.Response(body=found if isinstance(found, bytes) else json.dumps(found).encode())

    @asynccontextmanager
    async def served(self) -> AsyncIterator["TestIssuer"]:
        application = web.Application()
        application.router.add_get("/{path:.*}", self._answer)
        runner = web.AppRunner(application)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            host, port = runner.addresses[0][:2]
            self.url = f"http://{host}:{port}"
            self.set_up()
            yield self
        finally:
            await runner.cleanup()
