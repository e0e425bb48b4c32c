"""Design documents: what they must look like, and what they compute.

Owns their form (`shape`), those that folders hold (`folders`, `loading`), the functions in them (`functions`,
run by `javascript`), validation around a store (`validating`), rewriting, `views` and `mango`. Does not own
requests and answers, which are the couch door's. Knows the port, and no engine. Comes in: `http/couch`,
`client`, which reads folders, and `app`, which builds it.
"""
