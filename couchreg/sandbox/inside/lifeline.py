"""A child ends when its parent does, however the parent ended.

Two ways, either of which is enough: Linux kills the child when its parent dies; and a pipe whose other end
the server holds sends a signal when that end closes, whose default action is the end of the process. Both are
the kernel's, so they work while the child computes in C code and never comes back to Python.
"""

import ctypes
import fcntl
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def end_with(parent: int) -> None:
    """Die with the process `parent`, which has to be the one that started us. Call it again after a fork.

    Source: prctl(2), PR_SET_PDEATHSIG.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:
        os._exit(0)  # it died before we could ask for the signal


def end_with_pipe(reader: int) -> None:
    """Die when the last write end of the pipe closes. The reader must not be shared with another process,
    since its owner is one.

    Source: fcntl(2), O_ASYNC, F_SETOWN; the default action of SIGIO is the end, see signal(7).
    """
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(reader, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(reader, fcntl.F_SETFL, fcntl.fcntl(reader, fcntl.F_GETFL) | os.O_ASYNC | os.O_NONBLOCK)
    try:
        closed = os.read(reader, 1) == b""
    except BlockingIOError:
        closed = False
    if closed:  # before the signal was asked for
        os._exit(0)
