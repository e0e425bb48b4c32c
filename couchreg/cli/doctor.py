"""`couchreg doctor`: what is wrong with a data directory, and what to do about it."""

import sys

import click

from couchreg.app import doctor as doctors
from couchreg.app.findings import WRONG
from couchreg.cli.data_flags import data_flags
from couchreg.config import load


@click.command()
@data_flags
def doctor(**given: str | None) -> None:
    """Say of a data directory which file is wrong, why, and what to do; nothing is changed.

    The exit status is 1 where something is wrong.
    """
    data = load(given).data_dir.absolute()
    found = list(doctors.examine(data))
    for finding in found:
        click.echo(f"{finding.kind:8} {finding.path}: {finding.reason}")
    if doctors.is_running(data):
        click.echo("A server is running here.")
    if not found:
        click.echo(f"Nothing is wrong with {data}.")
    sys.exit(1 if any(finding.kind == WRONG for finding in found) else 0)
