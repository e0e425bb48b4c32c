"""Running the JavaScript of design documents: QuickJS contexts in children of the sandbox.

Owns the world that functions see (`sandbox.js`), its limits, and which contexts live. Knows design documents
and commands as JSON; what a function is for is the affair of `designdocs.functions`, which alone comes in.
"""
