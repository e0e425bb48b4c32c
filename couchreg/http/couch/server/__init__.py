"""The server and its databases as wholes: `/`, `_up`, `_session`, `_node/…`, `/{db}` and its settings."""
