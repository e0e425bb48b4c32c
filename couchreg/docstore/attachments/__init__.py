"""From bytes to attachment records and back, above every engine and every blob store.

Owns compression, digests, and the pins that keep a sweep away from writes under way. Where bytes lie is
`package.layout`'s.
"""
