"""`couchreg serve`: flags from the table of settings, the URLs on the screen, a clean end.

What a server consists of is `app.py`'s; what a setting means is `config.py`'s.
"""

import asyncio
import gc
import logging
import resource
import signal
import sys
from collections.abc import Callable

import click

try:
    import uvloop
except ImportError:  # there is none for Windows
    uvloop = None  # type: ignore[assignment]

from couchreg.app import App, build
from couchreg.config import CannotStart, Settings, describe, load
from couchreg.journal.logs import Formatter

LOOP = None if uvloop is None else uvloop.new_event_loop  # a fifth faster with small requests
MOST_FILES = 65_536
GARBAGE = (20_000, 10, 50)  # new objects between collections of the young ones; and of the older


def flags(command: Callable[..., None]) -> Callable[..., None]:
    """A flag for each setting. Values arrive as text and are read by `config.load`, as all others are."""
    for row in reversed(describe()):
        shown = f"{row.doc}  [{row.environment}{f'; default {row.default}' if row.default else ''}]"
        command = click.option(row.flag, row.name, metavar=row.metavar, default=None, help=shown)(command)
    return command


@click.command(epilog="Settings also come from couchreg.toml in the data directory.")
@flags
def serve(**given: str | None) -> None:
    """Run a registry until Ctrl-C or SIGTERM."""
    settings = load(given)
    begin_log(settings)
    with asyncio.Runner(loop_factory=LOOP) as runner:
        runner.run(run(settings))


def begin_log(settings: Settings) -> None:
    """Messages go to standard error; those of a request name it."""
    handler = logging.StreamHandler()
    handler.setFormatter(Formatter())
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler])


async def run(settings: Settings) -> None:
    """Serve until a signal asks for the end."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    allow_many_files()
    app = build(settings)
    await app.start()
    if settings.access_log_file or settings.audit_log_file:
        loop.add_signal_handler(signal.SIGHUP, app.journals.reopen)
    tidy()
    try:
        announce(app)
        await first(ended, app.superseded)
    finally:
        await app.stop()


async def first(ended: asyncio.Event, superseded: asyncio.Event) -> None:
    """Wait for the end. Raises CannotStart where another process has taken over: two that sweep one datastore
    would remove each other's files."""
    waiting = [asyncio.create_task(event.wait()) for event in (ended, superseded)]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
    if superseded.is_set():
        raise CannotStart("Another couchreg has taken over this registry: this one ends.")


def tidy() -> None:
    """Keep the garbage collector off what a start has made, which stays, and from looking all too often:
    reading JSON makes many objects at once, and hardly ever a cycle. A tenth of the time of a write."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)


def allow_many_files() -> None:
    """As many open files as this process may have: connections and databases are bounded by that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def announce(app: App) -> None:
    """Where to look, and the new admin's password: the only time it is shown."""
    click.echo(f"Registry  {app.registry_url}/")
    click.echo(f"CouchDB   {app.couch_url}/")
    click.echo(f"Data      {app.settings.data_dir.absolute()}")
    if app.new_admin is not None:
        name, password = app.new_admin
        click.echo(f"Admin     {name}:{password}   (shown only once: keep it)")
    click.echo("Ready     Ctrl-C stops it")
    sys.stdout.flush()
