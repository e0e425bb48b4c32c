"""Which HTTP status each error has: one table for the doors, read backwards by the remote client.

Owns the pairing of `errors.py` with CouchDB's numbers, and nothing about requests or headers.
"""

from couchreg import errors

STATUS: dict[type[errors.CouchregError], int] = {
    errors.BadRequest: 400,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.NotAcceptable: 406,
    errors.Conflict: 409,
    errors.FileExists: 412,
    errors.MissingStub: 412,
    errors.DigestMismatch: 400,
    errors.TooLarge: 413,
    errors.BadContentType: 415,
    errors.RangeNotSatisfiable: 416,
    errors.TooManyRequests: 429,
    errors.NotImplementedHere: 501,
    errors.Unavailable: 503,
    errors.InvalidPackage: 422,
    errors.Failure: 500,
    errors.CouchregError: 500,
}

# Words whose status is not that of their class: CouchDB answers a few things in a way of its own.
WORDS: dict[str, int] = {
    "method_not_allowed": 405,
    "gone": 410,
    "expectation_failed": 417,
    "precondition_failed": 412,
    "too_long": 414,
    "service unavailable": 503,
}


def status_of(error: errors.CouchregError) -> int:
    """The status CouchDB gives this error."""
    by_word = WORDS.get(error.error)
    if by_word is not None:
        return by_word
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
