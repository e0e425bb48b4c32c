"""A reading process of `couchreg serve --workers N`; nobody but the server starts one.

python -m couchreg.cli.reading CHANNEL BOARD PARENT
"""

import asyncio
import signal
import socket
import sys

from couchreg.app.messages import Board
from couchreg.app.reading import ReadingProcess, settings_of
from couchreg.cli.serve import LOOP, allow_many_files, begin_log, tidy
from couchreg.sandbox.inside.lifeline import end_with


def main() -> None:
    channel, board, parent = map(int, sys.argv[1:])
    end_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for all of the group: the server ends this one
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # so is the end of a service
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with asyncio.Runner(loop_factory=LOOP) as runner:
        runner.run(run(socket.socket(fileno=channel), Board(board)))


async def run(end: socket.socket, board: Board) -> None:
    process = ReadingProcess(end, board)
    hello = await process.hello()
    settings = settings_of(hello)
    begin_log(settings)
    allow_many_files()
    await process.run(settings, hello, tidy)
