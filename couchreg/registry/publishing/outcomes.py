"""What came of a publish, as it is kept with its record."""

from typing import Any

from couchreg.errors import CouchregError, InvalidPackage
from couchreg.registry.publishing.publish import Published
from couchreg.registry.publishing.records import PublishState, Record


def outcome_of(record: Record) -> Published:
    """What came of a publish that is over. Raises what stood in its way."""
    found = record.outcome or {}
    if record.state is PublishState.PUBLISHED:
        return Published(record.name, record.version, found["rev"], found["created"], found["report"])
    if record.state is PublishState.REFUSED:
        raise InvalidPackage(found["reason"], found["report"])
    raise CouchregError(found["reason"], error=found["error"])


def failure_of(error: Exception) -> dict[str, Any]:
    """What is kept of what went wrong."""
    if not isinstance(error, CouchregError):
        return {"error": "internal_server_error", "reason": "The server failed; its log says why."}
    kept: dict[str, Any] = {"error": error.error, "reason": error.reason}
    if isinstance(error, InvalidPackage):
        kept["report"] = dict(error.report)
    return kept
