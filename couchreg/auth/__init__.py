"""Who asks, and whether they may.

`policy` decides about one request, `options` reads CouchDB's settings; the wings are `login` (from headers
to a user), `passwords`, `tokens`, `users` (accounts and the documents behind them) and `guards` (what
stands between people and the databases `_users` and `registry`). Knows `docstore.base`, never an engine or
HTTP.
"""
