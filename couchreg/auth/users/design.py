"""`_design/_auth` of `_users`: the rules of that database as a design document, so that they replicate."""

from importlib import resources

from couchreg.docstore.base import Database, Edit
from couchreg.errors import NotFound
from couchreg.model.user import SYSTEM

ID = "_design/_auth"
_MEMBERS = {"language": "language", "validate_doc_update": "validate_doc_update.js"}


async def ensure_auth_design(database: Database) -> None:
    """Write it into `_users` where it is not there, or not as it should be; what else stands in it stays."""
    try:
        stored = await database.revision(ID)
        rev, body = stored.rev, stored.body
    except NotFound:
        rev, body = None, {}
    wanted = body | auth_design()
    if wanted != body:
        written = await database.update([Edit(ID, rev, False, wanted)], new_edits=True, user=SYSTEM)
        written.check()


def auth_design() -> dict[str, str]:
    """Its members, from the files of `design_docs/_users/_auth`."""
    folder = resources.files("couchreg") / "design_docs" / "_users" / "_auth"
    return {member: (folder / name).read_text("utf-8").strip() for member, name in _MEMBERS.items()}
