"""Publishing and deleting: the forms in which a package arrives, direct uploads, unpublish.

Owns the decoding of forms (multipart, JSON, zip). Does not own what a package must be like, which is
`registry`'s. Comes in: `routes`.
"""
