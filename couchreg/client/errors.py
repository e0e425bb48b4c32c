"""What can go wrong for a client, and the exit status a command ends with.

| status | class | meaning |
|---|---|---|
| 1 | ClientError | the registry answered something unexpected |
| 2 | UsageError | the command or its settings are wrong (click's own status, too) |
| 3 | Missing | no such package, version or file |
| 4 | NotAllowed | log in, or you may not |
| 5 | AlreadyPublished | this version exists with other content |
| 6 | Invalid | the package has errors; `problems` lists them |
| 7 | Unreachable | no answer, or "later" |
| 8 | Damaged | received bytes are not those that were published |
"""

from collections.abc import Mapping, Sequence
from typing import Any

from couchreg.errors import CouchregError


class ClientError(CouchregError):
    """`reason` says what happened and what to do next."""

    error = "unexpected_answer"
    exit_status = 1


def not_a_registry(url: object, why: str = "is the address right?") -> ClientError:
    """For answers that no registry gives; `why` ends the sentence, without a full stop where it asks."""
    return ClientError(f"The server at {url} is not a couchreg registry: {why}")


class UsageError(ClientError):
    error = "usage"
    exit_status = 2


class Missing(ClientError):
    error = "not_found"
    exit_status = 3


class NotAllowed(ClientError):
    error = "unauthorized"
    exit_status = 4


class AlreadyPublished(ClientError):
    error = "conflict"
    exit_status = 5


class Invalid(ClientError):
    """`report` has the registry's shape, see `package/report.py`; empty when the folder itself is wrong."""

    error = "invalid_package"
    exit_status = 6

    def __init__(self, reason: str, report: Mapping[str, Any] | None = None) -> None:
        super().__init__(reason)
        self.report = dict(report or {})

    @property
    def problems(self) -> Sequence[Mapping[str, Any]]:
        found = self.report.get("problems", [])
        return found if isinstance(found, list) else []


class Unreachable(ClientError):
    error = "unreachable"
    exit_status = 7


class Damaged(ClientError):
    error = "damaged"
    exit_status = 8
