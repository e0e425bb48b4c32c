"""`couchreg users`: the accounts of others, for administrators."""

import secrets

import click

from couchreg.cli.account import account_options, ask_password, password_option
from couchreg.cli.asking import call
from couchreg.cli.showing import json_option, plain, print_json
from couchreg.client.people import People

generate_option = click.option("--generate", is_flag=True, help="Make a password and print it.")


@click.group()
def users() -> None:
    """List, disable and restore accounts; for administrators of the registry."""


@users.command()
@account_options
@json_option
def ls(registry: str | None, user: str | None, as_json: bool) -> None:
    """List all accounts, with their roles."""
    found = call(registry, user, as_json, lambda people: people.all_users())
    if as_json:
        print_json(found)
        return
    for row in found:
        words = [plain(row.get("name")), f"<{plain(row['email'])}>" if row.get("email") else ""]
        words += [plain(role) for role in row.get("roles", [])] + ["(disabled)" * bool(row.get("disabled"))]
        click.echo(" ".join(filter(None, words)))


@users.command()
@click.argument("name", metavar="NAME")
@generate_option
@password_option
@account_options
@json_option
def reset_password(
    name: str, generate: bool, from_stdin: bool, registry: str | None, user: str | None, as_json: bool
) -> None:
    """Give NAME another password. All tokens and sessions of the account end."""
    password = _new_password(name, generate=generate, from_stdin=from_stdin)

    async def change(people: People) -> None:
        await people.change_password(name, password, revoke_tokens=True)

    call(registry, user, as_json, change)
    _tell(name, "has another password", password if generate else None, as_json)


@users.command()
@click.argument("name", metavar="NAME")
@account_options
@json_option
def disable(name: str, registry: str | None, user: str | None, as_json: bool) -> None:
    """Let nobody log in as NAME any more. Packages and the account stay as they are."""
    call(registry, user, as_json, lambda people: people.disable(name))
    _tell(name, "is disabled", None, as_json)


@users.command()
@click.argument("name", metavar="NAME")
@click.option("--new", is_flag=True, help="With another password: also for an owner whose account is gone.")
@generate_option
@password_option
@account_options
@json_option
def restore(
    name: str,
    new: bool,
    generate: bool,
    from_stdin: bool,
    registry: str | None,
    user: str | None,
    as_json: bool,
) -> None:
    """Let NAME log in again. After a rebuild no accounts are there: --new makes that of an owner anew."""
    wanted = new or generate or from_stdin
    password = _new_password(name, generate=generate, from_stdin=from_stdin) if wanted else None
    call(registry, user, as_json, lambda people: people.restore(name, password))
    _tell(name, "may log in again", password if generate else None, as_json)


def _new_password(name: str, *, generate: bool, from_stdin: bool) -> str:
    if generate:
        return secrets.token_urlsafe(18)
    return ask_password(f"New password of {name}", from_stdin=from_stdin, confirm=True)


def _tell(name: str, what: str, password: str | None, as_json: bool) -> None:
    if as_json:
        print_json({"ok": True, "name": name, **({"password": password} if password else {})})
        return
    click.echo(f"{plain(name)} {what}.")
    if password:
        click.echo(f"Password  {password}   (shown only once)")
