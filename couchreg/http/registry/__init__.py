"""The registry door: publish, read, ask, search and look after data packages. See `DESIGN.md` beside this
file.

Owns its routes (`routes`, and those of the wings, of which `door` makes a router and `openapi` a description)
and the operations in `reading`, `publishing`, `people`, `analytics` and `graphs`, and in `pages` for people.
What they share is in `frame`. `apart` is the search alone, for a follower elsewhere. Does not own any
decision about packages. Comes in: `app`.
"""
