"""Running the JavaScript of design documents: QuickJS contexts in children of the sandbox.

Owns the world that functions see (`sandbox.js`), its limits, and which contexts live. Knows design documents
and commands as JSON; does not own what a function is for, which is the affair of `functions`. Comes in:
`functions`, `rules`, `http/couch`, which passes a list on as it is made, and `app`, which builds contexts.
"""
