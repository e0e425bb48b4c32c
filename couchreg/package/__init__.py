"""What a data package is, purely: descriptor, paths, formats, versions, ids, report, keys of its files.

Owns the rules that hold wherever a package is looked at, on the server and at a client. Does no I/O, and
knows neither databases nor HTTP. `registry`, `followers`, `docstore`, `client` and the doors come in.
"""
