"""Requests that are sent to a server to see what they do to everybody else.

What a wait is held to is work and not time: as much as a quiet core does in 100 ms, measured beside it. So
the verdict is the same on a machine of half the speed.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.hostile.sending import Request, send
from tests.hostile.watching import Watch, watching
from tests.processes import Server

WAIT = 0.1  # seconds
WORK = 1_000_000  # rounds of `allowed` that a core of 2026 does in WAIT
MEMORY = 64 << 20  # bytes
BEFORE = 4  # requests whose work may still go on when the next one is measured
TRIES = 3


class Cost(NamedTuple):
    """Seconds that `/_up` waited, and bytes of memory that were added."""

    wait: float
    memory: int

    def is_bad(self, wait: float = WAIT) -> bool:
        return self.wait > wait or self.memory > MEMORY


def allowed() -> float:
    """Seconds that others may wait on a machine that is as fast as this one is just now; not below WAIT."""
    began = time.thread_time()
    found = {}
    for number in range(WORK):
        found[number % 1000] = str(number)
    return max(WAIT, time.thread_time() - began)


class Attack:
    """Sends requests to a server and measures each."""

    def __init__(self, server: Server, watch: Watch) -> None:
        self.watch = watch
        self.log = server.log
        self._ports = {
            "couch": urlsplit(server.couch_url).port or 0,
            "registry": urlsplit(server.registry_url).port or 0,
        }
        self.statuses: dict[int, int] = {}

    def cost(self, requests: Sequence[Request]) -> Cost:
        """What these cost, sent one after the other: the longest wait, and the memory of all of them."""
        watch = self.watch
        watch.reset()
        before, worked = watch.mark_memory(), watch.cpu()
        for request in requests:
            status = send(self._ports[request.door], request)
            self.statuses[status] = self.statuses.get(status, 0) + 1
        memory = watch.peak() - before
        dear = watch.cpu() - worked > 0.02 or memory > MEMORY
        return Cost(watch.waited() if dear else 0.0, memory)

    def offenders(self, some: Sequence[Request], first: int, recent: Sequence[Request]) -> list[str]:
        """Those of `some` that cost too much by themselves, or after those that were sent before them."""
        before, found = [*recent, *some], []
        for place, request in enumerate(some):
            if not self.cost([request]).is_bad():
                continue
            end = len(recent) + place + 1
            again = self.confirmed([request]) or self.confirmed(before[max(0, end - BEFORE - 1) : end])
            if again is not None:
                what = f"waited {again.wait:.3f} s, {again.memory >> 20} MiB for"
                found.append(f"{first + place}: {what}\n{request}")
                print(found[-1], flush=True)
        return found

    def confirmed(self, requests: Sequence[Request]) -> Cost | None:
        """What the last of these costs again and again; None when it was an accident."""
        least = Cost(1e9, 1 << 60)
        for _ in range(TRIES):
            for request in requests[:-1]:
                send(self._ports[request.door], request)
            cost = self.cost(requests[-1:])
            least = Cost(min(least.wait, cost.wait), min(least.memory, cost.memory))
            if not least.is_bad(allowed()):
                return None
        return least


@contextmanager
def attacking(server: Server) -> Iterator[Attack]:
    ports = [
        (urlsplit(url).port or 0, path)
        for url, path in ((server.couch_url, "/_up"), (server.registry_url, "/_couch/_up"))
    ]
    with watching(server.process.pid, ports) as watch:
        yield Attack(server, watch)
