"""Packages as RDF: SPARQL and triple pattern fragments, as the registry door has them.

Owns how these answers look. Does not own what they say (`couchreg.graphs`). Comes in: `routes`.
"""
