"""What functions of design documents throw, as the errors of this project."""

from typing import Any

from couchreg import errors

_KINDS: dict[str, type[errors.CouchregError]] = {
    "forbidden": errors.Forbidden,
    "unauthorized": errors.Unauthorized,
    "not_found": errors.NotFound,
    "bad_request": errors.BadRequest,
    "not_acceptable": errors.NotAcceptable,
    "conflict": errors.Conflict,
}


def failure(word: str, reason: Any) -> errors.CouchregError:
    """The error with this word. A reason that is no text is kept as it is, for the answer."""
    kind = _KINDS.get(word, errors.Failure)
    error = kind(reason if isinstance(reason, str) else "", error=word)
    if not isinstance(reason, str):
        error.value = reason
    return error
