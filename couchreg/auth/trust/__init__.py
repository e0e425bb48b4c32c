"""Trusted publishers: a job elsewhere, which its provider vouches for, gets a token for a quarter of an hour.

Owns which jobs are trusted with which packages, whether what a provider says of a job is true, and the keys
that this is checked with. Does not own how keys are fetched, who owns packages, or what a token is.
Comes in: `http/registry`, `app`.
"""
