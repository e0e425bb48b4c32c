"""The server and its databases as wholes: `/`, `_up`, `_session`, `_node/…`, `/{db}` and its settings.

Owns what is asked of no document: databases, security, sessions, replications, tasks, figures. Does not own
who somebody is (`auth`) or how a replication runs (`replication`). Comes in: `door`; and the table, by the
names of operations.
"""
