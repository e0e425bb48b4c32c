"""Whether the functions of views are functions at all, before their design document is stored."""

from collections.abc import Mapping
from typing import Any

from couchreg.designdocs.functions import Design, Functions
from couchreg.designdocs.views.definition import LIBRARY, definition_of
from couchreg.errors import BadRequest, Failure, NotFound

JAVASCRIPT = "javascript"


async def check_views(functions: Functions, database: str, body: Mapping[str, Any]) -> None:
    """Raises BadRequest (compilation_error) that names the function, and NotFound for an empty one."""
    views = body.get("views")
    if body.get("language", JAVASCRIPT) != JAVASCRIPT or not isinstance(views, dict):
        return
    design = Design("", "", "", definition_of(body).text)
    for name, view in views.items():
        if name == LIBRARY:
            continue
        for kind in ("map", "reduce"):
            source = view.get(kind)
            if source is not None and not (kind == "reduce" and source.startswith("_")):
                await _check(functions, database, design, name, kind, source)


async def _check(
    functions: Functions, database: str, design: Design, name: str, kind: str, source: str
) -> None:
    if not source:
        raise NotFound("missing function")
    try:
        await functions.compile(database, design, source)
    except Failure as error:
        if error.error != "compilation_error":
            raise
        reason = f"Compilation of the {kind} function in the '{name}' view failed: {error.reason}"
        raise BadRequest(reason, error="compilation_error") from None
