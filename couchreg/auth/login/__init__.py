"""From the headers of a request to a user: Basic, cookie, bearer tokens, JWT, a proxy's word.

Owns the order in which these are tried and what is slowed down after wrong passwords. Only the doors come in.
"""
