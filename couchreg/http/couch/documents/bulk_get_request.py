"""The entries of a `_bulk_get` request, each wanted in its own way or wrong in its own way."""

from dataclasses import replace
from typing import Any, NamedTuple

from couchreg.errors import BadRequest, CouchregError
from couchreg.http.couch.documents.document_query import PLAIN, DocumentQuery, parse_document_query, parse_rev
from couchreg.http.couch.frame.context import Context
from couchreg.model.document import check_docid
from couchreg.model.partitions import check_id

REFUSED_PARAMETERS = frozenset({"open_revs", "new_edits", "w", "rev", "atts_since"})


class RequestedDocument(NamedTuple):
    """One entry of the request, or why it cannot be answered."""

    id: Any
    rev: str | None = None
    query: DocumentQuery = PLAIN
    error: dict[str, Any] | None = None


def query_of(ctx: Context) -> DocumentQuery:
    for name, _ in ctx.pairs:
        if name in REFUSED_PARAMETERS:
            raise BadRequest(f'"{name}" query parameter is not acceptable')
    return parse_document_query(ctx.pairs)


def wanted_of(entry: Any, query: DocumentQuery, *, partitioned: bool) -> RequestedDocument:
    if not isinstance(entry, dict) or not entry:
        return _refused(None, None, "bad_request", "document must be a JSON object")
    if "id" not in entry:
        return _refused(None, None, "bad_request", "document id missed")
    doc_id, rev = entry["id"], entry.get("rev")
    try:
        check_docid(doc_id)
        if partitioned:
            check_id(doc_id)
    except CouchregError as error:
        return _refused(doc_id, None, error.error, error.reason)
    try:
        parsed = None if "rev" not in entry else parse_rev(rev)
    except CouchregError as error:
        return _refused(doc_id, rev, error.error, error.reason)
    return _with_atts_since(RequestedDocument(doc_id, parsed, query), entry.get("atts_since", []))


def _with_atts_since(wanted: RequestedDocument, given: Any) -> RequestedDocument:
    if given == []:
        return wanted
    if not isinstance(given, list):
        return _refused(wanted.id, given, "bad_request", "att_since value must be array of revs.")
    known = []
    for rev in given:
        try:
            known.append(parse_rev(rev))
        except CouchregError as error:
            return _refused(wanted.id, rev, error.error, error.reason)
    return wanted._replace(query=replace(wanted.query, atts_since=tuple(known)))


def _refused(doc_id: Any, rev: Any, word: str, reason: str) -> RequestedDocument:
    return RequestedDocument(doc_id, error=error_of(doc_id, rev, word, reason))


def error_of(doc_id: Any, rev: Any, word: str, reason: str) -> dict[str, Any]:
    return {"rev": rev, "reason": reason, "id": doc_id, "error": word}
