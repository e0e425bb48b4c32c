"""`couchreg rebuild`: the registry's database made again from the datastore. The server must not run."""

import asyncio
import sys
import time
from pathlib import Path

import click

from couchreg.app import DAMAGED, DamagedDatabase, DamagedFile, build, set_aside, set_file_aside
from couchreg.auth.policy import REGISTRY
from couchreg.cli.data_flags import data_flags
from couchreg.config import CannotStart, Settings, load
from couchreg.docstore.maintenance.ownership import take_over
from couchreg.errors import CouchregError, StorageFailure
from couchreg.registry.rebuild.rebuild import Rebuild, Rebuilt
from couchreg.registry.rebuild.rights import Unknown

SHOWN = 20  # problems
_FILES = 2  # that may be damaged, one after the other: the server's and the database's


@click.command()
@data_flags
def rebuild(**given: str | None) -> None:
    """Rebuild the registry's database from the datastore alone.

    Versions, owners, tombstones and revision ids come back as they were recorded. What is there already
    stays, so run it again if it was interrupted. Search and the rest follow when the server starts.
    """
    done = asyncio.run(run(load(given)))
    click.echo(
        f"{done.records} records read, {done.written} revisions written, "
        f"{done.imported} versions without a record imported, each restricted as its package is."
    )
    if done.differing:
        click.echo(f"{done.differing} revisions have ids that other software computed.")
    for problem in done.problems[:SHOWN]:
        click.echo(f"couchreg: {problem}", err=True)
    if done.problems:
        click.echo(f"couchreg: {len(done.problems)} problems.", err=True)
        sys.exit(1)


async def run(settings: Settings) -> Rebuilt:
    """Rebuild, then make the datastore this server's, however it was left. A database or server file that is
    damaged is kept beside the new one. Raises CannotStart where no datastore is: what is made of nothing
    would be empty."""
    if settings.blobstore == "directory" and not (settings.data_dir / "datastore").is_dir():
        raise CannotStart(
            f"There is no datastore in {settings.data_dir}: name the data directory with --data-dir."
        )
    for _ in range(_FILES):
        try:
            return await _rebuild(settings)
        except CouchregError as error:
            if not _kept_aside(settings, error):
                raise
    return await _rebuild(settings)


def _kept_aside(settings: Settings, error: CouchregError) -> list[Path]:
    """The damaged files that are out of the way now; none where the error tells of something else."""
    if isinstance(error, DamagedFile):
        moved, what = set_file_aside(error.path), "server file"
        more = ": its settings and administrators are lost, and the next start makes an administrator"
    elif (isinstance(error, DamagedDatabase) and error.name == REGISTRY) or (
        isinstance(error, StorageFailure) and error.error == DAMAGED
    ):
        moved, what, more = set_aside(settings.data_dir / "databases", REGISTRY), "database", ""
    else:
        return []
    for path in moved:
        click.echo(f"couchreg: The damaged {what} is kept as {path}{more}.", err=True)
    return moved


async def _rebuild(settings: Settings) -> Rebuilt:
    async with build(settings).offline() as app:
        rebuild = Rebuild(
            await app.store.open(REGISTRY),
            app.attachments.blobs,
            _Progress().show,
            unknown=_unknown(settings),
        )
        done = await rebuild.run()
        await take_over(app.store, app.attachments)
        return done


def _unknown(settings: Settings) -> Unknown:
    if settings.mirror is not None:
        return "forget"
    return "leave" if settings.redirect == "public" else "close"


class _Progress:
    """A line on a terminal, twice a second at most."""

    def __init__(self) -> None:
        self._next = 0.0

    def show(self, done: Rebuilt) -> None:
        if sys.stderr.isatty() and time.monotonic() >= self._next:
            self._next = time.monotonic() + 0.5
            click.echo(f"\r{done.records} records, {done.written} written", nl=False, err=True)
