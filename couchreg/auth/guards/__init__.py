"""What stands between people and the databases `_users` and `registry`.

Each guard wraps a `Database` and is one. Owns who sees and writes which documents there; the rules of an
account's own document are those of `users`. The couch door and `app` come in.
"""
