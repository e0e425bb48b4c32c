"""`couchreg follow`: a follower of a registry on another machine."""

import asyncio
import logging
import signal
from pathlib import Path

import click

from couchreg.app.following import FollowingApp, WantedFollower
from couchreg.app.searching import ENGINES
from couchreg.cli.serve import LOOP, tidy
from couchreg.client.environment import PASSWORD, USER, value
from couchreg.client.errors import UsageError
from couchreg.journal.logs import Formatter


@click.group()
def follow() -> None:
    """Follow a registry that is elsewhere, and build something of it here."""


@follow.command()
@click.option("--from", "source", required=True, metavar="URL", help="The registry, or its database.")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("couchreg-search"),
    show_default=True,
    help="Where the index is kept; it may be deleted.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8001, show_default=True, type=click.IntRange(0, 65_535), help="The port.")
@click.option("--search-engine", type=click.Choice(list(ENGINES)), default="fts5", show_default=True)
@click.option("--links", metavar="URL", help="What the addresses of hits begin with; else that of --from.")
def search(source: str, data_dir: Path, host: str, port: int, search_engine: str, links: str | None) -> None:
    """Keep a search index of the registry at --from, and answer /-/search from it, until Ctrl-C or SIGTERM.

    Where that registry wants a login, COUCHREG_USER and COUCHREG_PASSWORD have it.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(Formatter())
    logging.basicConfig(level="INFO", handlers=[handler])
    wanted = WantedFollower(source, data_dir, _login(), links, search_engine, host, port)
    with asyncio.Runner(loop_factory=LOOP) as runner:
        runner.run(_run(wanted))


def _login() -> tuple[str, str] | None:
    """Raises UsageError."""
    user, password = value(USER), value(PASSWORD)
    if user is None:
        return None
    if password is None:
        raise UsageError(f"{USER} is set and {PASSWORD} is not: a follower logs in with both.")
    return user, password


async def _run(wanted: WantedFollower) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    app = FollowingApp(wanted)
    await app.start()
    tidy()
    try:
        click.echo(f"Search    {app.url}/-/search")
        click.echo(f"Data      {wanted.data_dir.absolute()}")
        click.echo("Ready     Ctrl-C stops it")
        await ended.wait()
    finally:
        await app.stop()
