"""`couchreg install`: a published package as a folder, verified, resumed when it was broken off."""

from pathlib import Path

import click

from couchreg.cli.account import account_options, resolve
from couchreg.cli.showing import json_option, print_json, progress_bar, run
from couchreg.client.errors import UsageError
from couchreg.client.install import Installed
from couchreg.client.registry import Registry
from couchreg.registry.paths import path_fault


@click.command()
@click.argument("package", metavar="NAME[@VERSION]")
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace files that are there with other content.")
@account_options
@json_option
def install(
    package: str, folder: Path | None, force: bool, registry: str | None, user: str | None, as_json: bool
) -> None:
    """Write a package into DIR (by default a folder of its name); without a version the latest."""
    result = run(_install(package, folder, registry, user, force=force, hidden=as_json), as_json=as_json)
    if as_json:
        print_json(
            {
                "name": result.name,
                "version": result.version,
                "folder": str(result.folder),
                "written": result.written,
                "kept": result.kept,
            }
        )
        return
    count = f"{len(result.written)} files" if len(result.written) != 1 else "1 file"
    kept = f", {len(result.kept)} were there" if result.kept else ""
    click.echo(f"Installed {result.name}@{result.version} in {result.folder} ({count}{kept})")


async def _install(
    package: str, folder: Path | None, registry: str | None, user: str | None, *, force: bool, hidden: bool
) -> Installed:
    name, version = split(package)
    account = resolve(registry, user)
    async with Registry(account.registry, account.credentials) as found:
        with progress_bar(package, None, hidden=hidden) as (advance, set_total):
            return await found.install(
                name, version, folder or Path(name), advance, force=force, on_size=set_total
            )


def split(package: str) -> tuple[str, str | None]:
    """Name and version of `NAME[@VERSION]`. Raises UsageError."""
    name, _, version = package.partition("@")
    if not name or "/" in name or path_fault(name) or (package.endswith("@")):
        raise UsageError(f"{package!r} is no package: write NAME or NAME@VERSION.")
    return name, version or None
