"""Documents and blobs held against each other: audit, sweeping, ownership, records to rebuild from.

Owns which blobs nobody needs any more and what of a store is broken. Does not own how a blob is removed
(`blobstore`) or a document checked (the engine). Comes in: `app`, `cli`, `followers`, `registry`.
"""
