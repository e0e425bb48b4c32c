"""The flags by which a command is told its registry and user, and the prompts for what is still missing.

What flags do not say comes from the environment and from the file that `couchreg login` writes
(`client/account.py`). A password comes from the environment, from standard input or from a prompt without
echo; a flag could be read by every user of the machine.
"""

import sys
from collections.abc import Callable
from typing import Any

import click

from couchreg.cli.showing import interruptible
from couchreg.client.account import DEFAULT_REGISTRY, Account, look_up
from couchreg.client.environment import PASSWORD, REGISTRY, TOKEN, USER
from couchreg.client.errors import UsageError
from couchreg.client.transport import Credentials


def registry_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option `--registry`."""
    return click.option(
        "--registry",
        metavar="URL",
        help=f"The registry.  [{REGISTRY}; default {DEFAULT_REGISTRY}]",
    )(command)


def account_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options `--registry` and `--user`, shared by all commands that speak to a registry."""
    user = click.option(
        "--user",
        metavar="NAME",
        help=f"Your user name there.  [{USER}; the password: {PASSWORD}, or a prompt; or {TOKEN}]",
    )
    return registry_option(user(command))


password_option = click.option(
    "--password-stdin",
    "from_stdin",
    is_flag=True,
    help="Read passwords from standard input, one on each line.",
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
    with interruptible():
        entered: str = click.prompt(prompt, hide_input=True, confirmation_prompt=confirm, err=True)
    return entered


def account_of(registry: str | None, user: str | None) -> Account:
    """What the flags describe; at a terminal, asks for the password of a known user. Raises UsageError."""
    account = look_up(registry, user)
    if account.login is not None or account.user is None or not sys.stdin.isatty():
        return account
    password = ask_password(f"Password of {account.user} at {account.registry}")
    return account._replace(login=Credentials(account.user, password))


def logged_in(registry: str | None, user: str | None) -> Account:
    """The same; at a terminal, asks for the user's name too."""
    account = account_of(registry, user)
    if account.login is not None or not sys.stdin.isatty():
        return account
    with interruptible():
        name = click.prompt(f"User at {account.registry}", err=True)
    return Account(account.registry, Credentials(name, ask_password(f"Password of {name}")), name)
