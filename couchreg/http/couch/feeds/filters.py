"""Which changes a `_changes` feed shows: the built-in filters.

Filters written in JavaScript need an engine that is not here; that the design document and the
function exist is checked all the same, for those errors come first.

Source: https://docs.couchdb.org/en/stable/api/database/changes.html#filtering
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from couchreg.docstore.base import Change, Database
from couchreg.errors import BadRequest, NotFound, NotImplementedHere
from couchreg.http.couch.frame.context import Context
from couchreg.model import json, selector
from couchreg.model.projection import Projection

DESIGN = "_design/"


class Filter:
    """Lets every change through; the others say what they want different.

    `ids`: only these documents can pass. `needs_bodies`: `passes` reads the document. `skips`: changes
    that do not pass are not even counted, so they stay in `pending` (CouchDB looks the others up by id).
    """

    ids: Sequence[str] | None = None
    needs_bodies = False
    drops = False  # whether `passes` can say no
    skips = False
    projection: Projection | None = None

    async def passes(self, db: Database, change: Change) -> Sequence[str]:
        """The revisions of the change that pass; none: it is not shown."""
        return change.revs


class DocIds(Filter):
    """`_doc_ids`. CouchDB looks few ids up and filters the whole feed for many."""

    def __init__(self, ids: Sequence[str], few: int) -> None:
        self.ids = ids
        self.skips = len(ids) <= few


class DesignDocs(Filter):
    """`_design`."""

    drops = True
    skips = True

    async def passes(self, db: Database, change: Change) -> Sequence[str]:
        return change.revs if change.id.startswith(DESIGN) else ()


class Selected(Filter):
    """`_selector`: a Mango selector, applied to each revision that would be listed."""

    needs_bodies = True
    drops = True

    def __init__(self, matches: Callable[[dict[str, Any]], bool], projection: Projection | None) -> None:
        self._matches = matches
        self.projection = projection

    async def passes(self, db: Database, change: Change) -> Sequence[str]:
        passed = []
        for rev in change.revs:
            doc = await _document(db, change, rev)
            if doc is not None and self._matches(doc):
                passed.append(rev)
        return passed


async def _document(db: Database, change: Change, rev: str) -> dict[str, Any] | None:
    members, deleted = change.members, change.deleted
    if rev != change.revs[0]:
        [other] = await db.revisions(change.id, [rev])
        if other is None:
            return None
        members, deleted = other.members, other.deleted
    doc: dict[str, Any] = {"_id": change.id, "_rev": rev, **json.body(members)}
    return {**doc, "_deleted": True} if deleted else doc


async def make_filter(ctx: Context, name: str, body: Mapping[str, Any] | None) -> Filter:
    """The filter of a request; `body` is that of a POST. Raises BadRequest, NotFound, NotImplementedHere."""
    if name == "":
        return Filter()
    if name == "_doc_ids":
        few = ctx.settings.integer("couchdb", "changes_doc_ids_optimization_threshold", 100)
        return DocIds(_doc_ids(ctx, body), few)
    if name == "_selector":
        return _selected(ctx, body)
    if name == "_design":
        return DesignDocs()
    if name == "_view":
        return await _view_filter(ctx)
    if name.startswith("_"):
        raise BadRequest("unknown builtin filter name")
    return await _function_filter(ctx, name)


def _doc_ids(ctx: Context, body: Mapping[str, Any] | None) -> list[str]:
    ids = body.get("doc_ids") if body is not None else None
    if ctx.method == "GET":
        ids = ctx.query_json("doc_ids")
    if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
        raise BadRequest("`doc_ids` filter parameter is not a list of doc ids.")
    return ids


def _selected(ctx: Context, body: Mapping[str, Any] | None) -> Filter:
    if ctx.method != "POST":
        raise BadRequest("Selector must be specified in POST payload")
    wanted = (body or {}).get("selector")
    if not isinstance(wanted, dict):
        raise BadRequest("Selector error: expected a JSON object")
    fields = (body or {}).get("fields")
    if fields is not None and not isinstance(fields, list):
        raise BadRequest("Selector error: fields must be JSON array")
    try:
        matches = selector.compile(wanted)
    except BadRequest as error:  # here CouchDB tells the reason, but not the word that _find has for it
        raise BadRequest(error.reason) from None
    return Selected(matches, None if fields is None else Projection(fields))


async def _view_filter(ctx: Context) -> Filter:
    name = ctx.query.get("view", "")
    if not name:
        raise BadRequest("`view` filter parameter is not provided.")
    await _require_function(ctx, "views", name, "`view` must be of the form `designname/viewname`")
    raise NotImplementedHere("Filters that run view functions are not supported yet.")


async def _function_filter(ctx: Context, name: str) -> Filter:
    await _require_function(ctx, "filters", name, "`filter` must be of the form `designname/filtername`")
    raise NotImplementedHere("Filters written in JavaScript are not supported yet.")


async def _require_function(ctx: Context, kind: str, name: str, complaint: str) -> None:
    """Raises unless the design document has the function."""
    parts = [part for part in name.split("/") if part]
    if len(parts) != 2:
        raise BadRequest(complaint)
    found = await ctx.db.revision(DESIGN + parts[0])
    functions = found.body.get(kind)
    if not isinstance(functions, dict):
        raise NotFound(f"missing json key: {kind}")
    if parts[1] not in functions:
        raise NotFound(f"missing json key: {parts[1]}")
