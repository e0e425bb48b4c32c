"""Child processes that can be killed: for work that other people's data or code decides.

Owns spawning, limits, walls, messages, turns and the end of children. Does not own what a child computes:
users name a module (`Kind.module`), which this room imports in the child and never in the server. `inside` is
the half that runs in the children. See DESIGN.md. Comes in: `analytics`, `cli`, `client`, `designdocs`,
`followers`, `graphs`, `http/couch`, `registry`.
"""
