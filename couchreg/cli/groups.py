"""`couchreg groups`: accounts that are given rights together."""

from typing import Any

import click

from couchreg.cli.account import account_options
from couchreg.cli.asking import call
from couchreg.cli.showing import json_option, plain, print_json


@click.group()
def groups() -> None:
    """List groups, make them, and change who is in them."""


@groups.command()
@click.argument("name", metavar="[GROUP]", required=False)
@account_options
@json_option
def ls(name: str | None, registry: str | None, user: str | None, as_json: bool) -> None:
    """List the groups that you are in, or who is in one."""
    if name is not None:
        _tell(call(registry, user, as_json, lambda people: people.rights.group(name)), as_json)
        return
    found = call(registry, user, as_json, lambda people: people.rights.groups())
    if as_json:
        print_json(found)
    else:
        for group in found:
            click.echo(plain(group.get("name")))


@groups.command()
@click.argument("name", metavar="GROUP")
@account_options
@json_option
def create(name: str, registry: str | None, user: str | None, as_json: bool) -> None:
    """Make a group, which is yours."""
    _tell(call(registry, user, as_json, lambda people: people.rights.create_group(name)), as_json)


@groups.command()
@click.argument("name", metavar="GROUP")
@account_options
@json_option
def delete(name: str, registry: str | None, user: str | None, as_json: bool) -> None:
    """Delete a group: its members have no rights by it any more."""
    call(registry, user, as_json, lambda people: people.rights.delete_group(name))
    if as_json:
        print_json({"ok": True})
    else:
        click.echo(f"Deleted the group {plain(name)}.")


@groups.command()
@click.argument("member", metavar="USER")
@click.argument("name", metavar="GROUP")
@click.option("--owner", is_flag=True, help="As an owner, who changes the group.")
@account_options
@json_option
def add(member: str, name: str, owner: bool, registry: str | None, user: str | None, as_json: bool) -> None:
    """Let USER into a group."""
    found = call(registry, user, as_json, lambda people: people.rights.add_member(name, member, owner=owner))
    _tell(found, as_json)


@groups.command()
@click.argument("member", metavar="USER")
@click.argument("name", metavar="GROUP")
@account_options
@json_option
def rm(member: str, name: str, registry: str | None, user: str | None, as_json: bool) -> None:
    """Remove USER from a group, or leave it."""
    _tell(call(registry, user, as_json, lambda people: people.rights.remove_member(name, member)), as_json)


def _tell(group: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(group)
        return
    click.echo(f"Owners of {plain(group.get('name'))}: {', '.join(map(plain, group.get('owners', [])))}")
    click.echo(f"Members: {', '.join(map(plain, group.get('members', []))) or 'none besides'}")
