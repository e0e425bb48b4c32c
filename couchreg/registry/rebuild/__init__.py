"""The `registry` database made again from the datastore.

Owns which records are brought back, which folders become versions without one, and for whom a package is
whose own record has been lost. Does not own what a record looks like (`docstore/maintenance`), nor when a
database has to be made again. Comes in: `cli`.
"""
