"""The two doors: `couch` speaks CouchDB's API, `registry` that of the data packages.

Owns whatever names a status, a header or a query string. The doors do not know each other; for both are
`forwarded` (what proxies say), `connections` (how many an address may have), `handing` (those that go from
one process to another), `limits` (what it may ask for) and `watching` (what is told of requests that are
over, and clients that have gone), which know neither door. Does not own any rule about documents, packages
or people. Comes in: `app`.
"""
