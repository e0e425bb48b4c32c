"""`couchreg login`, `logout`, `whoami`: a token in the configuration file, and whose it is."""

import contextlib
import socket
import sys
from typing import Any

import click

from couchreg.cli.account import (
    account_options,
    ask_password,
    password_option,
    registry_option,
)
from couchreg.cli.asking import call
from couchreg.cli.showing import interruptible, json_option, plain, print_json, run
from couchreg.client.account import look_up
from couchreg.client.config_file import config_file, read, write
from couchreg.client.environment import PASSWORD, USER, value
from couchreg.client.errors import Missing, NotAllowed, UsageError
from couchreg.client.registry import Registry
from couchreg.client.transport import Credentials, Token

DAY = 86_400  # seconds
LASTING = "How long it lasts; 0: until revoked.  [default: as the registry has it]"
SCOPES = click.Choice(["read", "publish", "admin"])


@click.command()
@click.argument("name", metavar="[NAME]", required=False, envvar=USER)
@click.option(
    "--scope", type=SCOPES, default="admin", show_default=True, help="What the login allows you to do."
)
@click.option("--days", type=click.IntRange(0, 3650), help=LASTING)
@password_option
@registry_option
@json_option
def login(
    name: str | None, scope: str, days: int | None, from_stdin: bool, registry: str | None, as_json: bool
) -> None:
    """Log in: ask for the password and keep a token in its place. The registry becomes the default one."""
    made = run(_login(name, scope, days, registry, from_stdin=from_stdin), as_json=as_json)
    if as_json:
        print_json(made)
    else:
        until = f" until {made['expires']}" if made.get("expires") else ""
        click.echo(f"Logged in at {plain(made['registry'])} as {plain(made['name'])}{plain(until)}.")


async def _login(
    name: str | None, scope: str, days: int | None, registry: str | None, *, from_stdin: bool
) -> dict[str, Any]:
    account = look_up(registry)
    if not name:
        if from_stdin or not sys.stdin.isatty():
            raise UsageError("Name the user: couchreg login NAME.")
        with interruptible():
            name = str(click.prompt(f"User at {account.registry}", err=True))
    given = None if from_stdin else value(PASSWORD)
    password = given or ask_password(f"Password of {name}", from_stdin=from_stdin)
    async with Registry(account.registry, Credentials(name, password)) as found:
        label = f"couchreg login on {socket.gethostname()}"[:100]
        made = await found.people.create_token(
            scope, lifetime=None if days is None else days * DAY, label=label
        )
    write(config_file(), {"registry": account.registry, "user": name, "token": str(made["token"])})
    return {
        "registry": account.registry,
        "name": name,
        "id": made["id"],
        "scope": scope,
        "expires": made["expires"],
    }


@click.command()
@json_option
def logout(as_json: bool) -> None:
    """Log out: revoke the token that login kept, and delete it."""
    registry = run(_logout(), as_json=as_json)
    if as_json:
        print_json({"ok": True, "registry": registry})
    else:
        click.echo(f"Logged out at {plain(registry)}.")


async def _logout() -> str:
    file = config_file()
    kept = read(file)
    if "token" not in kept:
        raise UsageError("Nobody is logged in.")
    async with Registry(kept.get("registry") or look_up().registry, Token(kept["token"])) as found:
        with contextlib.suppress(NotAllowed, Missing):  # it has run out, or was revoked elsewhere
            await found.people.revoke_token(token_id(kept["token"]))
        write(file, {"registry": kept["registry"]} if "registry" in kept else {})
        return found.url


def token_id(token: str) -> str:
    """The id in a token's text, under which it can be revoked."""
    return token.rpartition("_")[0].rpartition("_")[2]


@click.command()
@account_options
@json_option
def whoami(registry: str | None, user: str | None, as_json: bool) -> None:
    """Show which user you are at the registry."""
    about = call(registry, user, as_json, lambda people: people.whoami())
    if as_json:
        print_json(about)
    else:
        click.echo(plain(about.get("name")))
