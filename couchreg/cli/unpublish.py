"""`couchreg unpublish`: delete what is published."""

import sys

import click

from couchreg.cli.account import account_options, logged_in
from couchreg.cli.asking import NOBODY
from couchreg.cli.install import split
from couchreg.cli.showing import json_option, plain, print_json, run
from couchreg.client.errors import NotAllowed, UsageError
from couchreg.client.registry import Registry


@click.command()
@click.argument("package", metavar="NAME[@VERSION]")
@click.option("--yes", is_flag=True, help="Do not ask before all versions are deleted.")
@account_options
@json_option
def unpublish(package: str, yes: bool, registry: str | None, user: str | None, as_json: bool) -> None:
    """Delete a version of a package, or all of them. Other content can never be published in its place."""
    deleted = run(_unpublish(package, registry, user, yes=yes), as_json=as_json)
    if as_json:
        print_json({"ok": True, "versions": deleted})
        return
    for version in deleted:
        click.echo(f"Deleted {plain(package.partition('@')[0])}@{plain(version)}")


async def _unpublish(package: str, registry: str | None, user: str | None, *, yes: bool) -> list[str]:
    name, version = split(package)
    if version is None and not yes:
        _confirm(name)
    account = logged_in(registry, user)
    if account.login is None:
        raise NotAllowed(NOBODY)
    async with Registry(account.registry, account.login) as found:
        return await found.unpublish(name, version)


def _confirm(name: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError(f"This deletes all versions of {name}: name one, or add --yes.")
    if not click.confirm(f"Delete all versions of {name}?", err=True):
        raise UsageError("Nothing was deleted.")
