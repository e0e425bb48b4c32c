"""`couchreg datastore`: set a bucket up, check it against the documents, tidy it, copy it."""

import asyncio
import json
import sys
import tempfile
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from couchreg.app import App, build, open_blobs
from couchreg.app.backup import check_source
from couchreg.app.buckets import perform, public_policy, remove_unfinished, steps_of_setup
from couchreg.auth.policy import REGISTRY
from couchreg.blobstore.copying import Copied
from couchreg.blobstore.copying import copy as copy_blobs
from couchreg.blobstore.spool import Spool
from couchreg.cli.data_flags import data_flags
from couchreg.cli.showing import interruptible
from couchreg.config import CannotStart, Settings, load
from couchreg.docstore.maintenance.audit import Audit, Findings
from couchreg.docstore.maintenance.ownership import claim
from couchreg.followers.base import Checkpoint
from couchreg.followers.datastore import DatastoreFollower
from couchreg.package.formats import mediatype

SHOWN = 20  # keys of each kind


@click.group()
def datastore() -> None:
    """Set up, check, tidy and copy the datastore. Except for `setup`, stop the server first."""


# -- setup
@datastore.command()
@data_flags
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option("--policy", is_flag=True, help="Only print the bucket policy, to paste it elsewhere.")
def setup(yes: bool, policy: bool, **given: str | None) -> None:
    """Let everybody read the bucket: set its policy, its CORS rules and the expiry of unfinished uploads."""
    settings = load(given)
    if policy:
        click.echo(json.dumps(public_policy(settings), indent=2))
        return
    sys.exit(asyncio.run(_setup(settings, yes)))


async def _setup(settings: Settings, yes: bool) -> int:
    async with steps_of_setup(settings) as steps:
        for step in steps:
            click.echo(f"{step.name} will be:\n{json.dumps(step.after, indent=2, default=str)}")
        if not steps:
            click.echo("Everything is set up.")
        elif not yes and not _sure():
            return 1
        faults = {step.name: await perform(step) for step in steps}
    for name, fault in faults.items():
        click.echo(f"{name}: {fault or 'done'}", err=fault is not None)
    return 1 if any(faults.values()) else 0


def _sure() -> bool:
    with interruptible():
        return bool(click.confirm("Apply these changes?", err=True))


# -- check and gc
@datastore.command()
@data_flags
@click.option("--deep", is_flag=True, help="Read every object and compare it with its document.")
@click.option(
    "--repair",
    is_flag=True,
    help="Write descriptors and records that are missing, or with --deep damaged, again.",
)
def check(deep: bool, repair: bool, **given: str | None) -> None:
    """Compare the objects with what the documents say of them."""
    found = asyncio.run(_check(load(given), deep, repair))
    click.echo(
        f"{found.checked} objects are needed: {len(found.missing)} missing, "
        f"{len(found.different)} different. {len(found.orphans)} are not needed."
    )
    for name in found.unreadable:
        click.echo(f"unreadable {name}: what this database needs is not known")
    for what in ("missing", "different", "orphans"):
        for key in getattr(found, what)[:SHOWN]:
            click.echo(f"{what:10} {key}")
    sys.exit(0 if found.sound else 1)


async def _check(settings: Settings, deep: bool, repair: bool) -> Findings:
    check_source(settings.data_dir)  # whose opening would make one
    async with build(settings).offline() as app:
        audit = Audit(app.store, app.attachments, REGISTRY)
        found = await audit.check(deep=deep)
        if not (repair and found.derived):
            return found
        for key in found.derived.keys() & set(found.different):  # nothing is ever written over
            await app.attachments.blobs.delete(key)
        await _write_derived(app, set(found.derived.values()))
        return await audit.check(deep=deep)


async def _write_derived(app: App, doc_ids: Iterable[str]) -> None:
    """Let the follower that writes descriptors and records do so for some documents."""
    database = await app.store.open(REGISTRY)
    follower = DatastoreFollower(app.attachments, database, await app.store.notes(REGISTRY))
    seq = await database.parse_since("0")
    checkpoint = await follower.checkpoint() or Checkpoint.at(seq)
    async for changes in database.changes(seq, bodies=True, ids=set(doc_ids)):
        await follower.apply(changes.results, checkpoint)
    await follower.close()


@datastore.command()
@data_flags
@click.option(
    "--grace",
    type=float,
    default=86400.0,
    show_default=True,
    metavar="SECONDS",
    help="Leave what is younger.",
)
def gc(grace: float, **given: str | None) -> None:
    """Remove what no document needs: orphans, unfinished uploads, left-over records."""
    click.echo(f"{asyncio.run(_gc(load(given), grace))} removed.")


async def _gc(settings: Settings, grace: float) -> int:
    check_source(settings.data_dir)
    async with build(settings).offline() as app:
        await claim(app.store, app.attachments)  # never beside another database
        removed = await Audit(app.store, app.attachments, REGISTRY).gc(grace)
        return removed + await remove_unfinished(app.attachments.blobs, grace)


# -- copy
@datastore.command()
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@data_flags
@click.option("--verify", is_flag=True, help="Read and compare what the target has already.")
@click.option("--to-s3-endpoint", metavar="URL", help="The S3 server of TO, if it is a different one.")
@click.option("--to-s3-access-key-id", metavar="ID", help="The access key for TO.")
@click.option("--to-s3-secret-access-key", metavar="SECRET", help="Its secret.")
def copy(source: str, target: str, verify: bool, **given: str | None) -> None:
    """Copy all objects FROM a directory or s3://BUCKET TO another. Run it again to continue."""
    settings = load({name: value for name, value in given.items() if not name.startswith("to_")})
    other = {name[3:]: value for name, value in given.items() if name.startswith("to_") and value}
    done = asyncio.run(_copy(source, target, settings, replace(settings, **_known(other)), verify))
    click.echo(f"{done.copied} copied ({done.bytes} bytes), {done.present} there already.")
    for key in done.refused[:SHOWN]:
        click.echo(f"different  {key}", err=True)
    sys.exit(1 if done.refused else 0)


def _known(values: dict[str, str]) -> dict[str, Any]:
    """Settings by name, read as `config` reads them."""
    read = load(values, environ={})
    return {name: getattr(read, name) for name in values}


async def _copy(source: str, target: str, settings: Settings, other: Settings, verify: bool) -> Copied:
    if not source.startswith("s3://") and not Path(source).is_dir():
        raise CannotStart(f"There is no directory {source} to copy from.")
    async with AsyncExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="couchreg-copy-")))
        spool = Spool(scratch)
        stack.push_async_callback(spool.close)
        stores = []
        for address, where in ((source, settings), (target, other)):
            kind = address if address.startswith("s3://") else "directory"
            store = await open_blobs(replace(where, blobstore=kind), Path(address))
            stack.push_async_callback(store.close)
            stores.append(store)
        return await copy_blobs(stores[0], stores[1], spool, type_of=mediatype, verify=verify)
