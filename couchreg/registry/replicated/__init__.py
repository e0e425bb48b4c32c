"""Documents of packages that their owners bring by replication, made elsewhere and maybe offline.

Owns what such a document may be: a version, a deletion, or what is said of a package as a whole, and who may
send it. A document is stored as it came, under the revision that it has elsewhere, or not at all. Does not
own how replicators send documents (the couch door), nor what a data package has to be (`publishing`). Comes
in: `registry`, `http/couch`, and `app`.
"""
