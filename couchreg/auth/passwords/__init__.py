"""Passwords and second factors: rules for new ones, hashes, and the threads that compute them.

Owns nothing that is stored. `users`, `login` and `guards` come in.
"""
