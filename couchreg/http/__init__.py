"""The two doors: `couch` speaks CouchDB's API, `registry` that of the data packages.

Whatever names a status, a header or a query string stands here. The doors do not know each other; `forwarded`
(what proxies say) is for both. Only `app` comes in.
"""
