"""`couchreg init`: a first `datapackage.json` for a folder of data, inferred, for a person to edit."""

from pathlib import Path

import click

from couchreg.cli.showing import json_option, plain, print_json, run
from couchreg.client.inferring import Inferred


@click.command()
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
@click.argument("files", metavar="[FILES]...", nargs=-1)
@click.option("--name", metavar="NAME", help="The package's name.  [default: that of the folder]")
@click.option("--version", metavar="V", default="0.1.0", show_default=True, help="Its first version.")
@json_option
def init(folder: Path, files: tuple[str, ...], name: str | None, version: str, as_json: bool) -> None:
    """Write DIR/datapackage.json for the data files in DIR, or for FILES there. Overwrites nothing."""
    found = run(_init(folder, files, name, version), as_json=as_json)
    if as_json:
        print_json(found.descriptor)
        return
    click.echo(f"Wrote {found.file}")
    for resource in found.descriptor["resources"]:
        fields = len((resource.get("schema") or {}).get("fields") or [])
        click.echo(f"  {plain(resource['name'])}  {plain(resource['path'])}  {fields} fields")
    for path, reason in found.unread:
        click.echo(f"{plain(path)} was not inspected: {plain(reason)}", err=True)
    click.echo("Edit it: title, description, licences, types. Then: couchreg validate, couchreg publish.")


async def _init(folder: Path, files: tuple[str, ...], name: str | None, version: str) -> Inferred:
    from couchreg.client.inferring import infer  # imports frictionless

    return infer(folder, files, name, version)
