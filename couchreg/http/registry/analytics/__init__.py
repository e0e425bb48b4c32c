"""Tables that can be asked: their Parquet files, as the registry door has them.

Owns how these answers look. Does not own what they say (`couchreg.analytics`). Comes in: `routes`, and
`pages`, which show the same to people.
"""
