"""Which registry a command speaks to, and as whom: flags, else the environment, else a file.

The file is `config.toml` in the user's configuration directory (`COUCHREG_CONFIG` names another). It may hold
`registry`, `user` and `password`; its login is for its own registry only. A password comes from the
environment, the file or a prompt without echo; a flag could be read by every user of the machine.
"""

import os
import stat
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from couchreg.client.errors import UsageError
from couchreg.client.transport import Credentials, registry_url

DEFAULT_REGISTRY = "http://127.0.0.1:8000"
REGISTRY, USER, PASSWORD, CONFIG = (
    "COUCHREG_REGISTRY",
    "COUCHREG_USER",
    "COUCHREG_PASSWORD",
    "COUCHREG_CONFIG",
)
_KEYS = ("registry", "user", "password")


@dataclass(frozen=True, slots=True)
class Account:
    """The registry's address, and a login where there is one."""

    registry: str
    credentials: Credentials | None

    def with_login(self) -> "Account":
        """This account, after asking the person at the terminal for the login that is missing."""
        if self.credentials is not None or not sys.stdin.isatty():
            return self
        user = click.prompt(f"User at {self.registry}", err=True)
        password = click.prompt("Password", hide_input=True, err=True)
        return Account(self.registry, Credentials(user, password))


def account_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options `--registry` and `--user`, shared by all commands that speak to a registry."""
    registry = click.option(
        "--registry",
        envvar=REGISTRY,
        metavar="URL",
        help=f"The registry.  [{REGISTRY}; default {DEFAULT_REGISTRY}]",
    )
    user = click.option(
        "--user",
        envvar=USER,
        metavar="NAME",
        help=f"Who you are there.  [{USER}; the password: {PASSWORD}, or a prompt]",
    )
    return registry(user(command))


def config_file() -> Path:
    """Where the file is, on this platform."""
    named = os.environ.get(CONFIG)
    return Path(named).expanduser() if named else Path(click.get_app_dir("couchreg")) / "config.toml"


def resolve(registry: str | None, user: str | None) -> Account:
    """The account that the flags, the environment and the file describe. Raises UsageError."""
    kept = _read(config_file())
    address = registry or kept.get("registry") or DEFAULT_REGISTRY
    url, written = registry_url(address)
    if written is not None:
        return Account(str(url), written)
    ours = _same(str(url), kept.get("registry") or DEFAULT_REGISTRY)
    name = user or (kept.get("user") if ours else None)
    password = os.environ.get(PASSWORD)
    if password is None and ours and name == kept.get("user"):
        password = kept.get("password")
    if name and password is None and sys.stdin.isatty():
        password = click.prompt(f"Password of {name} at {url}", hide_input=True, err=True)
    return Account(str(url), Credentials(name, password) if name and password else None)


def _same(url: str, kept: str) -> bool:
    return url.rstrip("/") == str(registry_url(kept)[0]).rstrip("/")


def _read(file: Path) -> dict[str, str]:
    try:
        kept = tomllib.loads(file.read_text("utf-8"))
        mode = stat.S_IMODE(file.stat().st_mode)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} cannot be read: {error}.") from None
    if "password" in kept and os.name == "posix" and mode & 0o077:
        raise UsageError(f"{file} holds a password and others may read it: chmod 600 {file}")
    for key, value in kept.items():
        if key not in _KEYS or not isinstance(value, str):
            raise UsageError(f"{file} may have {', '.join(_KEYS)}, each a text: {key} is wrong.")
    return kept
