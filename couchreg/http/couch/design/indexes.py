"""`_index` over HTTP: Mango's indexes are listed, made and deleted; each is a view of a design document.

Source: https://docs.couchdb.org/en/stable/api/database/find.html#db-index
"""

from collections.abc import Mapping
from typing import Any, Final

from couchreg.designdocs.mango import options
from couchreg.designdocs.mango.definition import LANGUAGE, NewIndex
from couchreg.designdocs.mango.options import DESIGN, shown
from couchreg.designdocs.shape import check_design_document
from couchreg.docstore.base import Edit, Revision
from couchreg.errors import BadRequest, CouchregError, Failure, NotFound, TooLarge
from couchreg.http.couch.design.mango import listed
from couchreg.http.couch.documents.writing import DocumentLimits, check_id, check_option
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.failures import MethodNotAllowed
from couchreg.http.couch.frame.params import parse_int
from couchreg.http.couch.frame.responses import Answer, answer_json
from couchreg.model import json

OF_THE_LANGUAGE: Final = {"language": LANGUAGE}


async def every(ctx: Context) -> Answer:
    """`GET /{db}/_index`."""
    limit, skip = _number(ctx, "limit", least=1), _number(ctx, "skip", least=0)
    found = [index.shown() for index in await listed(ctx)]
    first = min(skip or 0, len(found))
    last = len(found) if limit is None else first + limit
    return answer_json({"total_rows": len(found), "indexes": found[first:last]})


def _number(ctx: Context, name: str, *, least: int) -> int | None:
    given = ctx.query.get(name)
    if given is None:
        return None
    number = parse_int(given)
    if number is None or number < least:
        raise Failure("Index parameter ranges: limit > 1, skip > 0", error="invalid_list_index_params")
    return number


async def create(ctx: Context) -> Answer:
    """`POST /{db}/_index`: `created`, or `exists` where it was there already."""
    ctx.require_json()
    new = NewIndex(options.index(await ctx.json_object()))
    check_id(ctx, new.ddoc)
    found = await _design(ctx, new.ddoc)
    before = OF_THE_LANGUAGE if found is None else found.body
    body = _with_index(before, new, is_new=found is None)
    result = "exists"
    if body != before:
        await _save(ctx, new.ddoc, found, body)
        result = "created"
    return answer_json({"result": result, "id": new.ddoc, "name": new.name})


async def delete(ctx: Context) -> Answer:
    """`DELETE /{db}/_index/{ddoc}/json/{name}`, where `{ddoc}` may have its prefix."""
    ddoc, kind, name = _address(ctx)
    if not await _removed(ctx, _with_prefix(ddoc), name if kind == options.JSON else None):
        raise NotFound("missing")
    return answer_json({"ok": True})


async def other_method(ctx: Context) -> Answer:
    """What there is no index for, whatever is to be done with it; else all but DELETE."""
    _address(ctx)
    raise MethodNotAllowed("DELETE")


def _address(ctx: Context) -> list[str]:
    """Design document, type and name of an index. Raises NotFound."""
    parts = ctx.parts[2:]
    if len(parts) == 4 and parts[0] == "_design":
        parts = ["/".join(parts[:2]), *parts[2:]]
    if len(parts) != 3:
        raise NotFound("missing")
    return parts


async def bulk_delete(ctx: Context) -> Answer:
    """`POST /{db}/_index/_bulk_delete`: all indexes of some design documents, told in reverse."""
    ctx.require_json()
    wanted = options.bulk_delete(await ctx.json_object())
    ctx.allowance.check_list(wanted, "docids")
    success: list[dict[str, Any]] = []
    fail: list[dict[str, Any]] = []
    for ddoc in map(_with_prefix, wanted):
        names = [index.name for index in await listed(ctx) if index.ddoc == ddoc]
        for name in names:
            await _removed(ctx, ddoc, name)
        if names:
            success.insert(0, {"id": ddoc, "ok": True})
        else:
            fail.insert(0, {"id": ddoc, "error": "not_found"})
    return answer_json({"success": success, "fail": fail})


def _with_prefix(ddoc: str) -> str:
    return ddoc if ddoc.startswith(DESIGN) else DESIGN + ddoc


async def _removed(ctx: Context, ddoc: str, name: str | None) -> bool:
    """Take an index out of its design document, which goes with its last one. Whether it was there."""
    known = {index.name for index in await listed(ctx) if index.ddoc == ddoc}
    found = await _design(ctx, ddoc) if name in known else None
    if found is None:
        return False
    body = found.body
    views = {key: view for key, view in body["views"].items() if key != name}
    body["views"] = views
    if not views:
        del body["views"]
    await _save(ctx, ddoc, found, body if body != OF_THE_LANGUAGE else None)
    return True


async def _design(ctx: Context, ddoc: str) -> Revision | None:
    """The design document, None where there is none. Raises BadRequest for one of another language."""
    [row] = await ctx.db.winners([ddoc], bodies=True)
    if row is None or row.deleted:
        return None
    found = Revision(row.id, row.rev, row.deleted, row.members or b"", row.attachments)
    language = found.body.get("language", False)
    if language != LANGUAGE:
        told = (
            f"{{<<108,97,110,103,117,97,103,101>>,{shown(language)}}}" if language is not False else "false"
        )
        reason = f"Existing design doc has an invalid language: {told}"
        raise BadRequest(reason, error="invalid_ddoc_lang")
    return found


def _with_index(before: Mapping[str, Any], new: NewIndex, *, is_new: bool) -> dict[str, Any]:
    views = before.get("views")
    body = {**before, "views": {**(views if isinstance(views, dict) else {}), new.name: new.view}}
    given = before.get("options")
    partitioned = given.get("partitioned") if isinstance(given, dict) else None
    if new.partitioned == partitioned:
        return body
    if not is_new:
        reason = f"Requested partitioned option does not match existing value on design document {new.ddoc}"
        raise BadRequest(reason, error="invalid_partitioned_option")
    if new.partitioned is None:
        return body
    return {**body, "options": {"partitioned": new.partitioned}}


async def _save(ctx: Context, ddoc: str, before: Revision | None, body: dict[str, Any] | None) -> None:
    """Write a design document; None deletes it. Raises Failure (error_saving_ddoc)."""
    if body is not None:
        check_design_document(body)
        try:
            await check_option(ctx, body)
        except BadRequest as error:
            raise _unsaved(error.error) from None
        if len(json.encode(body)) > DocumentLimits.of(ctx).document:
            raise TooLarge(ddoc, error="document_too_large")
    await ctx.confirm()
    attachments = before.attachments if before is not None and body is not None else ()
    edit = Edit(
        id=ddoc,
        rev=None if before is None else before.rev,
        deleted=body is None,
        body=body or {},
        attachments=attachments,
    )
    try:
        (await ctx.db.update([edit], new_edits=True, user=ctx.user)).check()
    except CouchregError as error:
        raise _unsaved(error.error) from None


def _unsaved(word: str) -> Failure:
    if word == "conflict":
        reason = "Encountered a conflict while saving the design document."
    else:
        reason = f"Unknown error while saving the design document: {word}"
    return Failure(reason, error="error_saving_ddoc")
