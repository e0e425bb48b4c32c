"""What is counted of requests: by door, pattern of the route, method and status, of which there are not many.

Nothing that a client makes up becomes a name here: there are as many figures as routes, however much is
asked. Requests are counted many at a time: one by one, beside the rest of a busy loop, each takes several
times as long.
"""

import time
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from couchreg.journal.asking import Over
from couchreg.journal.openmetrics import Family, Histogram, Labels, Sample, histogram

METHODS = frozenset({"GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "COPY", "PATCH"})
OTHER, NO_ROUTE = "other", "none"
LONGEST, KEPT_FOR = 20, 3600.0  # requests that are remembered for having taken long; seconds
TOGETHER = 256  # requests that are counted at once
_TARGET = 200  # characters of an address
_ENDLESS = ("_changes", "_db_updates")  # that last as long as their clients like


class LongRequest(NamedTuple):
    """A request that took long. `target` is its path, without what it asks with."""

    seconds: float
    ended: float  # Unix time
    door: str
    method: str
    target: str
    status: int


class FigureSums(NamedTuple):
    """What one process has counted since it last told. Of a place, which is a door and a route, how many took
    how long, and all seconds."""

    answers: list[tuple[str, str, str, int, int]]  # door, route, method, status; how many
    times: list[tuple[str, str, list[int], float]]
    sent: dict[str, int]
    long: list[LongRequest]


class RequestFigures:
    """Sums over all requests since the start."""

    def __init__(self) -> None:
        self._answers: Counter[tuple[str, str, str, int]] = Counter()
        self._times: dict[tuple[str, str], Histogram] = {}
        self._sent: Counter[str] = Counter()
        self._long: list[LongRequest] = []
        self._over: list[Over] = []  # not counted yet

    def add(self, over: Over) -> None:
        """A request is over."""
        self._over.append(over)
        if len(self._over) >= TOGETHER:
            self._count_all()

    def _count_all(self) -> None:
        pieces, self._over = self._over, []
        late = time.time() - time.monotonic()
        for over in pieces:
            self._count(over, late)

    def _count(self, over: Over, late: float) -> None:
        """`late` makes Unix time of monotonic."""
        asked, method, target, status, size, seconds, ended = over
        method = method if method in METHODS else OTHER
        door = asked.door
        place = (door, asked.route or NO_ROUTE)
        self._answers[(*place, method, status)] += 1
        times = self._times.get(place)
        if times is None:
            times = self._times[place] = Histogram()
        times.add(seconds)
        self._sent[door] += size
        if len(self._long) < LONGEST or seconds > self._long[-1].seconds:
            path = target.partition("?")[0]
            if not path.endswith(_ENDLESS):
                self._keep(LongRequest(seconds, ended + late, door, method, path[:_TARGET], status))

    def _keep(self, one: LongRequest) -> None:
        young = [other for other in self._long if one.ended - other.ended < KEPT_FOR]
        self._long = sorted([*young, one], reverse=True)[:LONGEST]

    def take(self) -> FigureSums:
        """All that was counted, which begins anew."""
        self._count_all()
        answers = [(*place, count) for place, count in self._answers.items()]
        times = [(*place, found.counts, found.sum) for place, found in self._times.items()]
        found = FigureSums(answers, times, dict(self._sent), self._long)
        self._answers, self._times, self._sent, self._long = Counter(), {}, Counter(), []
        return found

    def add_sums(self, sums: FigureSums) -> None:
        """What another process of this server has counted."""
        for *place, count in sums.answers:
            self._answers[tuple(place)] += count  # type: ignore[index]
        for door, route, counts, seconds in sums.times:
            times = self._times.setdefault((door, route), Histogram())
            times.counts = [one + more for one, more in zip(times.counts, counts, strict=True)]
            times.sum += seconds
        self._sent.update(sums.sent)
        for one in sums.long:
            self._keep(one)

    def longest(self) -> list[LongRequest]:
        """Those of the last hour that took longest, the longest first."""
        self._count_all()
        now = time.time()
        return [one for one in self._long if now - one.ended < KEPT_FOR]

    def families(self) -> Iterator[Family]:
        self._count_all()
        answers = [
            Sample("_total", {"door": door, "route": route, "method": method, "status": str(status)}, count)
            for (door, route, method, status), count in sorted(self._answers.items())
        ]
        yield Family(
            "couchreg_requests", "counter", "Requests that are over; 499: the client had gone.", answers
        )
        times: list[tuple[Labels, Histogram]] = [
            ({"door": door, "route": route}, found) for (door, route), found in sorted(self._times.items())
        ]
        yield histogram(
            "couchreg_request_seconds", "From the head of a request to the end of its answer.", times
        )
        sent = [Sample("_total", {"door": door}, size) for door, size in sorted(self._sent.items())]
        yield Family("couchreg_sent_bytes", "counter", "What was sent, heads included.", sent)
