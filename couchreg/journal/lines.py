"""A file of lines that the event loop never waits for.

What is to be written is gathered for a moment and handed to a thread of its own. While that one is held up (a
disk that hangs, a pipe that nobody reads) so much may wait and no more: what comes then is counted, and the
count is written as soon as something can be.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from couchreg.os_errors import sentence

log = logging.getLogger(__name__)

PAUSE = 0.1  # seconds in which lines are gathered
MOST = 4 << 20  # bytes that may wait
LAST = 2.0  # seconds that the end waits for what is left
STANDARD_ERROR = 2


class Lines:
    """For one event loop: `write` whole lines, `await close()` at the end. Without a path they go to standard
    error. Lines of the last moment are lost when the process is killed."""

    def __init__(
        self, path: Path | None, lost: Callable[[int], bytes], *, most: int = MOST, pause: float = PAUSE
    ) -> None:
        """`lost` makes a line of how many were not written. Raises OSError for a file that cannot be had."""
        self._path = path
        self._lost_line = lost
        self._most, self._pause = most, pause
        self._file = STANDARD_ERROR if path is None else _opened(path)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._waiting: list[bytes] = []
        self._size = 0
        self._lost = 0
        self._closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._writing: Future[int] | None = None
        self._reopens = False
        self._fill: Callable[[], None] | None = None
        self._failing = False  # these three are the thread's
        self._torn = False
        self._is_due = False  # a new file, which could not be had yet

    def write(self, line: bytes) -> None:
        """One line, with its end. Never waits, never raises; after the end nothing is written."""
        if self._closed:
            return
        if self._size + len(line) > self._most:
            self._lost += 1
            return
        self._waiting.append(line)
        self._size += len(line)
        self.wake()

    def lose(self, count: int) -> None:
        """Tell of lines that were not written because they could not be made."""
        self._lost += count

    def made_by(self, fill: Callable[[], None]) -> None:
        """From now on ask `fill` for lines, too, whenever some are handed over: it writes them."""
        self._fill = fill

    def wake(self) -> None:
        """There is something to write, or to be asked for. After the end nothing is."""
        if self._timer is None and not self._closed:
            self._timer = asyncio.get_running_loop().call_later(self._pause, self._hand_over)

    def reopen(self) -> None:
        """Go on in a new file of the same name: the old one has been moved away."""
        self._reopens = self._path is not None
        if self._timer is None and not self._closed:
            self._timer = asyncio.get_running_loop().call_later(0, self._hand_over)

    async def close(self) -> None:
        """Write what is left, as far as that goes at once."""
        if self._fill is not None:
            self._fill()
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        until = time.monotonic() + LAST
        while time.monotonic() < until and (self._waiting or not self._is_idle()):
            self._hand_over()
            await asyncio.sleep(0.005)
        if self._timer is not None:
            self._timer.cancel()
        idle = self._is_idle()
        self._thread.shutdown(wait=idle)
        if idle and self._path is not None:
            os.close(self._file)

    def _is_idle(self) -> bool:
        return self._writing is None or self._writing.done()

    def _hand_over(self) -> None:
        try:
            if self._fill is not None:
                self._fill()  # while there is a timer, so that none is set for this
        finally:
            self._timer = None  # else nothing would ever be handed over again
        if not self._is_idle():
            self._timer = asyncio.get_running_loop().call_later(self._pause, self._hand_over)
            return
        if self._writing is not None:
            self._lost += self._writing.result()
        pieces, self._waiting, self._size = self._waiting, [], 0
        if self._lost:
            pieces.append(self._lost_line(self._lost))
            self._lost = 0
        reopens, self._reopens = self._reopens, False
        self._writing = self._thread.submit(self._put, pieces, reopens=reopens)

    # -- in the thread
    def _put(self, pieces: list[bytes], *, reopens: bool) -> int:
        """How many lines were not written: they are told of with the next that can be."""
        if reopens or self._is_due:
            self._reopen()
        try:
            _write_all(self._file, b"\n" * self._torn + b"".join(pieces))
        except OSError as error:
            if not self._failing:
                log.error(
                    "%s cannot be written (%s): lines are counted until it can, and that is tried with each.",
                    self._path or "standard error",
                    error.strerror,
                )
            self._failing = self._torn = True
            return len(pieces)
        self._failing = self._torn = False
        return 0

    def _reopen(self) -> None:
        """Until it can be done, lines go on into the file that was moved away, and it is tried with each."""
        assert self._path is not None
        try:
            new = _opened(self._path)
        except OSError as error:
            if not self._is_due:
                log.error(
                    "%s Its lines go into the file before until then, and it is tried again with each.",
                    sentence(error) or f"{self._path} cannot be opened ({error}).",
                )
            self._is_due = True
            return
        old, self._file, self._is_due = self._file, new, False
        os.close(old)


def _opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def _write_all(file: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        try:
            left = left[os.write(file, left) :]
        except BlockingIOError:  # somebody else's terminal does not wait: we do, here in the thread
            time.sleep(0.02)
