"""What a data package is, purely: names, versions, ids, descriptor, dependencies, tags, paths, formats, keys.

Owns the rules that hold wherever a package is looked at, on the server and at a client. Does no I/O, and
knows nothing of databases or HTTP. Comes in: `access`, `analytics`, `app`, `cli`, `client`, `docstore`,
`followers`, `graphs`, `http/registry`, `registry`, `web`.
"""
