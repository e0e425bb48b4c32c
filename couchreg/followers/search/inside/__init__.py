"""What writes an index in a child of the sandbox: a module for each engine.

Owns the order of commands from the follower to an index. Does not own how an index is written (the engines)
or a child ends (`sandbox`). Comes in: nobody but a child, which the sandbox tells the name of a module.
"""
