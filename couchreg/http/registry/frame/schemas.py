"""The shapes of the door's JSON as JSON Schema, for the OpenAPI description. Data only."""

from collections.abc import Mapping
from typing import Any

from couchreg.http.registry.frame.people_schemas import PEOPLE, PEOPLE_PATHS
from couchreg.http.registry.frame.publishing_schemas import PUBLISHING
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
    **PEOPLE_PATHS,
    "name": {"type": "string", "pattern": f"^{NAME_PATTERN}$", "maxLength": MAX_NAME},
    "version": _VERSION,
    "old": _VERSION,
    "new": _VERSION,
    "tag": {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9._-]*$", "maxLength": 100},
    "path": {"type": "string", "minLength": 1},
    "user": {"type": "string", "minLength": 1, "maxLength": 214},
    "id": {"type": "string", "minLength": 1},
    "number": {"type": "string", "pattern": "^[0-9]+$"},
    "cube": {"type": "string", "minLength": 1},
    "ref": {"type": "string", "minLength": 1},
}

_VERSION_ROW = _object(
    "version published publisher bytes hash files tags deprecated yanked url",
    version=_TEXT,
    published=_maybe(_TEXT),
    publisher=_maybe(_TEXT),
    bytes=_COUNT,
    hash=_maybe(_TEXT),
    files=_COUNT,
    tags=_list(_TEXT),
    deprecated=_maybe(_TEXT),
    yanked=_maybe(_TEXT),
    url=_URL,
)

_TOKEN = _object(
    "id scope packages label created expires used",
    id=_TEXT,
    scope=_TEXT,
    packages=_list(_TEXT),
    label=_TEXT,
    created=_TEXT,
    expires=_maybe(_TEXT),
    used=_maybe(_TEXT),
)

_SPLIT = _object("dataset config split", dataset=_TEXT, config=_TEXT, split=_TEXT)
_FEATURES = _list(_object("feature_idx name type", feature_idx=_COUNT, name=_TEXT, type={"type": "object"}))
_ROWS = _list(
    _object(
        "row_idx row truncated_cells", row_idx=_COUNT, row={"type": "object"}, truncated_cells=_list(_TEXT)
    )
)
_FLAG: Schema = {"type": "boolean"}
_STATUS: Schema = {"enum": ["ok", "warning", "failing"]}
_UNREADY = {"pending": _list(_SPLIT), "failed": _list(_SPLIT)}

# Of tables, in the words of Hugging Face's dataset viewer.
_VIEWER: Mapping[str, Schema] = {
    "Validity": _object(
        "preview viewer search filter statistics",
        **dict.fromkeys(("preview", "viewer", "search", "filter", "statistics"), _FLAG),
    ),
    "Splits": _object("splits pending failed", splits=_list(_SPLIT), **_UNREADY),
    "Info": _object("dataset_info partial", dataset_info={"type": "object"}, partial=_FLAG, **_UNREADY),
    "Sizes": _object("size pending failed partial", size={"type": "object"}, partial=_FLAG, **_UNREADY),
    "ParquetFiles": _object(
        "parquet_files pending failed partial",
        parquet_files=_list(
            _object(
                "dataset config split url filename size",
                dataset=_TEXT,
                config=_TEXT,
                split=_TEXT,
                url=_URL,
                filename=_TEXT,
                size=_COUNT,
            )
        ),
        features={"type": "object"},
        partial=_FLAG,
        **_UNREADY,
    ),
    "FirstRows": _object(
        "dataset config split features rows truncated",
        dataset=_TEXT,
        config=_TEXT,
        split=_TEXT,
        features=_FEATURES,
        rows=_ROWS,
        truncated=_FLAG,
    ),
    "Rows": _object(
        "features rows num_rows_total num_rows_per_page partial",
        features=_FEATURES,
        rows=_ROWS,
        num_rows_total=_COUNT,
        num_rows_per_page=_COUNT,
        partial=_FLAG,
    ),
    "Statistics": _object(
        "num_examples statistics partial",
        num_examples=_COUNT,
        statistics=_list(
            _object(
                "column_name column_type column_statistics",
                column_name=_TEXT,
                column_type={"enum": ["int", "float", "bool", "string_label", "string_text", "datetime"]},
                column_statistics={"type": "object"},
            )
        ),
        partial=_FLAG,
    ),
}

# Of cubes, in the words of babbage.
_CUBES: Mapping[str, Schema] = {
    "Cubes": _object("status", status={"const": "ok"}),
    "Cells": _object(
        "status cell order page page_size",
        status={"const": "ok"},
        cell=_list(_object("ref operator value", ref=_TEXT, operator=_TEXT, value=_list({}))),
        order=_list(_list(_TEXT)),
        page=_COUNT,
        page_size=_COUNT,
        data=_list({"type": "object"}),
        cells=_list({"type": "object"}),
        summary={"type": "object"},
    ),
}

SCHEMAS: Mapping[str, Schema] = {
    **_CUBES,
    **_VIEWER,
    **PEOPLE,
    "Error": _object("error reason", error=_TEXT, reason=_TEXT),
    "Welcome": _object("couchreg version links", couchreg=_TEXT, version=_TEXT, links={"type": "object"}),
    "Descriptor": _object("resources", name=_TEXT, version=_TEXT, resources=_list({"type": "object"})),
    "Packages": _object(
        "packages next",
        packages=_list(
            _object(
                "name latest versions title published deprecated yanked url",
                name=_TEXT,
                latest=_TEXT,
                versions=_list(_TEXT),
                title=_maybe(_TEXT),
                published=_maybe(_TEXT),
                deprecated=_maybe(_TEXT),
                yanked=_maybe(_TEXT),
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
    "NpmHits": _object("objects total time", objects=_list({"type": "object"}), total=_COUNT, time=_TEXT),
    "Found": _object("total hits", total=_COUNT, hits=_list({"type": "object"})),
    "Followers": _object(
        "followers",
        followers=_list(
            _object("name state seq update_seq", name=_TEXT, state=_TEXT, seq=_COUNT, update_seq=_COUNT)
        ),
    ),
    "Live": _object("status", status={"const": "ok"}),
    "Health": _object(
        "status parts",
        status=_STATUS,
        parts=_list(_object("name status", name=_TEXT, status=_STATUS, reason=_maybe(_TEXT))),
    ),
    "Metrics": _TEXT,
    "Replicas": _object(
        "replicas",
        replicas=_list(
            _object(
                "source packages state lag current written set_aside",
                source=_TEXT,
                packages=_list(_TEXT),
                state={"enum": ["current", "catching up", "unreachable"]},
                lag=_object(
                    "seconds documents", seconds=_maybe({"type": "number"}), documents=_maybe(_COUNT)
                ),
                current=_maybe(_TEXT),
                written=_COUNT,
                set_aside=_COUNT,
            )
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
        skipped=_list(_TEXT),
        unchecked=_list({"type": "object"}),
        report={"type": ["object", "null"]},
    ),
    **PUBLISHING,
    "Deleted": _object(
        "ok name versions", ok={"const": True}, name=_TEXT, versions=_list(_TEXT), until=_TEXT
    ),
    "Registered": _object("ok id rev name", ok={"const": True}, id=_TEXT, rev=_TEXT, name=_TEXT),
    "Whoami": _object(
        "name username roles packages",
        name=_TEXT,
        username=_TEXT,
        roles=_list(_TEXT),
        packages=_list(_TEXT),
        token={"type": "object"},
        space=_object("used limit", used=_COUNT, limit=_COUNT),
    ),
    "Account": _object("name email packages", name=_TEXT, email=_maybe(_TEXT), packages=_list(_TEXT)),
    "Accounts": _object(
        "users next",
        users=_list(
            _object(
                "name email roles disabled",
                name=_TEXT,
                email=_maybe(_TEXT),
                roles=_list(_TEXT),
                disabled=_FLAG,
            )
        ),
        next=_maybe(_TEXT),
    ),
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
                seconds_left=_COUNT,
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
    303: "It is done, or a login is needed: the page to go on at is at another address",
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
