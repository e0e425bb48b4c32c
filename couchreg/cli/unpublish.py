"""`couchreg unpublish`: delete what is published."""

import sys
from typing import Any

import click

from couchreg.cli.account import account_options, logged_in
from couchreg.cli.asking import NOBODY
from couchreg.cli.showing import interruptible, json_option, plain, print_json, run
from couchreg.client.account import Account
from couchreg.client.address import read_package
from couchreg.client.errors import Missing, NotAllowed, Unreachable, UsageError
from couchreg.client.registry import Registry

SHOWN = 10  # packages that depend on it


@click.command()
@click.argument("package", metavar="NAME[@VERSION]")
@click.option("--yes", is_flag=True, help="Do not ask before anything is deleted.")
@click.option("--undo", is_flag=True, help="Bring back what was deleted, as long as the registry keeps it.")
@click.option("--for-good", is_flag=True, help="Keep nothing that could be brought back.")
@account_options
@json_option
def unpublish(
    package: str, registry: str | None, user: str | None, as_json: bool, undo: bool, **how: bool
) -> None:
    """Delete a version of a package, or all of them. Other content can never be published in its place."""
    if undo and how["for_good"]:
        raise UsageError("--undo brings back, and --for-good keeps nothing: choose one of them.")
    work = _undelete(package, registry, user) if undo else _unpublish(package, registry, user, **how)
    done = run(work, as_json=as_json)
    if as_json:
        print_json({"ok": True, **done})
        return
    name = plain(package.partition("@")[0])
    for version in done["versions"]:
        click.echo(f"{'Brought back' if undo else 'Deleted'} {name}@{plain(version)}")
    if "until" in done:
        click.echo(f"Until {plain(done['until'])} the same command with --undo brings it back.")


async def _undelete(package: str, registry: str | None, user: str | None) -> dict[str, Any]:
    account = _account(registry, user)
    async with Registry(account.registry, account.login) as found:
        return await found.undelete(*read_package(package))


async def _unpublish(
    package: str, registry: str | None, user: str | None, *, yes: bool, for_good: bool
) -> dict[str, Any]:
    name, version = read_package(package)
    account = _account(registry, user)
    async with Registry(account.registry, account.login) as found, found.about(name, version):
        if not yes:
            if not for_good:  # which takes what is deleted already, too
                rows = await found.catalog.versions(name)  # nobody is asked about what is not there
                if version is not None and all(row.get("version") != version for row in rows):
                    raise Missing(f"{name} has no version {version}.")  # `about` names those there are
            _confirm(name, version, await _dependents(found, name), " for good" if for_good else "")
        return await found.unpublish(name, version, for_good=for_good)


def _account(registry: str | None, user: str | None) -> Account:
    account = logged_in(registry, user)
    if account.login is None:
        raise NotAllowed(NOBODY)
    return account


async def _dependents(found: Registry, name: str) -> list[str]:
    """Who will miss it; nobody where the registry does not tell."""
    try:
        rows = await found.catalog.dependents(name)
    except (Missing, Unreachable):
        return []
    return [f"{row.get('name')}@{row.get('version')}" for row in rows if row.get("name") != name]


def _confirm(name: str, version: str | None, dependents: list[str], how: str) -> None:
    what = f"{name}@{version}" if version else f"all versions of {name}"
    shown = ", ".join(dependents[:SHOWN]) + (" …" if len(dependents) > SHOWN else "")
    one = len(dependents) == 1
    missed = (
        f" {len(dependents)} package{'' if one else 's'} depend{'s' if one else ''} on {name}: {shown}."
        if dependents
        else ""
    )
    if not sys.stdin.isatty():
        raise UsageError(f"This deletes {what}{how}.{missed} Add --yes if that is what you want.")
    if missed:
        click.echo(plain(missed.strip()), err=True)
    with interruptible():
        sure = click.confirm(f"Delete {plain(what)}{how}?", err=True)
    if not sure:
        raise UsageError("Nothing was deleted.")
