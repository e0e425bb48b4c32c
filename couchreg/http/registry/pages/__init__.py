"""Pages for people, at the addresses where programs get JSON: a browser says that it prefers HTML.

Owns which page stands where, and the forms on them: who may send one. Does not own what a page shows, which
each operation gathers from the wings below, nor how it looks (`couchreg.web`). A page shows nothing that the
same person could not get as JSON, and none has a script. Comes in: `routes`, and `door`, for pages of errors.
"""
