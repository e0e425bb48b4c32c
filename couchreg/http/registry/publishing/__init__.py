"""Publishing and deleting: the forms in which a package arrives, direct uploads, unpublish.

Forms (multipart, JSON, zip) are decoded here; what a package must be like is `registry`'s.
"""
