"""What owners and admins change of what is published: owners, rights, tags, deletions.

Owns who may change a package, and that it is one change at a time. Does not own versions, which never change
(`publishing`). Comes in: `registry`, `publishing`, `replicated`, and `http/registry`.
"""
