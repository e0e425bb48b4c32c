"""Requests that wait for servers, one event after the other. For `scripts/simulate`; pure but for its dice.

Requests come at random (Poisson). Each needs certain stations, one after the other; a station has so many
servers, each works on one request at a time, and who comes first is served first by whichever is free. How
long it takes there is exponential around its mean, which is worse than what a server does that always does
the same.
"""

import heapq
import random
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

Step = tuple[str, float]  # station, mean seconds of its work


class Kind(NamedTuple):
    """A kind of request: its part of all, and what each needs, in order."""

    share: float
    steps: Sequence[Step]


class Waited(NamedTuple):
    """What came of it: seconds from the arrival to the end at the half, 95 and 99 per cent of the requests,
    and the part of the time that the servers of each station were at work."""

    half: float
    most: float
    nearly_all: float
    busy: Mapping[str, float]


def load(kinds: Sequence[Kind], rate: float) -> dict[str, float]:
    """How many servers of each station are at work at a time, at so many requests a second."""
    whole = sum(kind.share for kind in kinds)
    found: dict[str, float] = {}
    for kind in kinds:
        for station, mean in kind.steps:
            found[station] = found.get(station, 0.0) + rate * kind.share / whole * mean
    return found


def simulate(
    kinds: Sequence[Kind], servers: Mapping[str, int], rate: float, *, count: int = 100_000, seed: int = 1
) -> Waited | None:
    """So many requests. None where a station cannot keep up: then the queue only grows."""
    if any(work >= servers[station] for station, work in load(kinds, rate).items()):
        return None
    dice = random.Random(seed)
    bounds = list(accumulate(kind.share for kind in kinds))
    free = {station: [0.0] * number for station, number in servers.items()}
    worked = dict.fromkeys(servers, 0.0)
    now, waited = 0.0, []
    arrivals: list[float] = []
    events: list[tuple[float, int, int, int]] = []  # moment, request, its kind, its step
    for number in range(count):
        now += dice.expovariate(rate)
        arrivals.append(now)
        events.append((now, number, bisect_left(bounds, dice.random() * bounds[-1]), 0))
    while events:
        moment, number, kind, step = heapq.heappop(events)
        steps = kinds[kind].steps
        if step == len(steps):
            waited.append(moment - arrivals[number])
            continue
        station, mean = steps[step]
        work = dice.expovariate(1 / mean) if mean else 0.0
        end = max(moment, free[station][0]) + work
        heapq.heapreplace(free[station], end)
        worked[station] += work
        heapq.heappush(events, (end, number, kind, step + 1))
    waited.sort()
    half, most, nearly_all = (waited[int(len(waited) * part)] for part in (0.5, 0.95, 0.99))
    busy = {station: worked[station] / servers[station] / now for station in servers}
    return Waited(half, most, nearly_all, busy)


def fewest(
    kinds: Sequence[Kind],
    servers: Mapping[str, int],
    station: str,
    rate: float,
    *,
    within: float,
    most: int = 4096,
) -> int | None:
    """The fewest servers of a station with which 99 of 100 requests are answered within so many seconds; None
    where not even the most are enough, since another station is the narrow one."""
    least, enough = 1, 1
    while True:
        if _is_enough(kinds, {**servers, station: enough}, rate, within):
            break
        if enough >= most:
            return None
        least, enough = enough + 1, min(most, enough * 2)
    while least < enough:
        middle = (least + enough) // 2
        if _is_enough(kinds, {**servers, station: middle}, rate, within):
            enough = middle
        else:
            least = middle + 1
    return enough


def _is_enough(kinds: Sequence[Kind], servers: Mapping[str, int], rate: float, within: float) -> bool:
    found = simulate(kinds, servers, rate, count=20_000)
    return found is not None and found.nearly_all <= within
