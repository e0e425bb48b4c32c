"""What a data package is, purely: names, versions, ids, descriptor, dependencies, tags, paths, formats, keys.

Owns the rules that hold wherever a package is looked at, on the server and at a client. Does no I/O, and
knows neither databases nor HTTP. `registry`, `followers`, `docstore`, `client` and the doors come in.
"""
