"""S3 servers for the tests: moto's, `rclone serve s3`, and our own (`bucket_server`), each a process of its
own on a free port.

They differ in what they check: moto and ours heed conditions of writes and believe every signature, rclone
checks signatures and Content-MD5 and ignores conditions. Ours is quick, and may be killed: it is there again
with all that it has acknowledged.
"""

import re
import secrets
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import aiohttp
import botocore.session

from couchreg.blobstore.s3.calls import connect
from couchreg.blobstore.s3.options import S3Options

ROOT = Path(__file__).parent.parent
ACCESS_KEY, SECRET_KEY = "tester", "tester-secret"

_MOTO = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


class S3Server(NamedTuple):
    kind: str
    endpoint: str


@contextmanager
def known_services() -> Iterator[None]:
    """Clients of this process share what botocore reads of S3 and of Amazon's regions: 2 MB of JSON that is
    the same for each of them, and takes longer to read than most tests of a store."""
    with mock.patch.object(botocore.session, "create_loader", cache(botocore.session.create_loader)):
        yield


@contextmanager
def moto() -> Iterator[S3Server]:
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _MOTO],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with _ended(process), known_services():
        assert process.stdout is not None
        yield S3Server("moto", f"http://127.0.0.1:{int(process.stdout.readline())}")


@contextmanager
def rclone(directory: Path) -> Iterator[S3Server]:
    program = shutil.which("rclone") or str(Path(sys.executable).parent / "rclone")
    process = subprocess.Popen(
        [
            program,
            "serve",
            "s3",
            str(directory),
            "--addr",
            "127.0.0.1:0",
            "--config",
            "",
            "--auth-key",
            f"{ACCESS_KEY},{SECRET_KEY}",
            "--vfs-cache-mode",
            "off",
        ],
        stderr=subprocess.PIPE,
    )
    with _ended(process), known_services():
        assert process.stderr is not None
        for line in iter(process.stderr.readline, b""):
            if found := re.search(rb"http://127\.0\.0\.1:(\d+)", line):
                threading.Thread(target=process.stderr.read, daemon=True).start()  # or it would wait for us
                yield S3Server("rclone", f"http://127.0.0.1:{int(found[1])}")
                return
        raise AssertionError("rclone did not start")


class KilledS3:
    """`bucket_server` over a directory: after `kill` it can be started again, at the same port."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    @property
    def server(self) -> S3Server:
        return S3Server("ours", f"http://127.0.0.1:{self._port}")

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.bucket_server", str(self._directory), str(self._port)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
        assert self._process.stdout is not None
        self._port = int(self._process.stdout.readline())

    def kill(self) -> None:
        """As a crash: whatever it is about breaks off."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextmanager
def ours(directory: Path) -> Iterator[KilledS3]:
    server = KilledS3(directory)
    server.start()
    try:
        with known_services():
            yield server
    finally:
        server.kill()


async def new_bucket(server: S3Server, **more: Any) -> S3Options:
    """Options for a bucket that has just been made."""
    name = f"b{secrets.token_hex(6)}"
    options = S3Options(name, endpoint=server.endpoint, access_key=ACCESS_KEY, secret_key=SECRET_KEY, **more)
    if server.kind in ("moto", "ours"):  # they ask for no signature, and a client takes a while to make
        async with aiohttp.ClientSession() as session, session.put(f"{server.endpoint}/{name}") as response:
            assert response.status == 200
    else:
        calls = await connect(options)
        await calls("create_bucket")
        await calls.close()
    return options


@contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
