"""Tables that can be asked: their Parquet files, as the registry door has them.

Owns how these answers look; what they say is `couchreg.analytics`'. Comes in: the route table.
"""
