"""`couchreg install`: published packages as folders, verified, resumed when it was broken off."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from couchreg.cli.account import account_of, account_options
from couchreg.cli.showing import json_option, plain, print_json, progress_bar, run
from couchreg.client.address import read_package
from couchreg.client.cache import Cache
from couchreg.client.errors import UsageError
from couchreg.client.install import Installed
from couchreg.client.lock import LOCK
from couchreg.client.project import Outcome, said_of
from couchreg.client.registry import Registry
from couchreg.package.standing import DEPRECATED, YANKED


@click.command()
@click.argument("packages", metavar="[NAME[@VERSION]]...", nargs=-1)
@click.option(
    "--dir",
    "folder",
    metavar="DIR",
    default=".",
    type=click.Path(path_type=Path),
    help="Where the packages' folders and the lock file are.  [default: .]",
)
@click.option(
    "--into",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Write one package into exactly this folder, without dependencies and lock.",
)
@click.option("--force", is_flag=True, help="Replace files that are there with other content.")
@click.option(
    "--offline", is_flag=True, help="Contact no registry: take everything from the lock file and the cache."
)
@click.option("--no-cache", is_flag=True, help="Neither read nor fill the cache.")
@account_options
@json_option
def install(
    packages: tuple[str, ...],
    folder: Path,
    into: Path | None,
    registry: str | None,
    user: str | None,
    as_json: bool,
    **how: bool,
) -> None:
    """Install packages into folders of their names, with everything they depend on.

    A VERSION may be a range (^1.2) or a dist-tag; without one it is the latest. Without packages, what
    datapackage.json and datapackage-lock.json in DIR ask for.
    """
    if into is None:
        outcome = run(_install(packages, folder, registry, user, hidden=as_json, **how), as_json=as_json)
    else:
        outcome = run(_into(packages, into, registry, user, hidden=as_json, **how), as_json=as_json)
    if as_json:
        print_json(_as_json(outcome, None if into else folder / LOCK))
        return
    changed = [done for done in outcome.installed if done.written or (done.is_new and into is None)]
    for done in changed:
        click.echo(plain(_line(done)))
    if not changed:
        click.echo("Nothing to do: all of it is there.")
    for package, message in outcome.deprecated.items():
        click.echo(f"{plain(package)} is deprecated: {plain(message)}", err=True)
    for package, reason in outcome.yanked.items():
        click.echo(f"{plain(package)} is yanked: {plain(reason)}", err=True)


async def _install(
    packages: tuple[str, ...],
    folder: Path,
    registry: str | None,
    user: str | None,
    *,
    hidden: bool,
    force: bool,
    offline: bool,
    no_cache: bool,
) -> Outcome:
    named = [read_package(package) for package in packages]
    account = account_of(registry, user)
    cache = None if no_cache else Cache()
    async with Registry(account.registry, account.login) as found:
        project = found.project(folder, cache, offline=offline)
        with progress_bar(_label(packages), None, hidden=hidden) as (advance, set_total):
            return await project.install(named, advance, force=force, on_size=set_total)


async def _into(
    packages: tuple[str, ...],
    into: Path,
    registry: str | None,
    user: str | None,
    *,
    hidden: bool,
    force: bool,
    offline: bool,
    no_cache: bool,
) -> Outcome:
    if len(packages) != 1 or offline:
        raise UsageError("--into takes exactly one package and does not go with --offline: see --dir.")
    name, version = read_package(packages[0])
    account = account_of(registry, user)
    cache = None if no_cache else Cache()
    async with Registry(account.registry, account.login) as found:
        with progress_bar(packages[0], None, hidden=hidden) as (advance, set_total):
            done = await found.install(
                name, version, into, advance, force=force, cache=cache, on_size=set_total
            )
        found_there = {name: await found.info(name, done.version)}
    return Outcome((done,), *(said_of(found_there, member) for member in (DEPRECATED, YANKED)))


def _label(packages: tuple[str, ...]) -> str:
    return packages[0] if len(packages) == 1 else f"{len(packages)} packages" if packages else "packages"


def _line(done: Installed) -> str:
    count = f"{len(done.written)} files" if len(done.written) != 1 else "1 file"
    kept = f", {len(done.kept)} were there" if done.kept else ""
    return f"Installed {done.name}@{done.version} in {done.folder} ({count}{kept})"


def _as_json(outcome: Outcome, lock: Path | None) -> Mapping[str, Any]:
    rows = [
        {
            "name": done.name,
            "version": done.version,
            "folder": str(done.folder),
            "written": done.written,
            "kept": done.kept,
        }
        for done in outcome.installed
    ]
    said = {"deprecated": outcome.deprecated, "yanked": outcome.yanked}
    return {"packages": rows, **said, "lock": str(lock) if lock else None}
