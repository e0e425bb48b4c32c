"""The replicator's view of design documents, which its own room does not know."""

from collections.abc import Mapping, Sequence
from typing import Any

from couchreg.designdocs.functions import Design, Functions, require, text_of
from couchreg.designdocs.shape import check_design_document
from couchreg.designdocs.views.compiling import check_views
from couchreg.docstore.base import Database, Revision
from couchreg.errors import BadRequest
from couchreg.model import json
from couchreg.model.user import User
from couchreg.replication.local import Judge
from couchreg.replication.options import ReplicationFilter


class DesignFunctions:
    """Filters, views as filters, and what a design document has to look like."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions

    async def judge(self, db: Database, wanted: ReplicationFilter, user: User) -> Judge:
        if wanted.name.startswith("_") and wanted.name != "_view":
            raise BadRequest("unknown builtin filter name")
        is_view = wanted.name == "_view"
        path = str(wanted.params.get("view")) if is_view else wanted.name
        design_name, _, name = path.partition("/")
        found = await db.revision(f"_design/{design_name}")
        require(found, "views" if is_view else "filters", name)
        design = Design.of(db.name, found)
        request = json.encode({"query": dict(wanted.params), "userCtx": _context(db, user), "method": "GET"})

        async def judge(revisions: Sequence[Revision]) -> list[bool]:
            texts = [text_of(revision) for revision in revisions]
            if is_view:
                return await self._functions.emits(design, name, texts)
            return await self._functions.filter(design, name, texts, request)

        return judge

    async def check_design(self, db: Database, body: Mapping[str, Any]) -> None:
        check_design_document(dict(body))
        await check_views(self._functions, db.name, dict(body))


def _context(db: Database, user: User) -> dict[str, Any]:
    return {"db": db.name, "name": user.name, "roles": list(user.roles)}
