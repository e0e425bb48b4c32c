"""A process that imports what jobs need, once, and forks a child for each that is asked for:
`python -m couchreg.sandbox.inside.fork_server CONTROL PARENT MODULE…`

Imports cost up to a second, a fork milliseconds. PARENT is the process id of the server, CONTROL the
descriptor of a stream socket. On it come lines of JSON::

    {"fork": number, "module": name}      with two descriptors: the child's connection and lifeline
    {"reap": process}                     nobody will send signals to this process id any more

and these go out::

    {"ready": walls}                      imports are done
    {"forked": number, "process": id}
    {"ended": process, "status": number}

The id of a child means that child until "reap": only then is its end asked for.
"""

import fcntl
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import termios
from typing import Any, NoReturn

from couchreg.sandbox.inside import job, lifeline, walls

_LINE = 65536
_DESCRIPTORS = 64  # that may arrive in one go


def main(control: int, parent: int, modules: list[str]) -> None:
    lifeline.end_with(parent)
    os.setpgid(0, 0)  # what is typed at a terminal, Ctrl-C, is for the server
    leave_terminal()
    prepare(modules)
    serve(control, modules)


def leave_terminal() -> None:
    """Have none that one could type at: what a child says may be shown there, and no more. A session of our
    own would have none either, but Linux gives each session its share of the processors (sched_autogroup),
    whatever rank its processes have: no child would give way to the server.
    """
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return  # there is none
    try:
        fcntl.ioctl(terminal, termios.TIOCNOTTY)
    finally:
        os.close(terminal)


def prepare(modules: list[str]) -> None:
    """Import what jobs need. Raises RuntimeError for a module that a fork would not take along whole."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # they are for the server, with which we end
    os.dup2(2, 1)  # whatever a library prints goes to the log
    sys.meta_path.insert(0, _Unused())
    for name in modules:
        module = importlib.import_module(name)
        if hasattr(module, "warm"):
            module.warm()
    _check_threads()
    gc.freeze()  # so that a child's collector does not copy what all share


class _Unused:
    """Finds no pandas where there is one: no job makes its frames, but Arrow imports it to see whether it was
    given any, and does so in each child anew, which takes ten times as long as a small table."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("Jobs do without pandas.", name=name)


def serve(control: int, modules: list[str]) -> NoReturn:
    """Fork what is asked for, until the server closes its end of the socket."""
    _ForkServer(socket.socket(fileno=control), modules).serve()


def _check_threads() -> None:
    """A fork takes one thread along; locks that others hold would never be released in the child."""
    if sys.platform == "linux" and len(os.listdir("/proc/self/task")) > 1:
        raise RuntimeError("a module for jobs has started threads when it was imported or warmed")


class _ForkServer:
    def __init__(self, control: socket.socket, modules: list[str]) -> None:
        self._control = control
        self._modules = modules
        self._descriptors: list[int] = []
        self._rest = b""
        self._ending: set[int] = set()
        self._wakeup, writer = os.pipe()
        for end in (self._wakeup, writer):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)  # only so that it wakes us
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        self._own = (self._wakeup, writer)

    def serve(self) -> NoReturn:
        self._send({"ready": walls.expected().text})
        control = self._control.fileno()
        while True:
            ready, _, _ = select.select([control, self._wakeup], [], [])
            if self._wakeup in ready:
                os.read(self._wakeup, 4096)
            if control in ready:
                self._receive()
            self._reap()

    def _receive(self) -> None:
        try:
            data, descriptors, _, _ = socket.recv_fds(self._control, _LINE, _DESCRIPTORS)
        except ConnectionResetError:  # it has closed its end before it had read all that we sent
            sys.exit()
        if not data:
            sys.exit()  # the server has gone; the children go with us
        self._descriptors += descriptors
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "fork" in message:
                self._fork(message["fork"], message["module"])
            else:
                self._ending.add(message["reap"])

    def _fork(self, number: int, module: str) -> None:
        (connection, pipe), self._descriptors = self._descriptors[:2], self._descriptors[2:]
        if module not in self._modules:
            raise ValueError(f"{module} was not announced")
        parent = os.getpid()
        child = os.fork()
        if child == 0:
            self._child(module, connection, pipe, parent)
        os.setpgid(child, child)
        os.close(connection)
        os.close(pipe)
        self._send({"forked": number, "process": child})

    def _child(self, module: str, connection: int, pipe: int, parent: int) -> NoReturn:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._control.close()
        for end in (*self._own, *self._descriptors):
            os.close(end)
        job.run(module, connection, pipe, parent)
        os._exit(1)

    def _reap(self) -> None:
        for child in list(self._ending):
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                self._ending.remove(child)
                self._send({"ended": child, "status": os.waitstatus_to_exitcode(status)})

    def _send(self, message: dict[str, Any]) -> None:
        try:
            self._control.sendall(json.dumps(message).encode() + b"\n")
        except (BrokenPipeError, ConnectionResetError):  # the server has ended meanwhile
            sys.exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
