"""The engine `whoosh` in a child."""

from couchreg.followers.search.inside.indexing import indexer, prepare
from couchreg.followers.search.whoosh_index import WhooshIndex

__all__ = ["answer", "prepare"]

answer = indexer(WhooshIndex)
