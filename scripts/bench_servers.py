"""The servers that are measured: couchreg, pouchdb-server, or one that runs already. For `scripts/bench`."""

import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

POUCHDB = "pouchdb-server@4.2.0"
VERDACCIO = "verdaccio@^5.33.0"
NODE_FETCH = "^2.7.0"  # what verdaccio 5 asks for is not on every mirror of npm's registry
LOGIN = "admin:bench"
TIMEOUT = 60  # seconds for a start


@dataclass(frozen=True)
class Subject:
    """A running server. `pid` is None for one that somebody else started; `registry` is the address of
    couchreg's registry door."""

    name: str
    url: str
    pid: int | None = None
    registry: str = ""


def allow_many_files() -> None:
    """As many open files as the system lets a process have; the servers inherit it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def at(url: str, pid: int | None = None) -> Subject:
    return Subject("other", url.rstrip("/"), pid)


@contextmanager
def couchreg(
    *arguments: str, door: str = "CouchDB", data: Path | None = None, program: Path | None = None
) -> Iterator[Subject]:
    """A server of this checkout on an empty directory, removed afterwards, or on `data`, which stays; the
    address is that of one of its doors, as the start announces it. `program` is run in couchreg's place."""
    with tempfile.TemporaryDirectory(prefix="couchreg-bench-") as folder:
        command = [sys.executable, *([str(program)] if program else ["-m", "couchreg"])]
        command += ["serve", "--port", "0", "--couch-port", "0"]
        command += ["--data-dir", str(data or f"{folder}/data"), "--audit-log-file", f"{folder}/audit"]
        command += ["--access-log-file", f"{folder}/access", *arguments]
        env = {name: value for name, value in os.environ.items() if not name.startswith("COUCHREG_")}
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=env | {"COUCHREG_ADMIN": LOGIN}
        ) as process:
            try:
                doors = _announced(process)
                address = doors[door].replace("://", f"://{LOGIN}@")
                yield Subject("couchreg", address, process.pid, doors["Registry"])
            finally:
                process.terminate()


def _announced(process: subprocess.Popen[str]) -> dict[str, str]:
    """The addresses of the doors."""
    found = {}
    for line in process.stdout or ():
        label, _, value = line.partition(" ")
        found[label] = value.strip().rstrip("/")
        if label == "Ready":
            return found
    sys.exit("scripts/bench: couchreg did not start")


def pouchdb(stack: ExitStack) -> Subject | None:
    """pouchdb-server with its databases on disk; None, and a sentence, where it cannot be had."""
    program = _installed(POUCHDB)
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


_CONFIG = """
storage: {folder}/storage
auth: {{htpasswd: {{file: {folder}/htpasswd, max_users: 10}}}}
packages: {{"**": {{access: $all, publish: $authenticated}}}}
web: {{enable: false}}
max_body_size: 10mb
log: {{type: stdout, format: json, level: fatal}}
userRateLimit: {{windowMs: 1000, max: 1000}}
"""


def verdaccio(stack: ExitStack) -> Subject | None:
    """verdaccio 5 with its storage on disk and no registry behind it; None, and a sentence, where it cannot
    be had."""
    program = _installed(VERDACCIO, overrides={"node-fetch": NODE_FETCH})
    if program is None:
        return None
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="verdaccio-bench-"))
    config = Path(folder) / "config.yaml"
    config.write_text(_CONFIG.format(folder=folder))
    address = f"127.0.0.1:{_free_port()}"
    command = [str(program), "--config", str(config), "--listen", address]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    stack.callback(_end, process)
    if not _answers(f"http://{address}/-/ping", process):
        print("scripts/bench_publishing: verdaccio does not answer and is left out", file=sys.stderr)
        return None
    return Subject("verdaccio", f"http://{address}", process.pid)


def _installed(package: str, overrides: Mapping[str, str] | None = None) -> Path | None:
    """The program of an npm package in a cache of ours, installed when it is not there yet."""
    name = package.partition("@")[0]
    if shutil.which("node") is None or shutil.which("npm") is None:
        print(f"scripts/bench: without Node and npm there is no {name}", file=sys.stderr)
        return None
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "couchreg-bench" / name
    program = cache / "node_modules" / ".bin" / name
    if not program.exists():
        cache.mkdir(parents=True, exist_ok=True)
        print(f"Installing {package} into {cache}", file=sys.stderr)
        (cache / "package.json").write_text(json.dumps({"private": True, "overrides": overrides or {}}))
        command = ["npm", "install", "--prefix", str(cache), "--no-audit", "--no-fund", "--loglevel=error"]
        done = subprocess.run([*command, package], stdout=subprocess.DEVNULL)
        if done.returncode:
            print(f"scripts/bench: npm failed, so {name} is left out", file=sys.stderr)
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
