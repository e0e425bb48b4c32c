"""Whether a package's content is what its descriptor says. Runs in child processes.

Owns the checks and their workers; the shape of a report is `package.report`. `publishing`, `comparing` and
the client come in.
"""
