"""From what a publisher sends to a version that everyone can read, all of it or nothing.

Owns what arrives (`intake`), what is checked of it and the order of writes. How a form is decoded is the
door's.
"""
