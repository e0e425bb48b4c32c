"""The couch door: CouchDB's HTTP API. See `DESIGN.md` beside this file.

Owns its table of routes and the way of a request (`door`, `routing`, `table`) to an operation in one of the
wings: `documents`, `listings`, `feeds`, `server`, `design`. What all of them share is in `frame`. Does not
own what a document is, or who may (the table names a rule, `auth` decides). Comes in: `app`.
"""
