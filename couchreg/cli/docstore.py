"""`couchreg docstore`: the documents of a registry from a data directory into a CouchDB, or back."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import click

from couchreg.app.backup import check_source
from couchreg.app.documents import open_documents
from couchreg.docstore.maintenance.documents_copy import CopiedDocuments, move_documents


@click.group()
def docstore() -> None:
    """Copy the documents of a registry. Stop its server first."""


@docstore.command()
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="[TO]", envvar="COUCHREG_DOCSTORE")
def copy(source: str, target: str) -> None:
    """Copy all documents FROM a data directory or a CouchDB TO another place, with equal revisions.

    A CouchDB is named as in --docstore; without TO it is the one of COUCHREG_DOCSTORE, whose login then
    is not shown by ps. Bytes are not copied. Run it again to continue. In the end the registry is there and
    not here any more: what is left here cannot be served with its datastore.
    """
    done = asyncio.run(_copy(source, target))
    if done is None:
        click.echo("They have been copied before; from now on the registry is there and not here.")
        return
    click.echo(
        f"{done.databases} databases with {done.documents} documents ({done.revisions} revisions) are there."
    )


async def _copy(source: str, target: str) -> CopiedDocuments | None:
    if not source.startswith(("http://", "https://")):
        check_source(Path(source))  # whose opening would make one
    async with AsyncExitStack() as stack:
        found = await open_documents(stack, source)
        made = await open_documents(stack, target)
        return await move_documents(found, made)
