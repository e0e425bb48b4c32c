"""Both doors over TLS."""

import subprocess
from pathlib import Path

import aiohttp
import pytest

from couchreg.config import CannotStart
from tests.conftest import ServerFactory


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-keyout",
        str(key),
        "-out",
        str(cert),
        "-subj",
        "/CN=localhost",
        "-days",
        "2",
    ]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


async def test_both_doors_speak_tls(server: ServerFactory, certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    app = await server(tls_cert=cert, tls_key=key)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as session:
        for url in (app.registry_url, app.couch_url):
            assert url.startswith("https://")
            async with session.get(f"{url}/") as answer:
                assert answer.status == 200
        async with session.get(f"{app.registry_url}/") as answer:
            assert (await answer.json())["links"]["couchdb"].startswith("https://")
        login = {"name": "admin", "password": "secret"}
        async with session.post(f"{app.couch_url}/_session", json=login) as answer:
            assert "; Secure; HttpOnly" in answer.headers["Set-Cookie"]


async def test_a_certificate_that_is_none_stops_the_start(server: ServerFactory, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("nothing")
    for given in ({"tls_cert": wrong}, {"tls_cert": tmp_path / "none"}, {"tls_key": wrong}):
        with pytest.raises(CannotStart, match="certificate"):
            await server(**given)
