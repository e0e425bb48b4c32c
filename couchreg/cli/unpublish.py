"""`couchreg unpublish`: delete what is published."""

import sys

import click

from couchreg.cli.account import account_options, logged_in
from couchreg.cli.asking import NOBODY
from couchreg.cli.install import split
from couchreg.cli.showing import interruptible, json_option, plain, print_json, run
from couchreg.client.errors import Missing, NotAllowed, Unreachable, UsageError
from couchreg.client.registry import Registry

SHOWN = 10  # packages that depend on it


@click.command()
@click.argument("package", metavar="NAME[@VERSION]")
@click.option("--yes", is_flag=True, help="Do not ask before anything is deleted.")
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
    account = logged_in(registry, user)
    if account.login is None:
        raise NotAllowed(NOBODY)
    async with Registry(account.registry, account.login) as found:
        if not yes:
            _confirm(name, version, await _dependents(found, name))
        return await found.unpublish(name, version)


async def _dependents(found: Registry, name: str) -> list[str]:
    """Who will miss it; nobody where the registry does not tell."""
    try:
        rows = await found.catalog.dependents(name)
    except (Missing, Unreachable):
        return []
    return [f"{row.get('name')}@{row.get('version')}" for row in rows if row.get("name") != name]


def _confirm(name: str, version: str | None, dependents: list[str]) -> None:
    what = f"{name}@{version}" if version else f"all versions of {name}"
    shown = ", ".join(dependents[:SHOWN]) + (" …" if len(dependents) > SHOWN else "")
    one = len(dependents) == 1
    missed = (
        f" {len(dependents)} package{'' if one else 's'} depend{'s' if one else ''} on {name}: {shown}."
        if dependents
        else ""
    )
    if not sys.stdin.isatty():
        raise UsageError(f"This deletes {what} for good.{missed} Add --yes if that is what you want.")
    if missed:
        click.echo(plain(missed.strip()), err=True)
    with interruptible():
        sure = click.confirm(f"Delete {plain(what)} for good?", err=True)
    if not sure:
        raise UsageError("Nothing was deleted.")
