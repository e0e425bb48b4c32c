"""Whether a package's content is what its descriptor says. Runs in child processes.

Owns the checks and their workers. Does not own the shape of a report (`package.report`). Comes in:
`publishing`, `comparing`, `registry`, `analytics`, which reads tables as the checks do, `client`, and `app`.
"""
