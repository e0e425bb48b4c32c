"""Who asks, and whether they may.

Owns the decision about a request (`policy`), the reading of CouchDB's settings (`options`), and the wings
`login` (from headers to a user), `passwords`, `tokens`, `users` (accounts and the documents behind them) and
`guards` (what stands between people and the databases `_users` and `registry`). Does not own how a refusal
looks. Knows the port of the stores, never an engine or HTTP. Comes in: `http/couch`, `http/registry`, `cli`,
and `app`, which builds it.
"""
