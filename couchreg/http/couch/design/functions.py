"""What of design documents is still to come: lists, rewrites. That the design document has what is
asked for is checked, for those errors come first.
"""

from collections.abc import Mapping
from typing import Any

from couchreg.errors import CouchregError, NotFound, NotImplementedHere
from couchreg.http.couch.frame.context import Context
from couchreg.http.couch.frame.responses import Answer

NO_VIEW = "missing_named_view"


async def not_built(ctx: Context) -> Answer:
    await _members(ctx)
    raise _not_built()


async def listed(ctx: Context) -> Answer:
    """A list, shown with a view of the same design document or of another."""
    members = await _members(ctx)
    name, *of = ctx.match["path"].split("/")
    _check_function(members, "lists", name)
    if len(of) == 1:
        _check_view(members, of[0])
    elif len(of) == 2:
        other = await ctx.db.revision("_design/" + of[0])
        _check_view(other.body, of[1])
    raise _not_built()


async def _members(ctx: Context) -> Mapping[str, Any]:
    """Of the design document. Raises NotFound."""
    return (await ctx.db.revision(ctx.doc_id)).body


def _check_view(members: Mapping[str, Any], name: str) -> None:
    views = members.get("views")
    found = views.get(name) if isinstance(views, dict) else None
    if name == "lib" or not isinstance(found, dict) or "map" not in found:
        raise NotFound(NO_VIEW)


def _check_function(members: Mapping[str, Any], kind: str, name: str) -> None:
    functions = members.get(kind)
    if not isinstance(functions, dict):
        raise NotFound(f"missing json key: {kind}")
    if name not in functions:
        raise NotFound(f"missing json key: {name}")


def _not_built() -> CouchregError:
    return NotImplementedHere("Lists and rewrites of design documents are not supported yet.")
