"""`couchreg versions`, `ls`, `diff`: what there is, and what changed."""

from collections.abc import Mapping
from typing import Any

import click

from couchreg.cli.account import account_options
from couchreg.cli.asking import ask
from couchreg.cli.differences import show_difference
from couchreg.cli.showing import human, json_option, plain, print_json
from couchreg.client.address import file_entries, read_address, read_package
from couchreg.client.errors import UsageError
from couchreg.client.registry import Registry

Rows = list[dict[str, Any]]


@click.command()
@click.argument("package", metavar="NAME")
@account_options
@json_option
def versions(package: str, registry: str | None, user: str | None, as_json: bool) -> None:
    """List the versions of a package, the highest first."""
    rows = ask(
        registry, user, as_json, lambda found: found.catalog.versions(package), about=package, public=True
    )
    if as_json:
        print_json(rows)
        return
    for row in rows:
        tags = f"  [{', '.join(map(plain, row.get('tags') or []))}]" if row.get("tags") else ""
        click.echo(
            f"{plain(row.get('version'))}  {plain(row.get('published'))}  {plain(row.get('publisher'))}  "
            f"{plain(row.get('files'))} files, {human(row.get('bytes'))}{tags}"
        )
        if row.get("deprecated"):
            click.echo(f"  deprecated: {plain(row['deprecated'])}")
        if row.get("yanked"):
            click.echo(f"  yanked: {plain(row['yanked'])}")


@click.command(name="ls")
@click.argument("address", metavar="[NAME[@VERSION][/FOLDER]]", required=False)
@account_options
@json_option
def ls(address: str | None, registry: str | None, user: str | None, as_json: bool) -> None:
    """List the files of a version; without a name, all packages."""
    if address is None:
        rows = ask(registry, user, as_json, _packages, public=True)
        lines = [f"{plain(row.get('name'))}@{plain(row.get('latest'))}" for row in rows]
    else:
        rows = ask(registry, user, as_json, lambda found: _files(found, address), public=True)
        lines = [f"{row['bytes']:>12}  {plain(row['path'])}" for row in rows]
    if as_json:
        print_json(rows)
        return
    for line in lines:
        click.echo(line)


async def _packages(found: Registry) -> Rows:
    return [row async for row in found.catalog.packages()]


async def _files(found: Registry, text: str) -> Rows:
    address = read_address(text)
    descriptor = await found.info(address.name, address.wanted)
    below = f"{address.path.rstrip('/')}/" if address.path else ""
    return [
        {
            "path": entry.path,
            "bytes": entry.length,
            "hash": entry.sha256 and f"sha256:{entry.sha256}",
            "mediatype": entry.mediatype,
        }
        for entry in file_entries(descriptor)
        if entry.path.startswith(below) or entry.path == address.path
    ]


@click.command()
@click.argument("old", metavar="NAME@OLD")
@click.argument("new", metavar="[NAME@]NEW")
@account_options
@json_option
def diff(old: str, new: str, registry: str | None, user: str | None, as_json: bool) -> None:
    """Show what changed between two versions of a package."""
    found = ask(registry, user, as_json, lambda opened: _diff(opened, old, new), public=True)
    if as_json:
        print_json(found)
    else:
        show_difference(found)


async def _diff(found: Registry, old: str, new: str) -> Mapping[str, Any]:
    name, before = read_package(old)
    other, after = read_package(new) if "@" in new else (name, new)
    if other != name or before is None:
        raise UsageError("Name two versions of one package: couchreg diff NAME@OLD NEW.")
    versions = [str((await found.info(name, wanted)).get("version")) for wanted in (before, after)]
    return await found.catalog.diff(name, versions[0], versions[1])
