"""Lists of documents by id: `_all_docs`, `_design_docs`, `_local_docs`, and the query they share with
views.
"""
