"""Accounts: documents of `_users` and admins of the configuration.

Owns what such a document may look like and how accounts come, change and go. `login`, `guards` and the doors
come in. Whether a password is right is decided by `passwords`.
"""
