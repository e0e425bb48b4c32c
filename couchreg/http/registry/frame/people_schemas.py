"""The shapes of answers about owners, rights and groups, and of the parts of their addresses."""

from collections.abc import Mapping
from typing import Final

from couchreg.http.registry.frame.describing import TEXT, Schema, members
from couchreg.package.access import PERMISSIONS

_RIGHT: Schema = {"enum": [*PERMISSIONS]}
_GRANTS: Schema = {"type": "object", "additionalProperties": _RIGHT}
_NAMES: Schema = {"type": "array", "items": TEXT}
_GROUP = members("name owners members", name=TEXT, owners=_NAMES, members=_NAMES)
_PUBLISHER = members(
    "id issuer claims owner created",
    id=TEXT,
    issuer=TEXT,
    claims={"type": "object", "additionalProperties": TEXT},
    owner=TEXT,
    created=TEXT,
)

PEOPLE_PATHS: Final[Mapping[str, Schema]] = {
    "who": {"type": "string", "minLength": 1, "maxLength": 214},
    "group": {"type": "string", "minLength": 1, "maxLength": 150},
}
PEOPLE: Final[Mapping[str, Schema]] = {
    "Owners": {"type": "array", "items": members("name", name=TEXT, email=TEXT)},
    "Changed": members("ok owners", ok={"const": True}, owners=_NAMES),
    "Accessible": members("packages", packages=_GRANTS),
    "Visibility": members("public", public={"type": "boolean"}),
    "Collaborators": _GRANTS,
    "Rights": members(
        "ok access owners collaborators",
        ok={"const": True},
        access={"enum": ["public", "restricted"]},
        owners=_NAMES,
        collaborators=_GRANTS,
    ),
    "Audience": members("audience issuers", audience=TEXT, issuers=_NAMES),
    "Exchanged": members("token packages expires", token=TEXT, packages=_NAMES, expires=TEXT),
    "Publisher": _PUBLISHER,
    "Publishers": members("publishers", publishers={"type": "array", "items": _PUBLISHER}),
    "Group": _GROUP,
    "Groups": members("groups", groups={"type": "array", "items": _GROUP}),
}
