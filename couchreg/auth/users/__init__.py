"""Accounts: documents of `_users` and admins of the configuration.

Owns what such a document may look like and how accounts come, change and go. Does not own whether a password
is right (`passwords`). Comes in: `guards`, `http/couch`, `http/registry`, and `app`.
"""
