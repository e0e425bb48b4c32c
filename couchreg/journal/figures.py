"""What is counted of requests: by door, pattern of the route, method and status, of which there are not many.

Nothing that a client makes up becomes a name here: there are as many figures as routes, however much is
asked.
"""

from collections import Counter
from collections.abc import Iterator

from couchreg.journal.asking import Asked
from couchreg.journal.openmetrics import Family, Histogram, Labels, Sample, histogram

METHODS = frozenset({"GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "COPY", "PATCH"})
OTHER, NO_ROUTE = "other", "none"


class RequestFigures:
    """Sums over all requests since the start."""

    def __init__(self) -> None:
        self._answers: Counter[tuple[str, str, str, int]] = Counter()
        self._times: dict[tuple[str, str], Histogram] = {}
        self._sent: Counter[str] = Counter()

    def add(self, asked: Asked, method: str, target: str, status: int, size: int, seconds: float) -> None:
        """A request is over; `size` in bytes sent."""
        method = method if method in METHODS else OTHER
        door = asked.door
        place = (door, asked.route or NO_ROUTE)
        self._answers[(*place, method, status)] += 1
        times = self._times.get(place)
        if times is None:
            times = self._times[place] = Histogram()
        times.add(seconds)
        self._sent[door] += size

    def families(self) -> Iterator[Family]:
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
