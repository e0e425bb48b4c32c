"""What a document is, purely: JSON, ids, revisions and their trees, collation, selectors.

Owns every rule that CouchDB derives from a document alone, to the bit. Does no I/O and knows nothing of
packages (`package`), stores (`docstore`) or HTTP. Comes in: everybody.
"""
