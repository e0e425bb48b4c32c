"""A worker that checks packages, one at a time: `python -m couchreg.registry.checking.worker`.

It imports frictionless once and then forks a child for every job, so that a job costs milliseconds to
start, has limits of its own and leaves nothing behind. One JSON object a line comes in on stdin
(``{folder, scratch, descriptor, seconds, cpu_seconds, memory, file_size}``; `descriptor` is the path of a
file), one goes out on stdout: the report, or ``{"killed": why}`` or ``{"failed": what}``. The kernel
holds the limits: an alarm for the wall clock, RLIMIT_CPU, RLIMIT_AS and RLIMIT_FSIZE.
"""

import errno
import json
import os
import resource
import signal
import sys
import traceback
from typing import Any, BinaryIO

from couchreg.registry.checking import checks

OUT_OF_MEMORY = 99  # exit status of a child
_KILLED = {signal.SIGALRM: "time", signal.SIGXCPU: "cpu time", signal.SIGKILL: "memory or cpu time"}


def main() -> None:
    """Serve jobs until stdin ends. Ready when the first line, ``{"ready": true}``, is out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which closes our stdin
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not be taken for an answer
    checks.warm()
    _send(out, b'{"ready": true}')
    for line in sys.stdin.buffer:
        _send(out, _in_child(json.loads(line)))


def _send(out: BinaryIO, line: bytes) -> None:
    out.write(line + b"\n")
    out.flush()


def _in_child(job: dict[str, Any]) -> bytes:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _child(job, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return answer if status == 0 else json.dumps(_death(status)).encode()


def _death(status: int) -> dict[str, str]:
    if status == OUT_OF_MEMORY:
        return {"killed": "memory"}
    if -status in _KILLED:
        return {"killed": _KILLED[signal.Signals(-status)]}
    return {"failed": f"the check ended with status {status}"}


def _child(job: dict[str, Any], writer: int) -> None:
    status = 1
    try:
        _limit(job)
        answer = json.dumps(_checked(job)).encode()
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(answer)
        status = 0
    except MemoryError:
        status = OUT_OF_MEMORY
    except OSError as error:
        status = OUT_OF_MEMORY if error.errno == errno.ENOMEM else _reported()
    except BaseException:
        status = _reported()
    finally:
        os._exit(status)


def _reported() -> int:
    """The exit status of a failure of the check itself, after its trace is in the server's log."""
    traceback.print_exc()
    return 1


def _checked(job: dict[str, Any]) -> dict[str, Any]:
    with open(job["descriptor"], "rb") as file:
        members = json.load(file)
    checks.enclose(job["scratch"])
    return checks.check(job["folder"], members)


def _limit(job: dict[str, Any]) -> None:
    os.nice(5)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # an error of the write, not the end
    signal.alarm(job["seconds"])
    for which, value in (
        (resource.RLIMIT_CPU, job["cpu_seconds"]),
        (resource.RLIMIT_AS, job["memory"]),
        (resource.RLIMIT_FSIZE, job["file_size"]),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(which, (value, value + 1 if which == resource.RLIMIT_CPU else value))


if __name__ == "__main__":
    main()
