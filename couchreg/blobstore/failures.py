"""What the operating system refuses, said in the words of `errors.py` and without paths."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from couchreg.errors import Unavailable


@contextmanager
def os_errors_as_unavailable() -> Iterator[None]:
    """Turn an OSError (disk full, permission, I/O error) into Unavailable."""
    try:
        yield
    except OSError as error:
        # The number and its text only: a file name must not reach a client.
        word = os.strerror(error.errno) if error.errno else type(error).__name__
        raise Unavailable(f"The blob store does not answer: {word}", retry_after=10) from error
