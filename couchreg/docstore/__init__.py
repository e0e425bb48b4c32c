"""Documents: `base` is the port between everybody and the engines, `optional` what only some of them can do.

Owns what stands before a database (`proxy`, `named`) and before a store (`layers`, `cached_config`), the
way from bytes to records above every engine (`attachments`), what holds documents and blobs against each
other (`maintenance`), and the embedded engine (`sqlite`), which only `app` may name. Does not own who may
do what, nor what a document says. DESIGN.md says why. Comes in: `access`, `analytics`, `app`, `auth`,
`cli`, `designdocs`, `followers`, `graphs`, `http/couch`, `http/registry`, `registry`, `replication`.
"""
