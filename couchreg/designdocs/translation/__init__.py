"""Functions in a part of JavaScript as functions of Python, which give what the engine gives, or give up.

Owns which part that is, and what each operation in it does with each kind of value. Pure. Does not own what
becomes of a function that gives up: whoever runs one keeps the engine at hand.
Comes in: `javascript`, `rules`.
"""
