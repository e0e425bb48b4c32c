"""The half of this room that runs in children of the sandbox: it reads strangers' tables and statements.

Owns the conversion to Parquet, what a statement may be, and its run. Does not own the limits of a child
(`sandbox`) or which files it is given (`making`, `answering`, `reading`). Comes in: nobody but a child, which
the sandbox tells the name of a module.
"""
