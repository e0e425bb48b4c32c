"""Documents: `base` is the port between everybody and the engines.

`attachments` turns bytes into records above every engine, `maintenance` holds documents and blobs against
each other, `sqlite` is the embedded engine, which only `app` may name.
"""
