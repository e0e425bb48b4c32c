"""Documents for `registry` of those who are not administrators: replicated ones."""

from collections.abc import Sequence

from couchreg.auth.policy import REGISTRY, Rule, authorize
from couchreg.docstore.attachments import members
from couchreg.docstore.attachments.upload import Bodies
from couchreg.docstore.base import Outcome
from couchreg.errors import CouchregError, TooManyRequests, Unauthorized, Unavailable
from couchreg.http.couch.documents import local, writing
from couchreg.http.couch.frame.context import Context
from couchreg.model.addresses import origin
from couchreg.model.document import Parsed
from couchreg.registry.replicated.incoming import Incoming
from couchreg.registry.replicated.receiving import receive

_FOR_ALL = (Unauthorized, TooManyRequests, Unavailable)  # what is no fault of one document


async def room(ctx: Context, *, new_edits: bool) -> Incoming:
    """Where they go. Raises Unauthorized, Forbidden for edits that are made here."""
    incoming = ctx.services.incoming
    if new_edits or incoming is None:
        authorize(Rule.WRITER, ctx.user, REGISTRY, await ctx.db.setting("security"))
    assert incoming is not None  # who is no administrator has been refused
    return incoming


async def write_all(ctx: Context, parsed: Sequence[Parsed], *, new_edits: bool) -> list[Outcome]:
    """An outcome for each document, in order. Raises what concerns all of them: then those that were written
    are known when they are sent again."""
    incoming = await room(ctx, new_edits=new_edits)
    outcomes: list[Outcome] = [""] * len(parsed)
    for place in sorted(range(len(parsed)), key=lambda place: _order(incoming, parsed[place])):
        try:
            outcomes[place] = await _write(ctx, incoming, parsed[place], None)
        except _FOR_ALL:
            raise
        except CouchregError as error:
            outcomes[place] = error
    return outcomes


def _order(incoming: Incoming, parsed: Parsed) -> int:
    return -1 if writing.id_of(parsed).startswith("_local/") else incoming.order(writing.as_edit(parsed))


async def write(ctx: Context, parsed: Parsed, parts: Bodies | None, *, new_edits: bool) -> str:
    """Store one document, whose files may follow in parts; its revision. Raises Forbidden and the like."""
    return await _write(ctx, await room(ctx, new_edits=new_edits), parsed, parts)


async def _write(ctx: Context, incoming: Incoming, parsed: Parsed, parts: Bodies | None) -> str:
    doc_id, edit = writing.id_of(parsed), writing.as_edit(parsed)
    if doc_id.startswith("_local/"):
        return await local.write(ctx, doc_id, None if parsed.deleted else parsed.body, parsed.rev)
    rev = edit.rev or ""
    if await incoming.is_known(edit):
        return rev
    files = parsed.attachments or {}
    await incoming.check(edit, list(files), ctx.user)
    async with incoming.intake() as intake:
        for name, member in files.items():
            await receive(intake, edit.id, name, member, parts)
        if parts is not None:
            async for _ in parts:
                pass  # what nobody asked for has to be read all the same, for the next request lies behind it
        positions = {name: members.revpos_of(member) for name, member in files.items()}
        askers = (f"user {ctx.user.name}", f"network {origin(ctx.address)}")
        await incoming.write(edit, intake, positions, ctx.user, ctx.confirm, askers)
    return rev
