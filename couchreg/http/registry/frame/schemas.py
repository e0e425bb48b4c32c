"""The shapes of the door's JSON as JSON Schema, for the OpenAPI description. Data only."""

from collections.abc import Mapping
from typing import Any

from couchreg.package.names import MAX_NAME, NAME_PATTERN, VERSION_PATTERN

Schema = Mapping[str, Any]

_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_URL: Schema = {"type": "string", "format": "uri"}


def _object(required: str, **members: Schema) -> Schema:
    return {"type": "object", "required": required.split(), "properties": members}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _maybe(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


_VERSION: Schema = {"type": "string", "pattern": f"^{VERSION_PATTERN}$", "maxLength": MAX_NAME}

PATHS: Mapping[str, Schema] = {
    "name": {"type": "string", "pattern": f"^{NAME_PATTERN}$", "maxLength": MAX_NAME},
    "version": _VERSION,
    "old": _VERSION,
    "new": _VERSION,
    "tag": {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9._-]*$", "maxLength": 100},
    "path": {"type": "string", "minLength": 1},
    "user": {"type": "string", "minLength": 1, "maxLength": 214},
    "id": {"type": "string", "minLength": 1},
    "number": {"type": "string", "pattern": "^[0-9]+$"},
}

_VERSION_ROW = _object(
    "version published publisher bytes hash files tags deprecated url",
    version=_TEXT,
    published=_maybe(_TEXT),
    publisher=_maybe(_TEXT),
    bytes=_COUNT,
    hash=_maybe(_TEXT),
    files=_COUNT,
    tags=_list(_TEXT),
    deprecated=_maybe(_TEXT),
    url=_URL,
)

_PUBLISHING = _object(
    "id name version state url",
    ok={"const": True},
    id=_TEXT,
    name=_TEXT,
    version=_TEXT,
    state={"enum": ["open", "checking", "published", "refused", "failed"]},
    url=_URL,
    expires=_TEXT,
    missing=_list(_TEXT),
    partial={"type": "object"},
    progress={"type": "object"},
    published={"type": "object"},
    error=_TEXT,
    reason=_TEXT,
    report={"type": "object"},
    left_out=_list(_TEXT),
)

_TOKEN = _object(
    "id scope packages label created expires",
    id=_TEXT,
    scope=_TEXT,
    packages=_list(_TEXT),
    label=_TEXT,
    created=_TEXT,
    expires=_maybe(_TEXT),
)

SCHEMAS: Mapping[str, Schema] = {
    "Error": _object("error reason", error=_TEXT, reason=_TEXT),
    "Welcome": _object("couchreg version links", couchreg=_TEXT, version=_TEXT, links={"type": "object"}),
    "Descriptor": _object("resources", name=_TEXT, version=_TEXT, resources=_list({"type": "object"})),
    "Packages": _object(
        "packages next",
        packages=_list(
            _object(
                "name latest versions title published deprecated url",
                name=_TEXT,
                latest=_TEXT,
                versions=_list(_TEXT),
                title=_maybe(_TEXT),
                published=_maybe(_TEXT),
                deprecated=_maybe(_TEXT),
                url=_URL,
            )
        ),
        next=_maybe(_URL),
    ),
    "Versions": _object("name latest versions", name=_TEXT, latest=_TEXT, versions=_list(_VERSION_ROW)),
    "Tags": {"type": "object", "additionalProperties": _TEXT},
    "Deprecations": {"type": "object", "additionalProperties": _TEXT},
    "Dependents": _object(
        "name total dependents",
        name=_TEXT,
        total=_COUNT,
        dependents=_list(_object("name version title url", name=_TEXT, version=_TEXT, title=_TEXT, url=_URL)),
    ),
    "Dependencies": _object(
        "name version dependencies complete",
        name=_TEXT,
        version=_TEXT,
        complete={"type": "boolean"},
        dependencies=_list(
            _object(
                "name range version url by",
                name=_TEXT,
                range=_TEXT,
                version=_maybe(_TEXT),
                url=_maybe(_URL),
                by=_TEXT,
            )
        ),
    ),
    "Downloads": _object(
        "name from to total versions",
        **{"name": _TEXT, "from": _TEXT, "to": _TEXT, "total": _COUNT},
        versions=_list(
            _object(
                "version total days",
                version=_TEXT,
                total=_COUNT,
                days=_list(_object("day downloads", day=_TEXT, downloads=_COUNT)),
            )
        ),
    ),
    "Difference": _object(
        "name old new descriptor resources",
        name=_TEXT,
        old=_TEXT,
        new=_TEXT,
        descriptor={"type": "object"},
        resources={"type": "object"},
    ),
    "Report": _object(
        "valid errors problems",
        valid={"type": "boolean"},
        errors=_COUNT,
        problems=_list({"type": "object"}),
        skipped=_list(_TEXT),
        unchecked=_list({"type": "object"}),
        recorded=_list({"type": "object"}),
    ),
    "Hits": {"type": "object"},  # or a list in JSON-LD
    "Found": _object("total hits", total=_COUNT, hits=_list({"type": "object"})),
    "Followers": _object(
        "followers",
        followers=_list(
            _object("name state seq update_seq", name=_TEXT, state=_TEXT, seq=_COUNT, update_seq=_COUNT)
        ),
    ),
    "Published": _object(
        "ok id name version url",
        ok={"const": True},
        id=_TEXT,
        rev=_TEXT,
        name=_TEXT,
        version=_TEXT,
        url=_URL,
        dry_run={"const": True},
        left_out=_list(_TEXT),
        unchecked=_list({"type": "object"}),
        report={"type": ["object", "null"]},
    ),
    "Publishing": _PUBLISHING,
    "AllPublishing": _object("publishing", publishing=_list(_PUBLISHING)),
    "Arrived": _object("ok bytes", ok={"const": True}, bytes=_COUNT),
    "Deleted": _object("ok name versions", ok={"const": True}, name=_TEXT, versions=_list(_TEXT)),
    "Registered": _object("ok id rev name", ok={"const": True}, id=_TEXT, rev=_TEXT, name=_TEXT),
    "Whoami": _object(
        "name username roles packages",
        name=_TEXT,
        username=_TEXT,
        roles=_list(_TEXT),
        packages=_list(_TEXT),
        token={"type": "object"},
    ),
    "Account": _object("name email packages", name=_TEXT, email=_maybe(_TEXT), packages=_list(_TEXT)),
    "Owners": _list(_object("name", name=_TEXT, email=_TEXT)),
    "Changed": _object("ok owners", ok={"const": True}, owners=_list(_TEXT)),
    "Tokens": _object("tokens", tokens=_list(_TOKEN)),
    "NewToken": {"allOf": [_TOKEN, _object("token", token=_TEXT)]},
    "Authorized": _object(
        "upload expires filedata", upload=_TEXT, expires=_TEXT, filedata={"type": "object"}
    ),
    "Done": _object("ok", ok={"const": True}),
    "OpenAPI": _object(
        "openapi info paths", openapi=_TEXT, info={"type": "object"}, paths={"type": "object"}
    ),
    "Answered": {
        "anyOf": [
            _object(
                "ok columns rows truncated next",
                ok={"const": True},
                columns=_list(_object("name type", name=_TEXT, type=_TEXT)),
                rows=_list({"type": ["object", "array"]}),
                truncated={"type": "boolean"},
                next=_maybe(_TEXT),
            ),
            _list({"type": "object"}),
        ]
    },
    "TableFiles": _object(
        "name version tables",
        name=_TEXT,
        version=_TEXT,
        tables=_list(
            _object(
                "resource state source_bytes",
                resource=_TEXT,
                state={"enum": ["pending", "ready", "failed"]},
                source_bytes=_COUNT,
                url=_URL,
                bytes=_COUNT,
                hash=_TEXT,
                source=_TEXT,
                rows=_COUNT,
                columns=_list(_object("name type arrow", name=_TEXT, type=_TEXT, arrow=_TEXT)),
                seconds_left=_maybe(_COUNT),
                reason=_TEXT,
                row=_maybe(_COUNT),
                field=_maybe(_TEXT),
            )
        ),
    ),
    "Data": {},
}

REASONS: Mapping[int, str] = {
    200: "Success",
    201: "Made",
    202: "Accepted: its check goes on, and its address tells how far it is",
    204: "Success, with nothing to return",
    206: "The range of bytes that was asked for",
    302: "It is at another address",
    304: "Nothing has changed since the client asked last",
    400: "The request cannot be understood",
    401: "Not logged in, or the name or the password is wrong",
    403: "The user is not allowed to do this, or is locked out for a while",
    404: "Not found",
    406: "Not available in any media type that the client accepts",
    409: "A conflict with what is stored",
    412: "A condition of the request does not hold",
    413: "A limit is exceeded",
    415: "The media type of the body is not supported",
    416: "The range is beyond the file",
    422: "The package fails its checks",
    429: "Too many requests",
    501: "Not supported yet",
    503: "The server is busy: try again",
}
