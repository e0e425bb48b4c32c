"""What a server is made of: everything is built, started and stopped here.

Owns the choice of back ends, which no other room may name, and the order in which things begin and end: see
`server.App`. Owns no rule of its own: what settings say is `config`'s, what is built knows itself what to do.
Comes in: `cli`.
"""

from couchreg.app.refusing import DAMAGED, DamagedDatabase, DamagedFile, set_aside, set_file_aside
from couchreg.app.server import App, build
from couchreg.app.stores import open_blobs, s3_options

__all__ = [
    "DAMAGED",
    "App",
    "DamagedDatabase",
    "DamagedFile",
    "build",
    "open_blobs",
    "s3_options",
    "set_aside",
    "set_file_aside",
]
