"""The `couchreg` command, one module for each of its commands.

Owns options, questions and what is printed. Does not own what a command does: that is `app`'s for the server
and `client`'s for everything else. Each module imports what it needs when it runs. Comes in: `__main__`.
"""
