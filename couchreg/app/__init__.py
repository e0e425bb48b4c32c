"""What a server is made of: everything is built, started and stopped here.

Owns the choice of back ends, which no other room may name, and the order in which things begin and end: see
`server.App`. Owns no rule of its own: what settings say is `config`'s, what is built knows itself what to do.
Comes in: `cli`.
"""

from couchreg.app.refusing import DamagedDatabase, set_aside
from couchreg.app.server import App, build
from couchreg.app.stores import open_blobs, s3_options

__all__ = ["App", "DamagedDatabase", "build", "open_blobs", "s3_options", "set_aside"]
