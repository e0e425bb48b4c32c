"""Looking at processes."""

import time
from pathlib import Path


def gone(process: int) -> bool:
    """Whether there is no such process, or only what its parent has not yet asked for."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return status.rpartition(")")[2].split()[0] in ("Z", "X")


def is_gone_within(process: int, seconds: float) -> bool:
    """Wait for its end, and so long at most."""
    until = time.monotonic() + seconds
    while not gone(process):
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True
