"""Where bytes lie: a key names bytes that never change.

Owns the port (`base`), the two stores behind it (`directory` and `s3`, which only `app` may name), and where
bytes wait on their way in (`spool`). Knows keys, not what they mean: packages and documents are above it.
Comes in: `analytics`, `app`, `cli`, `client`, `docstore`, `followers`, `http/registry`, `package`,
`registry`.
"""
