"""What stands between people and the databases `_users` and `registry`.

Each guard wraps a `Database` and is one. Owns who sees and writes which documents there. Does not own the
rules of an account's own document, which are those of `users`. Comes in: `http/couch`, and `app`.
"""
