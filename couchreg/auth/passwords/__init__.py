"""Passwords and second factors: rules for new ones, hashes, and the threads that compute them.

Owns nothing that is stored. Comes in: `users`, `login`, `guards`, and `app`, which builds it.
"""
