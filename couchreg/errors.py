"""What can go wrong, as exceptions; no room raises anything else for a foreseen failure.

The tree (each leaf is one of CouchDB's error words; `wire/status.py` gives it a status)::

    CouchregError
    ├── BadRequest                  bad_request: the request cannot be understood
    │   ├── IllegalDocid            illegal_docid
    │   ├── IllegalDatabaseName     illegal_database_name
    │   ├── DocValidation           doc_validation: a member with "_" that no document may have
    │   └── QueryParseError         query_parse_error
    │       └── ReversedRange       the same word: a range that ends before it begins
    ├── Unauthorized                unauthorized: who are you?
    ├── Forbidden                   forbidden: we know who you are, and no
    ├── NotFound                    not_found; the reason says what: missing, deleted, no_db_file …
    │   └── Hidden                  the same word: whether it is there is not told to this user
    ├── NotAcceptable               not_acceptable
    ├── Conflict                    conflict: a document update conflict
    ├── FileExists                  file_exists: the database is already there
    ├── MissingStub                 missing_stub: an attachment stub that refers to nothing
    ├── DigestMismatch              content_md5_mismatch: the bytes are not what was announced
    ├── TooLarge                    too_large, document_too_large, attachment_too_large …: see `error`
    ├── BadContentType              bad_content_type
    ├── RangeNotSatisfiable         requested_range_not_satisfiable
    ├── TooManyRequests             too_many_requests; `retry_after` seconds
    │   └── LockedOut               the same word: too many wrong passwords for this name from this address
    ├── Unavailable                 service_unavailable; `retry_after` seconds
    │   └── Unsure                  the same word: whether a write was done is not known
    ├── NotImplementedHere          not_implemented: part of the API, not built here
    ├── InvalidPackage              invalid_package: a data package that fails its checks; `problems` says how
    └── Failure                     internal errors that carry a word of their own: see `error`
        ├── LostBytes               file_corrupt: the file of a document is gone or damaged
        ├── LostDocument            file_corrupt: a document itself is
        └── StorageFailure          file_error, file_corrupt, insufficient_storage

`reason` is what the client reads. Never put a secret or a path of this machine into one.
"""

import errno
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class CouchregError(Exception):
    """The root. `error` is CouchDB's word, `reason` a sentence or another of CouchDB's words."""

    error: str = "internal_server_error"
    default_reason: ClassVar[str] = ""
    value: Any = None  # what a design document's function threw as its reason, where that is no text

    @property
    def shown(self) -> Any:
        """The reason as clients get it: nearly always a text."""
        return self.reason if self.value is None else self.value

    def __init__(self, reason: str = "", *, error: str = "") -> None:
        self.reason = reason or self.default_reason
        if error:
            self.error = error
        super().__init__(self.reason)


class BadRequest(CouchregError):
    error = "bad_request"


class IllegalDocid(BadRequest):
    error = "illegal_docid"


class IllegalPartition(BadRequest):
    error = "illegal_partition"


class IllegalDatabaseName(BadRequest):
    error = "illegal_database_name"


class DocValidation(BadRequest):
    error = "doc_validation"


class QueryParseError(BadRequest):
    error = "query_parse_error"


class ReversedRange(QueryParseError):
    """The end of a range comes before its start. CouchDB finds out late, and gives a number of its log."""


class BadStatement(BadRequest):
    """A statement that cannot be answered: `line` and `column` count from 1, where there is such a place."""

    error = "bad_statement"

    def __init__(self, reason: str, line: int | None = None, column: int | None = None) -> None:
        self.line, self.column = line, column
        at = "" if line is None else f" (line {line}, column {column})"
        super().__init__(f"{reason.rstrip('.')}{at}.")


class Unauthorized(CouchregError):
    error = "unauthorized"
    default_reason = "You are not authorized to access this db."


class Forbidden(CouchregError):
    error = "forbidden"


class PartitionOverflow(Forbidden):
    """A partition has grown to the size it may have."""

    error = "partition_overflow"


class NotFound(CouchregError):
    error = "not_found"
    default_reason = "missing"


class Hidden(NotFound):
    """What stands for "nobody has written it yet" must let this one pass."""


class NotAcceptable(CouchregError):
    error = "not_acceptable"


class Conflict(CouchregError):
    error = "conflict"
    default_reason = "Document update conflict."


class FileExists(CouchregError):
    error = "file_exists"
    default_reason = "The database could not be created, the file already exists."


class MissingStub(CouchregError):
    error = "missing_stub"


class DigestMismatch(CouchregError):
    error = "content_md5_mismatch"
    default_reason = "Possible message corruption."


class TooLarge(CouchregError):
    error = "too_large"


class BadContentType(CouchregError):
    error = "bad_content_type"


class RangeNotSatisfiable(CouchregError):
    error = "requested_range_not_satisfiable"
    default_reason = "Requested range not satisfiable"


class TooManyRequests(CouchregError):
    error = "too_many_requests"

    def __init__(self, reason: str = "", *, retry_after: int = 1) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class LockedOut(TooManyRequests):
    """Logging in is closed to a name and an address for a while. CouchDB's words; its status is 403."""

    default_reason = "Account is temporarily locked due to multiple authentication failures"


class Unavailable(CouchregError):
    error = "service_unavailable"

    def __init__(self, reason: str = "", *, retry_after: int = 1) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Unsure(Unavailable):
    """A write of which nobody can say whether it is on disk: it may show up after a crash."""


class NotImplementedHere(CouchregError):
    error = "not_implemented"
    default_reason = "couchreg does not support this yet."


class InvalidPackage(CouchregError):
    """A data package that fails its checks; `report` and its `problems` are those of `package/report.py`."""

    error = "invalid_package"

    def __init__(self, reason: str, report: Mapping[str, Any]) -> None:
        super().__init__(reason)
        self.report = report

    @property
    def problems(self) -> Sequence[Mapping[str, Any]]:
        found: Sequence[Mapping[str, Any]] = self.report["problems"]
        return found


class Failure(CouchregError):
    """A failure on our side which CouchDB gives a word of its own (`error`)."""


class LostBytes(Failure):
    """The bytes that a document refers to are gone or damaged. Others can still be read."""

    error = "file_corrupt"
    default_reason = "This file is lost or damaged in the datastore: the server's log says what to do."


class LostDocument(Failure):
    """What is kept of one document cannot be read any more. Others can."""

    error = "file_corrupt"
    default_reason = "A stored document is damaged."


class StorageFailure(Failure):
    """A disk or a file of ours fails: not the fault of what was asked for."""


def damaged(what: str) -> StorageFailure:
    """What to answer where something that is kept cannot be read any more: `The database file x@1a.db`."""
    return StorageFailure(f"{what} is damaged.", error="file_corrupt")


def disk_full() -> StorageFailure:
    """What to answer where the disk takes no more."""
    return StorageFailure("The disk is full.", error="insufficient_storage")


def of_a_file(error: BaseException) -> StorageFailure | None:
    """What to answer where the disk takes no more, or a file cannot be used; None for anything else."""
    if not isinstance(error, OSError):
        return None
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full()
    if error.filename is not None:
        reason = "A file of the server cannot be used: its log says which."
        return StorageFailure(reason, error="file_error")
    return None
