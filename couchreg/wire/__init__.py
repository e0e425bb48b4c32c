"""JSON rows, multipart and headers as CouchDB writes and reads them, to the byte.

Owns the spelling of what travels. Pure: it does not own requests, limits or stores. Comes in: `http/couch`,
`http/registry`, `designdocs`, `replication`.
"""
