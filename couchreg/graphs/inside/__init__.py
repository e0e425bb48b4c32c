"""The half of this room that runs in children: making triples, and answering.

Owns what a library of RDF is told to do. Does not own when (`following`, `asking`) or the limits of a child
(`sandbox`). Comes in: nobody but a child, which the sandbox tells the name of a module.
"""
