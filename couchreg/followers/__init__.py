"""Programs that read the changes of a database and build what can be built again: search, datastore.

Owns checkpoints and problems of followers, and those two. Knows the port and `package`; does not own the
followers of tables and graphs, which stand in their rooms. Comes in: `analytics`, `graphs`, `app`, `cli`,
`http/registry`.
"""
