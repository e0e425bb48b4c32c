"""What happens, as it happens: `_changes` and `_db_updates`, once or for as long as the client listens."""
