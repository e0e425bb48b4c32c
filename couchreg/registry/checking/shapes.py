"""What type each member has to be of, where frictionless takes it for granted. Data only.

Source: https://datapackage.org/standard/table-dialect/ and /table-schema/.
"""

from typing import Any

_TEXT: dict[str, Any] = {"type": "string"}
_TEXTS: dict[str, Any] = {"type": "array", "items": _TEXT}
_NAMES: dict[str, Any] = {"type": ["string", "array"], "items": _TEXT}
_ROWS: dict[str, Any] = {"type": "array", "items": {"type": "integer", "minimum": 1}}
_MISSING: dict[str, Any] = {"type": "array", "items": {"type": ["string", "object"]}}
_OBJECT: dict[str, Any] = {"type": "object"}


def _shape(**members: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": members}


DIALECT = _shape(
    headerRows={**_ROWS, "minItems": 1},
    commentRows=_ROWS,
    commentChar=_TEXT,
    headerJoin=_TEXT,
    header={"type": "boolean"},
    csv=_OBJECT,
    excel=_OBJECT,
    json=_OBJECT,
    sql=_OBJECT,
)
FIELD = _shape(
    name=_TEXT,
    type=_TEXT,
    format=_TEXT,
    constraints=_OBJECT,
    missingValues=_MISSING,
    trueValues=_TEXTS,
    falseValues=_TEXTS,
    groupChar=_TEXT,
    decimalChar=_TEXT,
    bareNumber={"type": "boolean"},
)
SCHEMA = _shape(
    primaryKey=_NAMES,
    missingValues=_MISSING,
    fieldsMatch=_TEXT,
    foreignKeys={
        "type": "array",
        "items": {
            **_shape(
                fields=_NAMES, reference={**_shape(resource=_TEXT, fields=_NAMES), "required": ["fields"]}
            ),
            "required": ["fields", "reference"],
        },
    },
)
RESOURCE = _shape(
    name=_TEXT,
    type=_TEXT,
    format=_TEXT,
    mediatype=_TEXT,
    encoding=_TEXT,
    compression=_TEXT,
    scheme=_TEXT,
    innerpath=_TEXT,
    profile=_TEXT,
)
