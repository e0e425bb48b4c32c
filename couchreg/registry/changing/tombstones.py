"""What is remembered of a deleted version: enough to know its content again, and no content. Pure.

The document of a deleted version keeps one member, `couchreg`, in which `hashes` (path -> `sha256:…`) and
`descriptor` (the same of the descriptor) say what `name@version` was, once and for all.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from couchreg.model import json
from couchreg.package.descriptor import OWN
from couchreg.package.paths import DESCRIPTOR
from couchreg.package.recording import RECORDED, filled_in, recorded_of
from couchreg.registry.reading.catalog import Version


def ordered(value: Any) -> bytes:
    """A JSON value with its members in order of their names, as text: equal texts, equal values."""
    return json.encode(_sorted(value))


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def tombstone(version: Version, *, at: str, by: str | None) -> dict[str, Any]:
    """The members of the document once the version is deleted."""
    kept = {key: version.own[key] for key in ("publisher", "published", RECORDED) if key in version.own}
    hashes = {path: f"sha256:{file.sha256}" for path, file in version.files.items() if path != DESCRIPTOR}
    digest = _digest(version.descriptor)
    return {OWN: {**kept, "hashes": hashes, "descriptor": digest, "unpublished": at, "unpublisher": by}}


def may_return(deleted: Mapping[str, Any], descriptor: Mapping[str, Any], files: Mapping[str, str]) -> bool:
    """Whether this content may take the place of a deleted version, `files` being path -> SHA-256 hex.

    A version that was deleted without a tombstone (by an admin at the database itself) is not remembered.
    """
    own = deleted.get(OWN)
    if not isinstance(own, dict) or "hashes" not in own or "descriptor" not in own:
        return True
    sent = {path: f"sha256:{sha256}" for path, sha256 in files.items() if path != DESCRIPTOR}
    there = filled_in(descriptor, recorded_of(own))
    return bool(own["hashes"] == sent and own["descriptor"] == _digest(there))


def _digest(descriptor: Mapping[str, Any]) -> str:
    return f"sha256:{hashlib.sha256(ordered(dict(descriptor))).hexdigest()}"
