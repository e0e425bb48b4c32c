"""`couchreg owner`: who may publish a package."""

import click

from couchreg.cli.account import account_options
from couchreg.cli.asking import call
from couchreg.cli.showing import json_option, plain, print_json


@click.group()
def owner() -> None:
    """List and change the owners of packages."""


@owner.command()
@click.argument("package", metavar="PACKAGE")
@account_options
@json_option
def ls(package: str, registry: str | None, user: str | None, as_json: bool) -> None:
    """List the owners of a package."""
    found = call(registry, user, as_json, lambda people: people.owners(package), about=package, public=True)
    if as_json:
        print_json(found)
    else:
        for row in found:
            email = f" <{plain(row['email'])}>" if row.get("email") else ""
            click.echo(f"{plain(row.get('name'))}{email}")


@owner.command()
@click.argument("name", metavar="NAME")
@click.argument("package", metavar="PACKAGE")
@account_options
@json_option
def add(name: str, package: str, registry: str | None, user: str | None, as_json: bool) -> None:
    """Make NAME an owner of PACKAGE."""
    _tell(
        package,
        call(registry, user, as_json, lambda people: people.add_owner(package, name), about=package),
        as_json,
    )


@owner.command()
@click.argument("name", metavar="NAME")
@click.argument("package", metavar="PACKAGE")
@account_options
@json_option
def rm(name: str, package: str, registry: str | None, user: str | None, as_json: bool) -> None:
    """Remove NAME from the owners of PACKAGE."""
    _tell(
        package,
        call(registry, user, as_json, lambda people: people.remove_owner(package, name), about=package),
        as_json,
    )


def _tell(package: str, owners: list[str], as_json: bool) -> None:
    if as_json:
        print_json({"ok": True, "owners": owners})
    else:
        click.echo(f"Owners of {plain(package)}: {', '.join(map(plain, owners))}")
