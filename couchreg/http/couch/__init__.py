"""The couch door: CouchDB's HTTP API. See `DESIGN.md` beside this file.

`door` takes a request through `routing` and `table` to an operation in one of the wings: `documents`,
`listings`, `feeds`, `server`, `design`. What all of them share is in `frame`.
"""
