"""The three lists of documents by id: all, design documents, local documents."""

from typing import NamedTuple

from couchreg.docstore.base import Range
from couchreg.http.couch.listings.view_query import UNSET, ViewQuery
from couchreg.model.partitions import span


class Namespace(NamedTuple):
    """Ids from `first` up to, not with, `beyond`; None: no bound."""

    prefix: str
    first: str | None
    beyond: str | None
    is_local: bool = False

    def holds(self, doc_id: object) -> bool:
        return isinstance(doc_id, str) and doc_id.startswith(self.prefix)


ALL = Namespace("", None, None)
DESIGN = Namespace("_design/", "_design/", "_design0")
LOCAL = Namespace("_local/", None, None, is_local=True)


def wanted_range(namespace: Namespace, query: ViewQuery) -> Range:
    """What a query asks of a namespace, as the store understands it.

    Ids are strings, and every other JSON value sorts before them all: "" stands for those. Where no key says
    where the range begins or ends, `startkey_docid` and `endkey_docid` do.
    """
    start = query.start_docid if query.start is UNSET else _text(query.start)
    end = query.end_docid if query.end is UNSET else _text(query.end)
    inclusive = query.inclusive_end
    low, high = (end, start) if query.descending else (start, end)
    if namespace.first is not None and (low is None or low < namespace.first):
        low = namespace.first
        inclusive = inclusive or query.descending
    if namespace.beyond is not None and (high is None or high > namespace.beyond):
        high = namespace.beyond
        inclusive = inclusive and query.descending
    if query.partition is not None:
        first, beyond = span(query.partition)
        low = first if low is None or low < first else low
        if high is None or high > beyond:
            high, inclusive = beyond, True  # no document has that id
    start, end = (high, low) if query.descending else (low, high)
    return Range(start, end, inclusive, query.descending, query.skip, query.limit)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
