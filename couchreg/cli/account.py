"""Which registry a command speaks to, and as whom: flags, else the environment, else a file.

The file is written by `couchreg login`; its token is for its own registry and user only. A password comes
from the environment, from standard input or a prompt without echo; a flag could be read by every user
of the machine.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from couchreg.client.config_file import config_file, read
from couchreg.client.errors import UsageError
from couchreg.client.transport import Credentials, Login, Token, registry_url

DEFAULT_REGISTRY = "http://127.0.0.1:8000"
REGISTRY, USER, PASSWORD, TOKEN = (
    "COUCHREG_REGISTRY",
    "COUCHREG_USER",
    "COUCHREG_PASSWORD",
    "COUCHREG_TOKEN",
)


@dataclass(frozen=True, slots=True)
class Account:
    """The registry's address, and a login where there is one."""

    registry: str
    credentials: Login | None

    def with_login(self) -> "Account":
        """This account, after asking the person at the terminal for the login that is missing."""
        if self.credentials is not None or not sys.stdin.isatty():
            return self
        user = click.prompt(f"User at {self.registry}", err=True)
        return Account(self.registry, Credentials(user, ask_password(f"Password of {user}")))


def registry_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option `--registry`."""
    return click.option(
        "--registry",
        envvar=REGISTRY,
        metavar="URL",
        help=f"The registry.  [{REGISTRY}; default {DEFAULT_REGISTRY}]",
    )(command)


def account_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options `--registry` and `--user`, shared by all commands that speak to a registry."""
    user = click.option(
        "--user",
        envvar=USER,
        metavar="NAME",
        help=f"Who you are there.  [{USER}; the password: {PASSWORD}, or a prompt; or {TOKEN}]",
    )
    return registry_option(user(command))


password_option = click.option(
    "--password-stdin", "from_stdin", is_flag=True, help="Read passwords from standard input, a line each."
)


def ask_password(prompt: str, *, from_stdin: bool = False, confirm: bool = False) -> str:
    """A password, without echo. Raises UsageError where there is nobody to ask."""
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
        if not password:
            raise UsageError("There is no password on standard input.")
        return password
    if not sys.stdin.isatty():
        raise UsageError("There is no terminal to ask for the password: use --password-stdin.")
    entered: str = click.prompt(prompt, hide_input=True, confirmation_prompt=confirm, err=True)
    return entered


def resolve(registry: str | None, user: str | None) -> Account:
    """The account that the flags, the environment and the file describe. Raises UsageError."""
    kept = read(config_file())
    url, written = registry_url(registry or kept.get("registry") or DEFAULT_REGISTRY)
    if not _same(str(url), kept.get("registry") or DEFAULT_REGISTRY):
        kept = {}  # a login is for its own registry
    return Account(str(url), written or _login(str(url), user, kept))


def _login(url: str, user: str | None, kept: dict[str, str]) -> Login | None:
    name, password, token = user or kept.get("user"), os.environ.get(PASSWORD), os.environ.get(TOKEN)
    if name and password:
        return Credentials(name, password)
    if token and user is None:
        return Token(token)
    if "token" in kept and name == kept.get("user"):
        return Token(kept["token"])
    if name and sys.stdin.isatty():
        return Credentials(name, ask_password(f"Password of {name} at {url}"))
    return None


def _same(url: str, kept: str) -> bool:
    return url.rstrip("/") == str(registry_url(kept)[0]).rstrip("/")
