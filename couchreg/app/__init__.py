"""The room that builds everything and alone names back ends: see `server.App`."""

from couchreg.app.refusing import DamagedDatabase, set_aside
from couchreg.app.server import App, build
from couchreg.app.stores import open_blobs, s3_options

__all__ = ["App", "DamagedDatabase", "build", "open_blobs", "s3_options", "set_aside"]
