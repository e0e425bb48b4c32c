"""The registry door: publish, read, search and look after data packages. See `DESIGN.md` beside this file.

`door` makes routes of the tables (`routes`, `people/routes`); operations stand in `reading`, `publishing` and
`people`; `openapi` describes it all. What they share is in `frame`.
"""
