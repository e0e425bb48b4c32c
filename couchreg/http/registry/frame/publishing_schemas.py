"""The shapes of answers about publishes that take several requests."""

from collections.abc import Mapping
from typing import Final

from couchreg.http.registry.frame.describing import TEXT, Schema, members

_COUNT: Schema = {"type": "integer", "minimum": 0}
_URL: Schema = {"type": "string", "format": "uri"}
_TEXTS: Schema = {"type": "array", "items": TEXT}
_PUBLISHING = members(
    "id name version state url",
    ok={"const": True},
    id=TEXT,
    name=TEXT,
    version=TEXT,
    state={"enum": ["open", "checking", "published", "refused", "failed"]},
    url=_URL,
    expires=TEXT,
    missing=_TEXTS,
    partial={"type": "object"},
    progress={"type": "object"},
    published={"type": "object"},
    error=TEXT,
    reason=TEXT,
    report={"type": "object"},
    left_out=_TEXTS,
)
_PART = members("start end url", start=_COUNT, end=_COUNT, url=_URL)

PUBLISHING: Final[Mapping[str, Schema]] = {
    "Publishing": _PUBLISHING,
    "AllPublishing": members("publishing", publishing={"type": "array", "items": _PUBLISHING}),
    "Arrived": members("ok bytes", ok={"const": True}, bytes=_COUNT),
    "AwaitedParts": members(
        "sent read whole parts",
        sent=_COUNT,
        read=_COUNT,
        whole={"type": "boolean"},
        parts={"type": "array", "items": _PART},
    ),
}
