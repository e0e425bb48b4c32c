"""From what a publisher sends to a version that everyone can read, all of it or nothing.

Owns what arrives (`intake`), what is checked of it and the order of writes. Does not own how a form is
decoded, which is the door's. Comes in: `registry`, `replicated`, `http/registry`, `client`, which knows the
same limits, and `app`.
"""
