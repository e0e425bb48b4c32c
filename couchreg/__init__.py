"""couchreg: a registry for data packages that replicates like CouchDB. See `DESIGN.md` beside this file."""

__version__ = "0.1.0"
