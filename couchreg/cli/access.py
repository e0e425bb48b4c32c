"""`couchreg access`: who may read and publish a package."""

from typing import Any

import click

from couchreg.cli.account import account_options
from couchreg.cli.asking import ask, call
from couchreg.cli.showing import json_option, plain, print_json
from couchreg.client.errors import Missing
from couchreg.client.registry import Registry

RIGHTS = {"read": "read-only", "publish": "read-write"}
WORDS = {stored: word for word, stored in RIGHTS.items()}


@click.group()
def access() -> None:
    """Make packages public or restricted, and say who may read and publish them."""


@access.command()
@click.argument("name", metavar="NAME")
@account_options
@json_option
def public(name: str, registry: str | None, user: str | None, as_json: bool) -> None:
    """Let everybody read a package."""
    found = call(registry, user, as_json, lambda people: people.rights.set_access(name, "public"), about=name)
    _tell(name, found, as_json)


@access.command()
@click.argument("name", metavar="NAME")
@click.option("--new", is_flag=True, help="Take the name, though there is a package almost called so.")
@account_options
@json_option
def restricted(name: str, new: bool, registry: str | None, user: str | None, as_json: bool) -> None:
    """Let nobody read a package but its owners, and those who are given that right.

    A name that nobody has becomes yours, so that its first version is restricted from the beginning.
    """
    found = ask(registry, user, as_json, lambda opened: _restrict(opened, name, new=new), about=name)
    _tell(name, found, as_json)


async def _restrict(opened: Registry, name: str, *, new: bool) -> dict[str, Any]:
    """A name is taken for good: not for one that is there and was misspelled, and never in silence."""
    near = await opened.mistaken_for(name)
    if near and not new:
        raise Missing(
            f"{opened.url} has no package {name}: did you mean {near}? "
            f"To take the name for a package to come, add --new."
        )
    found = await opened.people.rights.set_access(name, "restricted")
    if near is not None:
        click.echo(f"There was no package {plain(name)}: the name is yours now.", err=True)
    return found


@access.command()
@click.argument("who", metavar="USER|group:GROUP")
@click.argument("right", type=click.Choice([*RIGHTS]))
@click.argument("name", metavar="NAME")
@account_options
@json_option
def grant(who: str, right: str, name: str, registry: str | None, user: str | None, as_json: bool) -> None:
    """Let an account, or a group, read a package, or read and publish it."""
    found = call(
        registry, user, as_json, lambda people: people.rights.grant(name, who, RIGHTS[right]), about=name
    )
    _tell(name, found, as_json)


@access.command()
@click.argument("who", metavar="USER|group:GROUP")
@click.argument("name", metavar="NAME")
@account_options
@json_option
def revoke(who: str, name: str, registry: str | None, user: str | None, as_json: bool) -> None:
    """Take a right away."""
    _tell(
        name,
        call(registry, user, as_json, lambda people: people.rights.revoke(name, who), about=name),
        as_json,
    )


@access.command()
@click.argument("name", metavar="[NAME]", required=False)
@account_options
@json_option
def ls(name: str | None, registry: str | None, user: str | None, as_json: bool) -> None:
    """List who may read and publish a package; without NAME the restricted packages that you may read."""
    if name is None:
        found = call(registry, user, as_json, lambda people: people.rights.restricted())
    else:
        found = call(
            registry, user, as_json, lambda people: people.rights.collaborators(name), about=name, public=True
        )
    if as_json:
        print_json(found)
    else:
        _list(found)


def _list(rights: dict[str, Any]) -> None:
    for who, right in sorted(rights.items()):
        click.echo(f"{plain(who)}\t{plain(WORDS.get(right, right))}")


def _tell(name: str, found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    click.echo(f"{plain(name)} is {plain(found.get('access'))}. Owners: {', '.join(found.get('owners', []))}")
    _list(found.get("collaborators", {}))
