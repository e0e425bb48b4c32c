"""How a job ended that has no answer."""

import errno
import signal
from enum import StrEnum

from couchreg.errors import CouchregError

OUT_OF_MEMORY, TOO_LONG, OUT_OF_DISK = 99, 98, 97  # exit statuses of a child
OF_THE_MACHINE = {  # what the system lacks: the exit status of a job that fails of it
    errno.ENOMEM: OUT_OF_MEMORY,
    errno.ENOSPC: OUT_OF_DISK,
    errno.EDQUOT: OUT_OF_DISK,
}


class Cause(StrEnum):
    """Why a job was stopped."""

    TIME = "time"
    CPU = "CPU time"
    MEMORY = "memory"
    DISK = "a full disk"
    LENGTH = "length of a message"
    FAILED = "failure"  # an exception in the job's module, or a crash; the log has the trace


class Stopped(CouchregError):
    """A job has no answer; `cause` says why. Users of this room make their own answer of it."""

    error = "job_stopped"

    def __init__(self, cause: Cause, kind: str, detail: str = "") -> None:
        self.cause, self.detail = cause, detail
        super().__init__(f"One of the {kind} was stopped: {cause}{f' ({detail})' if detail else ''}.")

    @property
    def is_kill(self) -> bool:
        """Whether somebody else killed it: the kernel, when the machine is out of memory, or an operator."""
        return self.detail == signal.SIGKILL.name


_BY_SIGNAL = {
    signal.SIGPROF: Cause.CPU,
    signal.SIGXCPU: Cause.CPU,
    signal.SIGKILL: Cause.MEMORY,  # not ours: the kernel's, when the machine is out of memory
}


def cause_of(status: int) -> tuple[Cause, str]:
    """Cause and detail for a child's exit status, which is negative for a signal."""
    if status == OUT_OF_MEMORY:
        return Cause.MEMORY, ""
    if status == OUT_OF_DISK:
        return Cause.DISK, ""
    if status == TOO_LONG:
        return Cause.LENGTH, ""
    if status >= 0:
        return Cause.FAILED, f"exit status {status}"
    number = signal.Signals(-status)
    return _BY_SIGNAL.get(number, Cause.FAILED), number.name
