"""The registry: what a data package is here, and how one is published, checked and read.

It owns names, versions and descriptors, the checks before a package is accepted, and the two kinds of
documents a package leaves in the `registry` database. It knows a `Database` and `Attachments`;
it knows neither HTTP (`http/registry`) nor where documents and bytes really lie.
"""
