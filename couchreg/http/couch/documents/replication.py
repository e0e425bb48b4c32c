"""What a replicator asks of a database beside documents: `_revs_diff`, `_missing_revs`; and `_purge`.

https://docs.couchdb.org/en/stable/api/database/misc.html
"""

from aiohttp import web

from couchreg.docstore.optional import purging
from couchreg.errors import BadRequest
from couchreg.http.couch.documents import quorum
from couchreg.http.couch.documents.document_query import parse_revs
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.params import parse_int
from couchreg.http.couch.frame.responses import answer_json, answer_raw
from couchreg.model import json
from couchreg.turns import TimeSlice, portions


async def revs_diff(ctx: Context) -> web.StreamResponse:
    """Which of the revisions named are not here, and from which of ours they may descend."""
    missing = await ctx.db.missing_revs(await _revisions_by_id(ctx))
    answer = {
        doc_id: {"missing": revs, "possible_ancestors": ancestors} if ancestors else {"missing": revs}
        for doc_id, (revs, ancestors) in missing.items()
    }
    return answer_raw(json.texts(answer))


async def missing_revs(ctx: Context) -> web.StreamResponse:
    missing = await ctx.db.missing_revs(await _revisions_by_id(ctx))
    return answer_json({"missing_revs": {doc_id: revs for doc_id, (revs, _) in missing.items()}})


async def purge(ctx: Context) -> web.StreamResponse:
    """Forget revisions for good."""
    wanted = await _revisions_by_id(ctx)
    _check_number(ctx, wanted)
    purged = await purging(ctx.db).purge(wanted)
    answer = {doc_id: purged.get(doc_id, []) for doc_id in wanted}
    return answer_json({"purge_seq": None, "purged": answer}, status=quorum.status_of(ctx, 201))


def _check_number(ctx: Context, wanted: dict[str, tuple[str, ...]]) -> None:
    if _exceeds(ctx, "max_document_id_number", len(wanted)):
        raise BadRequest("Exceeded maximum number of documents.")
    if _exceeds(ctx, "max_revisions_number", sum(map(len, wanted.values()))):
        raise BadRequest("Exceeded maximum number of revisions.")


def _exceeds(ctx: Context, setting: str, number: int) -> bool:
    most = parse_int(ctx.settings.text("purge", setting))  # infinity, say: no bound
    return most is not None and number > most


async def _revisions_by_id(ctx: Context) -> dict[str, tuple[str, ...]]:
    ctx.require_json()
    wanted = await ctx.json()
    if not isinstance(wanted, dict):
        raise BadRequest("Request body must be a JSON object")
    found: dict[str, tuple[str, ...]] = {}
    turn = TimeSlice()
    for portion in portions(list(wanted.items())):
        found.update([(doc_id, parse_revs(revs)) for doc_id, revs in portion])
        await turn.pass_on()
    return found
