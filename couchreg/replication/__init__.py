"""Replication from and to other servers, as CouchDB's replicator does it: jobs, checkpoints, the way of
documents.

Owns what a replication is asked with, its id, its checkpoints, what is read, written, set aside and tried
again, which jobs run, and where they may go. Does not own HTTP towards clients
(`http/couch/server/replicate.py`), nor what a revision is (`model`), nor who somebody is (`auth`).
`DESIGN.md` tells the story. Comes in: `http/couch`, and `app`, which builds it.
"""
