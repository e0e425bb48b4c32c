"""From the headers of a request to a user: Basic, cookie, bearer tokens, JWT, a proxy's word.

Owns the order in which these are tried and what is slowed down after wrong passwords. Does not own what the
user may then do (`policy`). Comes in: `http/couch`, `http/registry`, and `app`, which builds it.
"""
