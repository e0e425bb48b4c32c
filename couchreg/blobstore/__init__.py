"""Where bytes lie: a key names bytes that never change.

`base` is the port; `directory` and `s3` are the two stores behind it, which only `app` may name; `spool` is
where bytes wait on their way in. Knows keys, not what they mean: packages and documents are above it.
"""
