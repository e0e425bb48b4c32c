"""`couchreg design`: design documents as folders, at any CouchDB."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import click

from couchreg.cli.account import account_of
from couchreg.cli.showing import json_option, plain, print_json, run
from couchreg.client.design import DesignRow, Designs, place_of
from couchreg.client.environment import PASSWORD, USER

FOLDER = click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path))
URL = click.argument("url", metavar="URL")
user_option = click.option(
    "--user", metavar="NAME", help=f"Your user name there.  [{USER}; the password: {PASSWORD}, or a prompt]"
)


@click.group()
def design() -> None:
    """Keep design documents in folders, at any CouchDB.

    URL is a design document, http://127.0.0.1:5984/db/_design/name, and FOLDER its folder; or a database,
    and FOLDER holds a folder for each of its design documents.
    """


@design.command()
@FOLDER
@URL
@user_option
@json_option
def push(folder: Path, url: str, user: str | None, as_json: bool) -> None:
    """Write what is in FOLDER; indexes are built before they are used."""
    _show(_asked(url, user, as_json, lambda designs: designs.push(folder)), as_json)


@design.command()
@FOLDER
@URL
@user_option
@json_option
def pull(folder: Path, url: str, user: str | None, as_json: bool) -> None:
    """Make FOLDER of what is there."""
    _show(_asked(url, user, as_json, lambda designs: designs.pull(folder)), as_json)


@design.command()
@FOLDER
@URL
@user_option
@json_option
def ls(folder: Path, url: str, user: str | None, as_json: bool) -> None:
    """Show what differs: same, differs, new (in FOLDER only) or absent (from it)."""
    _show(_asked(url, user, as_json, lambda designs: designs.ls(folder)), as_json)


def _asked(
    url: str, user: str | None, as_json: bool, question: Callable[[Designs], Awaitable[list[DesignRow]]]
) -> list[DesignRow]:
    async def work() -> list[DesignRow]:
        place = place_of(url)
        account = account_of(place.server, user)
        async with Designs(place, account.login) as designs:
            return await question(designs)

    return run(work(), as_json=as_json)


def _show(rows: list[DesignRow], as_json: bool) -> None:
    if as_json:
        print_json([row._asdict() for row in rows])
        return
    for row in rows:
        click.echo(f"{row.state:8} {plain(row.id)}")
