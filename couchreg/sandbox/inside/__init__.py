"""The half of the room that runs in the children.

Owns the fork server, the walls around a child, its limits and its end. It has no event loop and knows nothing
of the project but `messages` and `ending`: every module here is in the memory of every child. Comes in: what
runs in children of `analytics`, `followers`, `graphs`, `http/couch`, `registry`, and processes of `cli`.
"""
