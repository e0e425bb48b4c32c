"""The servers that are measured: couchreg, pouchdb-server, or one that runs already. For `scripts/bench`."""

import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

POUCHDB = "pouchdb-server@4.2.0"
LOGIN = "admin:bench"
TIMEOUT = 60  # seconds for a start


@dataclass(frozen=True)
class Subject:
    """A running server. `pid` is None for one that somebody else started."""

    name: str
    url: str
    pid: int | None = None


def allow_many_files() -> None:
    """As many open files as the system lets a process have; the servers inherit it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def at(url: str) -> Subject:
    return Subject("other", url.rstrip("/"))


@contextmanager
def couchreg() -> Iterator[Subject]:
    """A server of this checkout on an empty directory, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="couchreg-bench-") as folder:
        command = [sys.executable, "-m", "couchreg", "serve", "--port", "0", "--couch-port", "0"]
        command += ["--data-dir", f"{folder}/data"]
        env = {name: value for name, value in os.environ.items() if not name.startswith("COUCHREG_")}
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=env | {"COUCHREG_ADMIN": LOGIN}
        ) as process:
            try:
                address = _announced(process)
                yield Subject("couchreg", address.replace("://", f"://{LOGIN}@"), process.pid)
            finally:
                process.terminate()


def _announced(process: subprocess.Popen[str]) -> str:
    for line in process.stdout or ():
        label, _, value = line.partition(" ")
        if label == "CouchDB":
            return value.strip().rstrip("/")
    sys.exit("scripts/bench: couchreg did not start")


def pouchdb(stack: ExitStack) -> Subject | None:
    """pouchdb-server with its databases on disk; None, and a sentence, where it cannot be had."""
    program = _installed()
    if program is None:
        return None
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="pouchdb-bench-"))
    port = _free_port()
    command = [str(program), "--host", "127.0.0.1", "--port", str(port), "--dir", folder, "--no-stdout-logs"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    stack.callback(_end, process)
    url = f"http://127.0.0.1:{port}"
    if not _answers(url, process):
        print("scripts/bench: pouchdb-server does not answer; couchreg is measured alone", file=sys.stderr)
        return None
    return Subject("pouchdb-server", url, process.pid)


def _installed() -> Path | None:
    """The program in a cache of ours, installed when it is not there yet."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        print("scripts/bench: without Node and npm couchreg is measured alone", file=sys.stderr)
        return None
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "couchreg-bench"
    program = cache / "node_modules" / ".bin" / "pouchdb-server"
    if not program.exists():
        cache.mkdir(parents=True, exist_ok=True)
        print(f"Installing {POUCHDB} into {cache}", file=sys.stderr)
        command = ["npm", "install", "--prefix", str(cache), "--no-audit", "--no-fund", "--loglevel=error"]
        done = subprocess.run([*command, POUCHDB], stdout=subprocess.DEVNULL)
        if done.returncode:
            print("scripts/bench: npm failed; couchreg is measured alone", file=sys.stderr)
            return None
    return program


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    for _ in range(TIMEOUT * 10):
        if process.poll() is not None:
            return False
        try:
            with urllib.request.urlopen(url):
                return True
        except OSError:
            time.sleep(0.1)
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(TIMEOUT)
