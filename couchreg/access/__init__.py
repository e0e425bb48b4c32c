"""Who sees which packages: decided in one place, and asked before every read of the database `registry`.

Owns the restricted packages as they are in memory, the groups, who asks in a request, and the view of the
database that leaves out what the one who asks may not see. Does not own how rights are changed, which is the
registry's, or who somebody is. Comes in: `registry`, `designdocs`, `http/couch`, `http/registry`, and `app`.
"""
