"""Programs that read the changes of a database and build what can be built again: search, datastore.

Owns checkpoints and problems of followers. Knows `docstore.base` and `package`; peers do not come in.
"""
