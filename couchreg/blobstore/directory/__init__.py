"""The blob store in a directory: one plain file for each key, readable without couchreg.

Owns paths, fsyncs and the spelling of folders. Knows no other store; all others know `blobstore.base`. Comes
in: `app`.
"""
