"""From bytes to attachment records and back, above every engine and every blob store.

Owns compression, digests, and the pins that keep a sweep away from writes under way. Does not own where bytes
lie (`package.layout`). Comes in: `maintenance`, `analytics`, `app`, `designdocs`, `followers`, `http/couch`,
`http/registry`, `registry`, `replication`.
"""
