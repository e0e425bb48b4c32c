"""The engine `fts5` in a child."""

from couchreg.followers.search.fts5 import Fts5Index
from couchreg.followers.search.inside.indexing import indexer, prepare

__all__ = ["answer", "prepare"]

answer = indexer(Fts5Index)
