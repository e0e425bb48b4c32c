"""`couchreg mirror`: a server that follows another registry, begun with or without a network."""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from couchreg.app import build, open_blobs
from couchreg.auth.policy import REGISTRY
from couchreg.blobstore.copying import copy
from couchreg.cli.account import account_of, registry_option
from couchreg.cli.serve import LOOP, begin_log, flags, run
from couchreg.cli.showing import json_option, plain, print_json
from couchreg.cli.showing import run as ask
from couchreg.client.registry import Registry
from couchreg.config import CannotStart, Settings, load
from couchreg.docstore.maintenance.audit import Audit
from couchreg.docstore.maintenance.ownership import take_over
from couchreg.package.formats import mediatype
from couchreg.registry.rebuild.rebuild import Rebuild

STATUS = "status"
SHOWN = 20  # problems


@click.command(epilog="Settings also come from couchreg.toml in the data directory.")
@click.argument("source", metavar="URL|status", required=False)
@click.option("--package", "packages", multiple=True, metavar="PATTERN", help="Only packages of such names.")
@click.option("--seed", metavar="DIR", help="Begin with a datastore that was copied, without a network.")
@registry_option
@json_option
@flags
def mirror(
    source: str | None,
    packages: tuple[str, ...],
    seed: str | None,
    registry: str | None,
    as_json: bool,
    **given: str | None,
) -> None:
    """Run a mirror of the registry at URL, or show how far one is behind."""
    if source == STATUS:
        _show(registry, as_json=as_json)
        return
    if source is not None:
        given["mirror"] = source
    if packages:
        given["mirror_packages"] = ",".join(packages)
    settings = load(given)
    if settings.mirror is None and seed is None:
        raise click.UsageError("Say which registry, as in: couchreg mirror https://registry.example.org")
    begin_log(settings)
    with asyncio.Runner(loop_factory=LOOP) as runner:
        if seed is not None:
            runner.run(_seed(settings, Path(seed)))
        runner.run(run(settings))


# -- a beginning without a network
async def _seed(settings: Settings, folder: Path) -> None:
    """Take over a copied datastore, every file of it held against its SHA-256. What has begun already is left
    as it is. Raises CannotStart."""
    if not folder.is_dir():
        raise CannotStart(f"There is no folder {folder} to begin with: see --seed.")
    async with build(settings).offline() as app:
        database = await app.store.open(REGISTRY)
        if (await database.update_seq()).number:
            click.echo("There are packages here already: --seed is passed over.", err=True)
            return
        source = await open_blobs(replace(settings, blobstore="directory"), folder)
        try:
            done = await copy(source, app.attachments.blobs, app.attachments.spool, type_of=mediatype)
        finally:
            await source.close()
        rebuilt = await Rebuild(database, app.attachments.blobs, unknown="forget").run()
        found = await Audit(app.store, app.attachments, REGISTRY).check(deep=True, is_foreign=True)
        problems = [*rebuilt.problems, *(f"{key} is not what it should be." for key in done.refused)]
        problems += [f"{key} has other bytes than its document says." for key in found.different]
        problems += [f"{key} is missing." for key in found.missing if key not in found.derived]
        if problems:
            raise CannotStart(_told(folder, problems))
        await take_over(app.store, app.attachments)
        click.echo(f"{rebuilt.written} revisions and {done.copied} files come from {folder}.", err=True)


def _told(folder: Path, problems: list[str]) -> str:
    more = f"\n… and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    return f"{folder} is not whole:\n" + "\n".join(problems[:SHOWN]) + more


# -- status
def _show(registry: str | None, *, as_json: bool) -> None:
    rows = ask(_status(registry), as_json=as_json)
    if as_json:
        print_json({"replicas": rows})
    elif not rows:
        click.echo("This registry is not a mirror.", err=True)
        sys.exit(1)
    else:
        for row in rows:
            _show_row(row)


async def _status(registry: str | None) -> list[Mapping[str, Any]]:
    account = account_of(registry, None)
    async with Registry(account.registry, account.login) as found:
        return [*await found.replicas()]


def _show_row(row: Mapping[str, Any]) -> None:
    lag = row.get("lag") or {}
    seconds, documents = lag.get("seconds"), lag.get("documents")
    behind = "not known" if seconds is None else f"{seconds:g} s"
    click.echo(f"Source      {plain(row.get('source'))}")
    click.echo(f"Packages    {plain(', '.join(row.get('packages') or []) or 'all')}")
    click.echo(f"State       {plain(row.get('state'))}")
    click.echo(f"Behind      {behind}, {'?' if documents is None else documents} documents")
    click.echo(f"Set aside   {row.get('set_aside')} documents")
    if row.get("problem"):
        click.echo(f"Problem     {plain(row['problem'])}")
    for item in row.get("documents") or []:
        click.echo(f"            {plain(item.get('id'))}: {plain(item.get('reason'))}")
