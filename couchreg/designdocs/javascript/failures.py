"""What functions of design documents throw, as the errors of this project."""

from typing import Any, Final

from couchreg import errors
from couchreg.model import json

BROKEN: Final = "the functions have broken the world they run in"
_KINDS: dict[str, type[errors.CouchregError]] = {
    "forbidden": errors.Forbidden,
    "unauthorized": errors.Unauthorized,
    "not_found": errors.NotFound,
    "bad_request": errors.BadRequest,
    "not_acceptable": errors.NotAcceptable,
    "conflict": errors.Conflict,
}


def said(data: bytes) -> dict[str, Any]:
    """What a context said, whose functions may have changed how it says things: an object in which `error` is
    a pair that begins with a word. Raises Failure for anything else."""
    found = json.decode(data)
    error = found.get("error", ("", None)) if isinstance(found, dict) else None
    if not isinstance(error, list | tuple) or len(error) != 2 or not isinstance(error[0], str):
        raise broken()
    if not isinstance(found.get("logs", []), list):
        raise broken()
    return dict(found)


def broken() -> errors.Failure:
    return errors.Failure(BROKEN, error="unknown_error")


def said_rows(data: bytes) -> dict[str, Any]:
    """As `said`, of a command whose `ok` is rows of an index: they stay text. `quick`: see `worker.py`."""
    try:
        found = json.parts(data)
    except errors.BadRequest:
        return said(data)
    if "ok" not in found:
        return said(data)
    logs = json.decode(found["logs"]) if "logs" in found else []
    if not isinstance(logs, list):
        raise broken()
    return {"ok": found["ok"], "logs": logs, "quick": "quick" in found}


def failure(word: str, reason: Any) -> errors.CouchregError:
    """The error with this word. A reason that is no text is kept as it is, for the answer."""
    kind = _KINDS.get(word, errors.Failure)
    error = kind(reason if isinstance(reason, str) else "", error=word)
    if not isinstance(reason, str):
        error.value = reason
    return error
