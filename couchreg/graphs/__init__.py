"""What packages say of themselves as RDF: one graph for each version, questions in SPARQL and in patterns.

Owns how versions become triples, the store of them and what is answered from it. Does not own the views that
triples are made of (`registry/linked`), who may ask (`auth`, the door) or children (`sandbox`). `inside` runs
in children only. See DESIGN.md. Comes in: `http/registry`, and `app`, which builds it.
"""
