"""What is published, for readers: descriptors, files, lists, search, linked data, counts.

Owns how these answers look and how long they may be kept. Does not own what is published (`registry/reading`)
or found (`followers/search`). Comes in: `apart`, `routes`, `pages`, `analytics`, `graphs`.
"""
