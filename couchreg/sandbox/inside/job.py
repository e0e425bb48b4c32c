"""A child: walls, limits, and then the jobs of one session, one after the other."""

import json
import os
import sys
import traceback
from collections.abc import Callable

from couchreg.sandbox.ending import OF_THE_MACHINE, OUT_OF_MEMORY, TOO_LONG
from couchreg.sandbox.inside import lifeline, limits, walls
from couchreg.sandbox.inside.channel import Channel, Reply, TooLong
from couchreg.sandbox.messages import Tag

_TRACED = -20  # the last calls of a failure, which tell; one that calls itself would fill the log
_FIRST = 1 << 20  # bytes that the first message may have

Answer = Callable[[bytes, Reply], bytes]


def run(module: str, socket: int, pipe: int, parent: int) -> None:
    """Serve until the server closes its end; never returns. To be called right after the fork."""
    status = 1
    try:
        lifeline.end_with(parent)
        lifeline.end_with_pipe(pipe)
        _serve(module, Channel(socket, _FIRST))
        status = 0
    except MemoryError:
        status = OUT_OF_MEMORY
    except TooLong:
        status = TOO_LONG
    except (ConnectionError, EOFError):
        status = 0  # the server has closed its end, at times before the first message: nobody waits any more
    except OSError as error:
        status = OF_THE_MACHINE.get(error.errno or 0) or _traced()
    except BaseException:
        status = _traced()
    finally:
        os._exit(status)


def _serve(module: str, channel: Channel) -> None:
    prepare = getattr(sys.modules.get(module), "prepare", None)
    if prepare is not None:
        prepare()
        _check_threads()
    tag, body = channel.receive()
    if tag is not Tag.OPEN:
        raise ValueError(f"the first message is {tag.name}")
    opened = json.loads(body)
    channel.longest = opened["limits"]["message"]
    answer: Answer = sys.modules[module].answer  # the fork server has imported it
    limits.limit(opened["limits"])
    walls.enclose(opened["read"], opened["write"])
    reply = Reply(channel)
    while True:
        try:
            tag, body = channel.receive()
        except EOFError:
            return
        if tag is not Tag.JOB:
            raise ValueError(f"a message {tag.name} for a child")
        limits.begin(opened["limits"]["cpu_seconds"])
        channel.send(Tag.DONE, _answered(answer, body, reply, channel))
        limits.end()


def _check_threads() -> None:
    """Walls are raised around one thread and those that it starts: one that was there before has none."""
    if sys.platform == "linux" and len(os.listdir("/proc/self/task")) > 1:
        raise RuntimeError("a module for jobs has started threads before its walls stood")


def _answered(answer: Answer, body: bytes, reply: Reply, channel: Channel) -> bytes:
    try:
        return answer(body, reply)
    except (MemoryError, TooLong, ConnectionError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in OF_THE_MACHINE:
            raise
        _traced()  # first: whoever reads the message ends us
        channel.send(Tag.FAILED, type(error).__name__.encode())
        os._exit(1)


def _traced() -> int:
    """The exit status of an unforeseen failure, after the end of its trace is in the server's log."""
    traceback.print_exc(limit=_TRACED)
    sys.stderr.flush()
    return 1
