"""The flags of commands that work on a server's data: where documents and blobs are, nothing of doors."""

from collections.abc import Callable

import click

from couchreg.config import describe

_WANTED = ("data_dir", "blobstore")


def data_flags(command: Callable[..., None]) -> Callable[..., None]:
    """A flag for each setting that says where data is; `config.load` reads them."""
    for row in reversed(describe()):
        if row.name in _WANTED or row.name.startswith("s3_"):
            shown = f"{row.doc}  [{row.environment}{f'; default {row.default}' if row.default else ''}]"
            command = click.option(row.flag, row.name, metavar=row.metavar, default=None, help=shown)(command)
    return command
