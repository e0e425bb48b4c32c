"""A couchreg in a process of its own, for tests whose clients live elsewhere or that kill it."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.forking import Forked, Started, Streams

ADMIN = ("admin", "secret")
_STOP = 30  # seconds for a clean end


@dataclass(frozen=True)
class Server:
    """A running server; `log` holds what it wrote to standard error."""

    process: Forked | Started
    registry_url: str  # without a slash at the end
    couch_url: str
    admin: tuple[str, str]
    data_dir: Path
    log: Path

    def kill(self) -> None:
        """As a power cut would, as far as the process can tell."""
        self.process.kill()
        self.process.wait()

    @property
    def couch_url_with_login(self) -> str:
        return self.couch_url.replace("://", f"://{self.admin[0]}:{self.admin[1]}@")


def environment(**more: str) -> dict[str, str]:
    """The environment without couchreg's own variables."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COUCHREG_")} | more


@contextmanager
def running(
    data_dir: Path, *flags: str, env: Mapping[str, str] | None = None, program: bool = False
) -> Iterator[Server]:
    """A server on free ports, ended with SIGTERM; fails when it does not end cleanly. `env` is added to its
    environment. Where a `program` is wanted it begins at the beginning, and so do its own processes."""
    log, output = (data_dir.parent / f"{data_dir.name}.{kind}" for kind in ("log", "out"))
    arguments = ["serve", "--port", "0", "--couch-port", "0"]
    arguments += ["--data-dir", str(data_dir), "--password-iterations", "1000"]
    arguments += ["--publish-wait", "3600"]  # as long as a busy machine takes
    arguments += ["--analytics", "off", *flags]
    whole = environment(COUCHREG_ADMIN=":".join(ADMIN)) | dict(env or {})
    output.unlink(missing_ok=True)
    log.touch()
    streams = Streams(os.devnull, str(output), str(log))
    process = (Started if program else Forked)(arguments, streams, whole)
    try:
        registry_url, couch_url = _addresses(process, output, log)
        yield Server(process, registry_url, couch_url, ADMIN, data_dir, log)
        _end(process, log)
    finally:
        process.kill()
        process.wait()


def _addresses(process: Forked | Started, output: Path, log: Path) -> tuple[str, str]:
    found: dict[str, str] = {}
    while process.poll() is None:
        for line in output.read_text().splitlines() if output.exists() else ():
            label, _, rest = line.partition(" ")
            found[label] = rest.strip().rstrip("/")
        if "Registry" in found and "CouchDB" in found:
            return found["Registry"], found["CouchDB"]
        time.sleep(0.02)
    raise AssertionError(f"The server did not start:\n{log.read_text()}")


def _end(process: Forked | Started, log: Path) -> None:
    if process.poll() is None:
        process.terminate()
        status = process.wait(_STOP)
        assert status == 0, f"The server ended with {status}:\n{log.read_text()}"
