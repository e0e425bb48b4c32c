"""`couchreg backup` and `couchreg restore`: copies of a data directory, made, verified, laid out."""

import asyncio
import fcntl
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import click

from couchreg.app import backup as backups
from couchreg.app import build
from couchreg.app.backup_bucket import bucket_backup
from couchreg.app.documents import refuse_remote
from couchreg.auth.policy import REGISTRY
from couchreg.cli.data_flags import data_flags
from couchreg.config import Settings, load
from couchreg.docstore.maintenance.audit import Audit
from couchreg.docstore.optional import checking

BUCKET = "s3://"
SHOWN = 20  # faults


@click.command()
@click.argument("words", nargs=-1, metavar="DIR|s3://… | verify DIR|s3://…", required=True)
@data_flags
def backup(words: tuple[str, ...], **given: str | None) -> None:
    """Back a data directory up into DIR or a bucket, also while its server runs; or verify such a backup.

    Run it again to bring the backup up to date: only what is new is copied.
    """
    settings = load(given)
    match words:
        case ("verify", address) if _is_bucket(address):
            sys.exit(asyncio.run(_verify_bucket(settings, address)))
        case ("verify", folder):
            sys.exit(_verify(settings, Path(folder)))
        case (folder,):
            _back_up(settings, folder)
        case _:
            raise click.UsageError("Name one folder, as in: couchreg backup /backups/couchreg")


def _back_up(settings: Settings, where: str) -> None:
    refuse_remote(settings)
    elsewhere = None if settings.blobstore == "directory" else settings.blobstore
    if _is_bucket(where):
        done = asyncio.run(_into_bucket(settings, where, elsewhere))
    else:
        done = backups.back_up(settings.data_dir, Path(where), bytes_at=elsewhere)
    click.echo(f"{done.databases} databases copied.")
    if done.bytes_at is not None:
        click.echo(
            f"The bytes are in {done.bytes_at} and not in the backup: copy them with couchreg datastore copy."
        )
    else:
        click.echo(f"{done.copied} files added, {done.kept} kept, {done.removed} removed.")


@click.command()
@click.argument("folder", metavar="DIR|s3://…")
@data_flags
def restore(folder: str, **given: str | None) -> None:
    """Lay a backup out as a new data directory: --data-dir, which must not be there, or be empty."""
    settings = load(given)
    if _is_bucket(folder):
        done = asyncio.run(_from_bucket(settings, folder))
    else:
        done = backups.restore(Path(folder), settings.data_dir)
    click.echo(f"{done.databases} files of databases and settings, {done.copied} files of packages restored.")
    if done.bytes_at is not None:
        click.echo(f"The bytes are in {done.bytes_at}: start with --blobstore {done.bytes_at}.")


def _is_bucket(where: str) -> bool:
    """Raises UsageError for another address, which would be made a folder."""
    if "://" in where and not where.startswith(BUCKET):
        raise click.UsageError(f"{where} is neither a folder nor an address like {BUCKET}bucket/prefix.")
    return where.startswith(BUCKET)


async def _into_bucket(settings: Settings, address: str, elsewhere: str | None) -> backups.Done:
    async with bucket_backup(settings, address) as found:
        return await found.make(settings.data_dir.resolve(), bytes_at=elsewhere)


async def _from_bucket(settings: Settings, address: str) -> backups.Done:
    async with bucket_backup(settings, address) as found:
        return await found.restore(settings.data_dir)


# -- verify
async def _verify_bucket(settings: Settings, address: str) -> int:
    async with bucket_backup(settings, address) as found:
        manifest = await found.manifest()
        with tempfile.TemporaryDirectory(prefix="couchreg-verify-") as place:
            data, checked = Path(place) / "data", 0
            faults = await found.lay_out(manifest, data, Path(place))
            if not faults:
                where = manifest.bytes_at or f"{address.rstrip('/')}/{backups.BYTES}"
                checked, faults = await _look_through(replace(settings, data_dir=data, blobstore=where))
    return _told(manifest, checked, faults)


def _verify(settings: Settings, folder: Path) -> int:
    backups.read_manifest(folder)  # no lock where there is no backup
    with backups.held(folder, fcntl.LOCK_SH):
        return _verify_held(settings, folder)


def _verify_held(settings: Settings, folder: Path) -> int:
    manifest = backups.read_manifest(folder)
    faults = backups.faults_of_state(folder, manifest)
    checked = 0
    if not faults:
        with tempfile.TemporaryDirectory(prefix=".verify-", dir=folder) as place:
            data = Path(place) / "data"
            backups.lay_out(folder, manifest, data)
            if manifest.bytes_at is None:
                (data / backups.BYTES).symlink_to((folder / backups.BYTES).resolve())
            where = manifest.bytes_at or "directory"
            checked, faults = asyncio.run(_look_through(replace(settings, data_dir=data, blobstore=where)))
    return _told(manifest, checked, faults)


def _told(manifest: backups.Manifest, checked: int, faults: list[str]) -> int:
    for fault in faults[:SHOWN]:
        click.echo(f"couchreg: {fault}", err=True)
    if faults:
        click.echo(f"couchreg: {len(faults)} faults in the backup of {manifest.made}.", err=True)
        return 1
    click.echo(
        f"The backup of {manifest.made} is sound: {len(manifest.files)} files, {checked} objects read."
    )
    return 0


async def _look_through(settings: Settings) -> tuple[int, list[str]]:
    """How many objects documents need, and what is wrong with documents and objects."""
    async with build(settings).offline() as app:
        faults = []
        for name in await app.store.names():
            problems = await checking(await app.store.open(name)).check()
            faults += [f"The database {name}: {problem}" for problem in problems]
        found = await Audit(app.store, app.attachments, REGISTRY).check(deep=True)
    faults += [f"The object {key} is missing." for key in found.missing]
    faults += [f"The object {key} has other bytes than its document says." for key in found.different]
    return found.checked, faults + [f"The database {name} cannot be read." for name in found.unreadable]
