"""What a child may use, held by the kernel."""

import math
import os
import resource
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any


def limit(limits: Mapping[str, Any]) -> None:
    """Bounds for the life of this process; the members are those of `kinds.Limits`."""
    os.nice(limits["nice"])
    if limits["idle"]:
        _give_way()
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # an error of the write, not the end
    for which, value in (
        (resource.RLIMIT_AS, limits["memory"]),
        (resource.RLIMIT_FSIZE, limits["file_size"]),
        (resource.RLIMIT_NOFILE, limits["files"]),
        (resource.RLIMIT_CPU, math.ceil(max(limits["cpu_seconds"], limits["cpu_of_child"])) + 1),
        (resource.RLIMIT_CORE, 0),
    ):
        most = resource.getrlimit(which)[1]
        value = value if most == resource.RLIM_INFINITY else min(value, most)
        resource.setrlimit(which, (value, value))


def _give_way() -> None:
    """Run when nothing else wants to, where the machine knows of such a rank; else last of all. A child
    cannot leave it again: that takes rights which it has not got. Disks have no such rank for it: what the
    server writes may wait for a block that a child has begun to write.

    Source: sched(7), SCHED_IDLE.
    """
    os.nice(19)
    if sys.platform == "linux":
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def begin(cpu_seconds: float) -> None:
    """A job begins: from now on so much CPU time, user and system; then SIGPROF ends the process."""
    signal.setitimer(signal.ITIMER_PROF, max(cpu_seconds, 0.001))  # 0 would be no limit


def end() -> None:
    """A job has ended: waiting for the next one counts for none."""
    signal.setitimer(signal.ITIMER_PROF, 0)
