"""Start a registry; when it is new and empty, publish the package `gdp` into it. Used by `scripts/run`.

Arguments go to `couchreg serve`, whose output is passed on. The new admin's password is read from that
output: the server shows it once, and it is kept nowhere but as a hash.
"""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

from couchreg.client import ClientError, Credentials, publish

SAMPLE = Path(__file__).parents[1] / "tests" / "data" / "packages" / "gdp"


def main() -> int:
    command = [sys.executable, "-m", "couchreg", "serve", *sys.argv[1:]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the server too, and it ends cleanly
        signal.signal(signal.SIGTERM, lambda *_: server.terminate())
        announced = follow(server)
        if "Registry" in announced:
            welcome(announced)
            follow(server, wait_for="")
        return server.wait()


def follow(server: subprocess.Popen[str], wait_for: str = "Ready") -> dict[str, str]:
    """Pass the server's lines on, up to the one that begins with `wait_for`; label -> value."""
    found: dict[str, str] = {}
    for line in server.stdout or ():
        print(line, end="", flush=True)
        label, _, value = line.partition(" ")
        found[label] = value.strip()
        if label.strip() == wait_for:
            break
    return found


def welcome(announced: dict[str, str]) -> None:
    url = announced["Registry"].rstrip("/")
    if is_empty(url):
        fill(url, login(announced))


def is_empty(url: str) -> bool:
    with urllib.request.urlopen(f"{url}/-/packages?limit=1") as response:
        return not json.load(response)["packages"]


def login(announced: dict[str, str]) -> Credentials | None:
    written = announced.get("Admin", "").split(" ")[0] or os.environ.get("COUCHREG_ADMIN", "")
    name, _, password = written.partition(":")
    return Credentials(name, password) if name and password else None


def fill(url: str, credentials: Credentials | None) -> None:
    if credentials is None:
        print("The registry is empty: publish a package with `couchreg publish DIR`.", flush=True)
        return
    try:
        sample = publish(url, SAMPLE, credentials=credentials)
    except ClientError as error:
        print(f"The package {SAMPLE.name} could not be published: {error.reason}", flush=True)
        return
    print(f"Package   {url}/{sample.name}/{sample.version}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
