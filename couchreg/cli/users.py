"""`couchreg adduser` and `passwd`: an account, and another password for it."""

import click

from couchreg.cli.account import (
    account_of,
    account_options,
    ask_password,
    password_option,
    registry_option,
)
from couchreg.cli.showing import json_option, plain, print_json, run
from couchreg.client.account import look_up
from couchreg.client.config_file import config_file, read
from couchreg.client.environment import USER
from couchreg.client.errors import UsageError
from couchreg.client.registry import Registry
from couchreg.client.transport import Credentials


@click.command()
@click.argument("name", metavar="NAME")
@click.option("--email", metavar="ADDRESS", help="Seen by you and by administrators.")
@password_option
@account_options
@json_option
def adduser(
    name: str, email: str | None, from_stdin: bool, registry: str | None, user: str | None, as_json: bool
) -> None:
    """Create an account. Where registration is closed, administrators do it (with their --user)."""
    run(_adduser(name, email, registry, user, from_stdin=from_stdin), as_json=as_json)
    if as_json:
        print_json({"ok": True, "name": name})
    else:
        click.echo(f"The account {plain(name)} was created. Now: couchreg login {plain(name)}")


async def _adduser(
    name: str, email: str | None, registry: str | None, user: str | None, *, from_stdin: bool
) -> None:
    account = account_of(registry, user)
    password = ask_password(f"Password of the new user {name}", from_stdin=from_stdin, confirm=True)
    async with Registry(account.registry, account.login) as found:
        await found.people.register(name, password, email)


@click.command()
@click.argument("name", metavar="[NAME]", required=False, envvar=USER)
@click.option(
    "--revoke-tokens",
    is_flag=True,
    help="Revoke all your tokens too, including that of couchreg login, and trust no job any more.",
)
@password_option
@registry_option
@json_option
def passwd(
    name: str | None, revoke_tokens: bool, from_stdin: bool, registry: str | None, as_json: bool
) -> None:
    """Change your password. From standard input come the old one and then the new one."""
    changed = run(_passwd(name, registry, from_stdin=from_stdin, revoke=revoke_tokens), as_json=as_json)
    if as_json:
        print_json({"ok": True, "name": changed})
    else:
        click.echo(f"The password of {plain(changed)} was changed.")


async def _passwd(name: str | None, registry: str | None, *, from_stdin: bool, revoke: bool) -> str:
    wanted = name or read(config_file()).get("user")
    if not wanted:
        raise UsageError("Name the user: couchreg passwd NAME.")
    address = look_up(registry).registry
    old = ask_password(f"Current password of {wanted}", from_stdin=from_stdin)
    new = ask_password("New password", from_stdin=from_stdin, confirm=True)
    async with Registry(address, Credentials(wanted, old)) as found:
        await found.people.change_password(wanted, new, revoke_tokens=revoke)
    return wanted
