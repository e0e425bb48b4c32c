"""Failures of disks and files as lines of the log: one sentence each, and the same one seldom.

What nobody foresaw has its traceback, for whoever mends the program. A damaged file is no mistake of the
program, and may be met a thousand times a second.
"""

import logging
import time
from collections import OrderedDict
from typing import Final

from couchreg import os_errors
from couchreg.errors import CouchregError, StorageFailure, Unavailable

AGAIN: Final = 60.0  # seconds before the same is said again
_MOST: Final = 256  # sentences that are remembered
_DAMAGED: Final = "file_corrupt"
_DOCTOR: Final = "couchreg doctor says what to do."

_said: OrderedDict[tuple[str, str], float] = OrderedDict()


def tell(log: logging.Logger, what: str, error: Exception) -> None:
    """Say that `what` failed ("The sweep"), as an error."""
    what, reason = _in_a_line(what), reason_of(error)
    if reason is None:
        log.error("%s failed", what, exc_info=error)
    elif _is_new(log.name, f"{what}: {reason}"):
        log.error("%s failed: %s", what, _in_a_line(reason))


def tell_of_files(log: logging.Logger, error: CouchregError) -> None:
    """Say which file it is that a store could not use for a request: the client has only heard that it could
    not. What was asked for is left out, which strangers choose."""
    if isinstance(error, Unavailable) and isinstance(error.__cause__, OSError):
        tell(log, "A request", error)


def reason_of(error: Exception) -> str | None:
    """A sentence for whoever runs the server; None for what nobody foresaw."""
    if isinstance(error, Unavailable | StorageFailure) and isinstance(error.__cause__, OSError):
        return os_errors.sentence(error.__cause__) or error.reason  # names the file, as clients are not told
    if isinstance(error, CouchregError):
        return f"{error.reason} {_DOCTOR}" if error.error == _DAMAGED else error.reason
    return os_errors.sentence(error) if isinstance(error, OSError) else None


def _in_a_line(text: str) -> str:
    """Addresses, which strangers choose, have no line breaks."""
    return "".join([char if char.isprintable() else "?" for char in text])


def _is_new(name: str, text: str) -> bool:
    now = time.monotonic()
    before = _said.get((name, text))
    if before is not None and now - before < AGAIN:
        return False
    _said[name, text] = now
    _said.move_to_end((name, text))
    if len(_said) > _MOST:
        _said.popitem(last=False)
    return True
