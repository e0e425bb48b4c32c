"""Tables that can be asked: a Parquet file of every table of every version, and what is answered from it.

Owns which resources are tables, their Parquet files and what is known of them, and questions to them. Does
not own how tables are read (`registry/checking`), who may ask (`auth`, the door), or where bytes lie
(`blobstore`). `inside` runs in children only. See DESIGN.md. Comes in: `http/registry`, and `app`, which
builds it.
"""
