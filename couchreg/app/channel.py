"""Messages between two processes of one server, with connections among them.

A socket of whole messages (`SOCK_SEQPACKET`), of which nobody else has an end. A message may bring a file
handle, which then is the receiver's. Nobody waits here: what the other side does not take yet waits in order,
and there is a bound to it.
"""

import array
import asyncio
import os
import socket
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

PIECE: Final = 48 << 10  # bytes of a message, at most, which every system's buffers take
MOST_WAITING: Final = 32 << 20  # bytes
_AT_ONCE: Final = 64  # messages that are taken in one turn
_AGAIN: Final = 0.05  # seconds, where the system has no room for a handle that is under way
_INT: Final = array.array("i").itemsize

Received = Callable[[bytes, int | None], None]  # a message, and the handle that came with it


class _Waiting(NamedTuple):
    data: bytes
    handle: int | None


class HandleChannel:
    """One end. `ended` is told once, when the other end is no more and all that it has sent was received."""

    def __init__(self, end: socket.socket, received: Received, ended: Callable[[], None]) -> None:
        end.setblocking(False)
        self._end = end
        self._received = received
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Waiting] = deque()
        self._size = 0
        self._timer: asyncio.TimerHandle | None = None
        self._is_open = True
        self._loop.add_reader(end.fileno(), self._read)

    @property
    def is_full(self) -> bool:
        """Whether the other side is so far behind that nothing more should be sent."""
        return self._size >= MOST_WAITING

    @property
    def is_open(self) -> bool:
        return self._is_open

    def send(self, data: bytes, handle: int | None = None) -> None:
        """`data` has at most PIECE bytes, and some. The handle is closed here, whatever comes of it."""
        if not self._is_open:
            _close(handle)
        elif self._waiting or not self._sent(data, handle):
            self._waiting.append(_Waiting(data, handle))
            self._size += len(data)

    def close(self) -> None:
        """Without telling `ended`."""
        if not self._is_open:
            return
        self._is_open = False
        self._loop.remove_reader(self._end.fileno())
        self._loop.remove_writer(self._end.fileno())
        if self._timer is not None:
            self._timer.cancel()
        while self._waiting:
            _close(self._waiting.popleft().handle)
        self._end.close()

    def _sent(self, data: bytes, handle: int | None) -> bool:
        """Whether the system has it; else it is tried again, or there is nobody any more."""
        try:
            if handle is None:
                self._end.send(data)
            else:
                socket.send_fds(self._end, [data], [handle])
        except BlockingIOError:
            self._loop.add_writer(self._end.fileno(), self._write)
            return False
        except (BrokenPipeError, ConnectionError):
            pass  # its end is read, behind what it has sent before
        except OSError:  # no room for handles under way
            if self._timer is None:
                self._timer = self._loop.call_later(_AGAIN, self._try_again)
            return False
        _close(handle)
        return True

    def _try_again(self) -> None:
        self._timer = None
        self._write()

    def _write(self) -> None:
        self._loop.remove_writer(self._end.fileno())
        while self._waiting and self._is_open:
            first = self._waiting[0]
            if not self._sent(*first):
                return
            self._waiting.popleft()
            self._size -= len(first.data)

    def _read(self) -> None:
        for _ in range(_AT_ONCE):
            if not self._is_open:
                return
            try:
                data, ancillary, _, _ = self._end.recvmsg(
                    PIECE + 1024, socket.CMSG_SPACE(_INT), socket.MSG_CMSG_CLOEXEC
                )
            except BlockingIOError:
                return
            except ConnectionError:
                data, ancillary = b"", []
            if not data:
                self.close()
                self._ended()
                return
            self._received(data, _handle_in(ancillary))


def _handle_in(ancillary: list[tuple[int, int, bytes]]) -> int | None:
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS and len(data) >= _INT:
            return array.array("i", data[:_INT])[0]
    return None


def _close(handle: int | None) -> None:
    if handle is not None:
        os.close(handle)
