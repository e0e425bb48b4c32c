"""Documents: `base` is the port between everybody and the engines, `optional` what only some of them can do.

`proxy` and `named` stand before a database, `cached_config` before a store. `attachments` turns bytes into
records above every engine, `maintenance` holds documents and blobs against each other, `sqlite` is the
embedded engine, which only `app` may name. DESIGN.md says why.
"""
