"""Both doors behind a proxy with the configuration that DEPLOYING.md has, over TLS.

`COUCHREG_TEST_PROXY_MIB` and `COUCHREG_TEST_PROXY_SECONDS` make it as large and as long as somebody wants;
`COUCHREG_TEST_NGINX` and `COUCHREG_TEST_CADDY` name the programs.
"""

import asyncio
import hashlib
import json
import os
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from tests.http.registry.pages.browsing import started
from tests.processes import ADMIN, Server, environment, running
from tests.proxies.conftest import PROXIES

PAGE = (Path(__file__).parents[2] / "couchreg" / "DEPLOYING.md").read_text("utf-8")
POUCHDB = Path(__file__).parents[1] / "clients" / "node_modules" / "pouchdb" / "dist" / "pouchdb.min.js"
MIB = int(os.environ.get("COUCHREG_TEST_PROXY_MIB", "8"))
SECONDS = float(os.environ.get("COUCHREG_TEST_PROXY_SECONDS", "3"))
BASIC = aiohttp.encode_basic_auth(*ADMIN)
DOCUMENTS = 200


class Behind(NamedTuple):
    url: str
    server: Server
    certificate: Path
    page: str  # the origin of a page elsewhere


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def configuration(kind: str, port: int, upstream: str, folder: Path) -> str:
    """The documented one, at other ports and with a certificate of the test's."""
    found = re.search(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    text = found[1].replace("127.0.0.1:8000", upstream.removeprefix("http://"))
    if kind == "caddy":
        site = f"https://localhost:{port} {{\n    tls {folder}/cert.pem {folder}/key.pem"
        text = text.replace("data.example.org {", site)
        return f"{{\nadmin off\nauto_https disable_redirects\nstorage file_system {folder}\n}}\n{text}"
    text = text.replace("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;")
    text = re.sub(r"/etc/ssl/\S*\.pem", f"{folder}/cert.pem", text)
    text = re.sub(r"/etc/ssl/\S*\.key", f"{folder}/key.pem", text)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    kept = "".join(f"{name}_temp_path {folder}/{name};" for name in kinds)
    return f"pid {folder}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{ access_log off; {kept}\n{text}}}\n"


def certify(folder: Path) -> None:
    made = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    made += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    made += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(made, check=True, capture_output=True)


@contextmanager
def proxied(kind: str, upstream: str, folder: Path) -> Iterator[str]:
    port, file = free_port(), folder / "configuration"
    file.write_text(configuration(kind, port, upstream, folder))
    program = PROXIES[kind]
    command = [program, "-c", str(file), "-p", str(folder), "-g", "daemon off;"]
    if kind == "caddy":
        command = [program, "run", "--config", str(file), "--adapter", "caddyfile"]
    told = (folder / "told").open("wb")
    process = subprocess.Popen(command, stdout=told, stderr=told, env={**os.environ, "HOME": str(folder)})
    try:
        for _ in range(600):
            assert process.poll() is None, (folder / "told").read_text()
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", port)) == 0:
                    break
            process.poll()
            asyncio.run(asyncio.sleep(0.1))
        yield f"https://localhost:{port}"
    finally:
        process.terminate()
        process.wait(30)
        told.close()


@pytest.fixture(scope="module", params=[*PROXIES])
def behind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    folder = tmp_path_factory.mktemp(request.param)
    certify(folder)
    page = f"http://localhost:{free_port()}"
    flags = ("--trusted-proxies", "127.0.0.1", "--cors", page, "--validation", "off", "--access-log", "json")
    with (
        running(folder / "data", *flags) as server,
        proxied(request.param, server.registry_url, folder) as url,
    ):
        yield Behind(url, server, folder / "cert.pem", page)


@pytest.fixture
async def session(behind: Behind) -> AsyncIterator[aiohttp.ClientSession]:
    trusting = ssl.create_default_context(cafile=str(behind.certificate))
    connector = aiohttp.TCPConnector(ssl=trusting)
    async with aiohttp.ClientSession(connector=connector) as found:
        yield found
        await connector.close(
            abort_ssl=True
        )  # a feed that was left in the middle would be closed in its time


def couchreg(behind: Behind, *words: str) -> str:
    env = environment(
        COUCHREG_REGISTRY=behind.url,
        COUCHREG_USER=ADMIN[0],
        COUCHREG_PASSWORD=ADMIN[1],
        SSL_CERT_FILE=str(behind.certificate),
    )
    done = subprocess.run([sys.executable, "-m", "couchreg", *words], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


async def test_a_large_package_is_published_and_installed(behind: Behind, tmp_path: Path) -> None:
    folder = tmp_path / "large"
    folder.mkdir()
    block, digest = os.urandom(1 << 20), hashlib.sha256()
    with (folder / "large.bin").open("wb") as file:
        for number in range(MIB):
            piece = number.to_bytes(8) + block[8:]
            digest.update(piece)
            file.write(piece)
    members = {"name": "large", "version": "1.0.0", "resources": [{"name": "r", "path": "large.bin"}]}
    (folder / "datapackage.json").write_text(json.dumps(members))
    said = await asyncio.to_thread(couchreg, behind, "publish", str(folder))
    assert f"{behind.url}/large/1.0.0" in said, "addresses are those of the proxy"
    await asyncio.to_thread(
        couchreg, behind, "install", "large", "--into", str(tmp_path / "there"), "--no-cache"
    )
    with (tmp_path / "there" / "large.bin").open("rb") as file:
        assert hashlib.file_digest(file, "sha256").digest() == digest.digest()


@pytest.mark.timeout(SECONDS + 600)
async def test_a_continuous_feed_tells_at_once(behind: Behind, session: aiohttp.ClientSession) -> None:
    db = f"{behind.url}/_couch/feed"
    login = {"Authorization": BASIC}
    async with session.put(db, headers=login) as answer:
        assert answer.status == 201
    timeout = aiohttp.ClientTimeout(total=None)
    lines: asyncio.Queue[bytes] = asyncio.Queue()
    heartbeat = round(SECONDS * 1000 / 5)  # of a long feed rarer than proxies are patient by themselves

    async def read() -> None:
        path = f"{db}/_changes?feed=continuous&heartbeat={heartbeat}&limit=2"
        async with session.get(path, headers=login, timeout=timeout) as feed:
            async for line in feed.content:
                if line.strip():
                    lines.put_nowait(line)

    reading = asyncio.create_task(read())
    for doc in ("halfway", "late"):
        await asyncio.sleep(SECONDS / 2)
        assert lines.empty()
        assert not reading.done()
        async with session.put(f"{db}/{doc}", headers=login, json={}) as answer:
            assert answer.status == 201
        async with asyncio.timeout(60):
            assert json.loads(await lines.get())["id"] == doc
    async with asyncio.timeout(60):
        await reading


async def test_addresses_stay_as_they_are_sent(behind: Behind, session: aiohttp.ClientSession) -> None:
    login = {"Authorization": BASIC}
    db = f"{behind.url}/_couch/ids"
    for path in ("", "/a%2Fb", "/c%20d", "/_local/e%2Ff"):
        url = URL(db + path, encoded=True)
        async with session.put(url, headers=login, json={} if path else None) as answer:
            assert answer.status == 201, (path, await answer.text())
    async with session.get(f"{db}/_all_docs", headers=login) as answer:
        assert [row["id"] for row in (await answer.json())["rows"]] == ["a/b", "c d"]
    async with session.get(f"{behind.url}/") as answer:
        links, name = (await answer.json())["links"], answer.headers["X-Request-ID"]
    assert all(link.startswith(behind.url) for link in links.values()), links
    async with asyncio.timeout(60):
        while name not in behind.server.log.read_text():  # the proxy's name of a request is the server's
            await asyncio.sleep(0.1)


async def elsewhere(request: web.Request) -> web.Response:
    return web.Response(text="<title>elsewhere</title>", content_type="text/html")


async def test_pouchdb_in_a_page_of_another_origin_logs_in_and_replicates(behind: Behind) -> None:
    application = web.Application()
    application.router.add_get("/", elsewhere)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "localhost", int(behind.page.rpartition(":")[2])).start()
    script = """
        async ([url, user, password, many]) => {
            const here = new PouchDB("here"), there = new PouchDB(url, {auth: {username: user, password}});
            await here.bulkDocs([...Array(many).keys()].map(n => ({_id: `d${n}`, n})));
            await here.putAttachment("d0", "a.txt", (await here.get("d0"))._rev, btoa("bytes"), "text/plain");
            const sent = await here.replicate.to(there);
            const again = new PouchDB("again");
            const since = (await there.info()).update_seq;  // "now" might come to the server after the write
            const heard = new Promise((resolve, reject) => {
                const feed = there.changes({since, live: true});
                feed.on("change", change => { feed.cancel(); resolve(change.id); }).on("error", reject);
            });
            await there.put({_id: "late"});
            const late = await heard;
            const got = await again.replicate.from(there);
            const text = await (await again.getAttachment("d0", "a.txt")).text();
            return {sent: sent.docs_written, got: got.docs_written, late, text};
        }
    """
    try:
        async with started() as browser:
            context = await browser.new_context(ignore_https_errors=True)
            page = await context.new_page()
            await page.goto(behind.page)
            await page.add_script_tag(path=POUCHDB)
            asked: list[Any] = [f"{behind.url}/_couch/pouch", *ADMIN, DOCUMENTS]
            found = await page.evaluate(script, asked)
            await context.close()
    finally:
        await runner.cleanup()
    assert found == {"sent": DOCUMENTS, "got": DOCUMENTS + 1, "late": "late", "text": "bytes"}
