"""Which changes a `_changes` feed shows: the built-in filters, and those of design documents.

Source: https://docs.couchdb.org/en/stable/api/database/changes.html#filtering
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from couchreg.designdocs.functions import Design, require, text_of
from couchreg.docstore.base import Change, Database
from couchreg.errors import BadRequest
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.request_object import request_object
from couchreg.http.couch.frame.selections import LARGEST, SelectionQuestion
from couchreg.model import json, selector
from couchreg.model.addresses import origin
from couchreg.model.projection import Projection
from couchreg.wire import documents

DESIGN = "_design/"
AT_ONCE = 100  # changes that a filter is told of together
MANY = 500  # values of a selector that is made ready elsewhere
REVISIONS = 20  # of its history that a document shows to a filter function


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
    fields: list[Any] | None = None  # those of the projection

    async def prepare(self, db: Database, changes: Sequence[Change]) -> None:
        """Told of changes, `AT_ONCE` of them at most, before `passes` is asked about each."""

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

    def __init__(self, ctx: Context, wanted: dict[str, Any], fields: list[Any] | None) -> None:
        """Raises BadRequest."""
        self._ctx = ctx
        self._wanted = wanted
        self._matches = selector.compile(wanted)
        self.fields = fields
        self.projection = None if fields is None else Projection(fields)

    async def passes(self, db: Database, change: Change) -> Sequence[str]:
        return [rev for rev in change.revs if await self._passes(db, change, rev)]

    async def _passes(self, db: Database, change: Change, rev: str) -> bool:
        members, deleted = change.members, change.deleted
        if rev != change.revs[0]:
            [other] = await db.revisions(change.id, [rev])
            if other is None:
                return False
            members, deleted = other.members, other.deleted
        if members is not None and len(members) > LARGEST:
            question = SelectionQuestion(self._wanted, id=change.id, rev=rev, deleted=deleted)
            asker = origin(self._ctx.address)
            return await self._ctx.services.selections.ask(question, members, asker) == b"true"
        doc: dict[str, Any] = {"_id": change.id, "_rev": rev, **json.body(members)}
        return self._matches({**doc, "_deleted": True} if deleted else doc)


class Judged(Filter):
    """A function of a design document, applied to each revision that would be listed."""

    drops = True

    def __init__(self, judge: Callable[[Sequence[bytes]], Awaitable[list[bool]]]) -> None:
        self._judge = judge
        self._passed: dict[str, list[str]] = {}

    async def prepare(self, db: Database, changes: Sequence[Change]) -> None:
        self._passed = {}
        wanted: list[tuple[str, Sequence[str] | None]] = [(change.id, change.revs) for change in changes]
        while wanted:
            opened = await db.open_revs(wanted, histories=True)
            if not opened:
                return
            pairs = [
                (doc_id, item.revision, item.history)
                for (doc_id, _), items in zip(wanted, opened, strict=False)
                for item in items
                if item.revision is not None
            ]
            docs = [text_of(found, _revisions(found.rev, history)) for _, found, history in pairs]
            for (doc_id, found, _), passes in zip(pairs, await self._judge(docs), strict=True):
                if passes:
                    self._passed.setdefault(doc_id, []).append(found.rev)
            wanted = wanted[len(opened) :]

    async def passes(self, db: Database, change: Change) -> Sequence[str]:
        passed = self._passed.get(change.id, ())
        return [rev for rev in change.revs if rev in passed]


def _revisions(rev: str, history: Sequence[str]) -> bytes:
    return documents.revisions_member([rev, *history[1:REVISIONS]])


async def make_filter(ctx: Context, name: str, body: Mapping[str, Any] | None) -> Filter:
    """The filter of a request; `body` is that of a POST. Raises BadRequest, NotFound, NotImplementedHere."""
    if name == "":
        return Filter()
    if name == "_doc_ids":
        few = ctx.settings.integer("couchdb", "changes_doc_ids_optimization_threshold", 100)
        return DocIds(_doc_ids(ctx, body), few)
    if name == "_selector":
        return await _selected(ctx, body)
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


async def _selected(ctx: Context, body: Mapping[str, Any] | None) -> Filter:
    if ctx.method != "POST":
        raise BadRequest("Selector must be specified in POST payload")
    wanted = (body or {}).get("selector")
    if not isinstance(wanted, dict):
        raise BadRequest("Selector error: expected a JSON object")
    fields = (body or {}).get("fields")
    if fields is not None and not isinstance(fields, list):
        raise BadRequest("Selector error: fields must be JSON array")
    try:
        if json.count_values(json.encode(wanted), MANY) > MANY:
            return await asyncio.to_thread(Selected, ctx, wanted, fields)
        return Selected(ctx, wanted, fields)
    except BadRequest as error:  # here CouchDB tells the reason, but not the word that _find has for it
        raise BadRequest(error.reason) from None


async def _view_filter(ctx: Context) -> Filter:
    name = ctx.query.get("view", "")
    if not name:
        raise BadRequest("`view` filter parameter is not provided.")
    design, view = await _design(ctx, "views", name, "`view` must be of the form `designname/viewname`")
    functions = ctx.services.functions

    async def judge(docs: Sequence[bytes]) -> list[bool]:
        return await functions.emits(design, view, docs)

    return Judged(judge)


async def _function_filter(ctx: Context, name: str) -> Filter:
    complaint = "`filter` must be of the form `designname/filtername`"
    design, function = await _design(ctx, "filters", name, complaint)
    functions, request = ctx.services.functions, await request_object(ctx)

    async def judge(docs: Sequence[bytes]) -> list[bool]:
        return await functions.filter(design, function, docs, request)

    return Judged(judge)


async def _design(ctx: Context, kind: str, name: str, complaint: str) -> tuple[Design, str]:
    """The design document and the name of its function. Raises unless it has the function."""
    parts = [part for part in name.split("/") if part]
    if len(parts) != 2:
        raise BadRequest(complaint)
    found = await ctx.db.revision(DESIGN + parts[0])
    require(found, kind, parts[1])
    return Design.of(ctx.db.name, found), parts[1]
