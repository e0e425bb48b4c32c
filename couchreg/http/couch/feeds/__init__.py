"""What happens, as it happens: `_changes` and `_db_updates`, once or for as long as the client listens.

Owns how long a feed stays open, its heartbeats and filters, and the form of its rows. Does not own the
changes (the store). Comes in: the table, by the names of operations.
"""
