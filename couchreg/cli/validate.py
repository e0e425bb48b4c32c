"""`couchreg validate`: the registry's checks on this machine, before anything is sent."""

import json
from pathlib import Path
from typing import Any

import click

from couchreg.cli.publish import remedy, show_report, show_skipped, show_unchecked
from couchreg.cli.showing import complain, json_option, plain, print_json, run, status_bar
from couchreg.client.errors import ClientError, Invalid


@click.command()
@click.argument("folder", metavar="[DIR|ZIP]", default=".", type=click.Path(path_type=Path))
@click.option("--version", metavar="V", help="The version to check it for.")
@json_option
def validate(folder: Path, version: str | None, as_json: bool) -> None:
    """Check the data package in DIR (by default the current folder), or in a zip file, as a registry would.

    Sends nothing.
    """
    report = run(_checked(folder, version, hidden=as_json), as_json=as_json, explain=explain)
    if as_json:
        print_json(report)
        return
    click.echo(f"{plain(report['name'])} is valid.")
    show_skipped(report.get("skipped") or ())
    show_unchecked(report.get("unchecked") or ())
    for item in report.get("recorded") or ():
        found = f"{plain(item.get('member'))} {json.dumps(item.get('value'), ensure_ascii=False)}"
        click.echo(f"  found out, and better stated: {found} of {plain(item.get('resource'))}")


async def _checked(folder: Path, version: str | None, *, hidden: bool) -> dict[str, Any]:
    from couchreg.client.checking import check  # the libraries of the checks

    with status_bar(folder.name or "package", None, hidden=hidden) as (_, told):
        return await check(folder, version, told)


def explain(error: ClientError) -> None:
    complain(error)
    if isinstance(error, Invalid) and error.report:
        show_report(error.report)
        if said := remedy(error.report, "validate"):
            click.echo(said.strip(), err=True)
