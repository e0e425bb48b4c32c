"""The engine `whoosh` in a child."""

from couchreg.followers.search.inside.indexing import indexer
from couchreg.followers.search.whoosh_index import WhooshIndex

answer = indexer(WhooshIndex)
