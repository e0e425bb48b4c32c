"""What design documents serve: views, shows and lists, updates, rewrites, Mango.

Owns how such a question arrives and its answer is written. Does not own what is answered (`designdocs`).
Comes in: the table, by the names of operations.
"""
