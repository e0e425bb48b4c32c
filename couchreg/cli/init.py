"""`couchreg init`: a first `datapackage.json` for a folder of data, inferred, for a person to edit."""

from pathlib import Path

import click

from couchreg.cli.showing import json_option, plain, print_json, run
from couchreg.client.inferring import Inferred

SHOWN = 10  # files that are left out
MOST = 50  # those of them that could be data


@click.command()
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
@click.argument("files", metavar="[FILES]...", nargs=-1)
@click.option("--name", metavar="NAME", help="The package's name.  [default: that of the folder]")
@click.option("--version", metavar="V", default="0.1.0", show_default=True, help="Its first version.")
@click.option("--update", is_flag=True, help="Add files that came later to the datapackage.json there is.")
@json_option
def init(
    folder: Path, files: tuple[str, ...], name: str | None, version: str, update: bool, as_json: bool
) -> None:
    """Write DIR/datapackage.json for the data files in DIR, or for FILES there. Overwrites nothing."""
    work = _update(folder, files) if update else _init(folder, files, name, version)
    found = run(work, as_json=as_json)
    if as_json:
        print_json(found.descriptor)
        return
    click.echo(f"Wrote {found.file}" if found.added else f"{found.file} names all data files that are there.")
    for resource in found.added:
        fields = len((resource.get("schema") or {}).get("fields") or [])
        click.echo(f"  {plain(resource['name'])}  {plain(resource['path'])}  {fields} fields")
    _show_gone(found)
    for path, reason in found.unread:
        click.echo(f"{plain(path)} was not inspected: {plain(reason)}", err=True)
    for path, fault in found.unfit[:MOST]:
        click.echo(f"{plain(path)} was left out: it {plain(fault)}", err=True)
    if len(found.unfit) > MOST:
        click.echo(f"and {len(found.unfit) - MOST} more files like these", err=True)
    if found.left_out:
        names = ", ".join(plain(path) for path in found.left_out[:SHOWN])
        more = f" and {len(found.left_out) - SHOWN} more" if len(found.left_out) > SHOWN else ""
        click.echo(f"Left out, since it is not data: {names}{more}", err=True)
    click.echo("Edit it: title, description, licences, types. Then: couchreg validate, couchreg publish.")


def _show_gone(found: Inferred) -> None:
    if found.gone:
        names = ", ".join(plain(path) for path in found.gone[:SHOWN])
        more = f" and {len(found.gone) - SHOWN} more" if len(found.gone) > SHOWN else ""
        click.echo(
            f"{found.file} names files that are not there: {names}{more}. Put them back, or take out what "
            "names them.",
            err=True,
        )


async def _update(folder: Path, files: tuple[str, ...]) -> Inferred:
    from couchreg.client.inferring import update

    return update(folder, files)


async def _init(folder: Path, files: tuple[str, ...], name: str | None, version: str) -> Inferred:
    from couchreg.client.inferring import infer  # imports frictionless

    return infer(folder, files, name, version)
