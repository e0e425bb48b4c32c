"""Figures as text, for programs that draw curves of them.

Source: https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)  # seconds

Labels = Mapping[str, str]
NO_LABELS: Labels = {}


class Histogram:
    """How many took how long."""

    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.sum = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.sum += seconds


class Sample(NamedTuple):
    suffix: str  # behind the name of its family
    labels: Labels
    value: float


class Family(NamedTuple):
    """What belongs to one name. `kind` is `counter`, `gauge`, `histogram` or `info`."""

    name: str
    kind: str
    help: str
    samples: Iterable[Sample]


def gauge(name: str, told: str, value: float | None) -> Family:
    """One number; none where it is not known."""
    return Family(name, "gauge", told, [] if value is None else [Sample("", NO_LABELS, value)])


def gauges(name: str, told: str, label: str, values: Mapping[str, float]) -> Family:
    return Family(name, "gauge", told, [Sample("", {label: one}, value) for one, value in values.items()])


def counter(name: str, told: str, value: float) -> Family:
    return Family(name, "counter", told, [Sample("_total", NO_LABELS, value)])


def histogram(name: str, told: str, of: Iterable[tuple[Labels, Histogram]]) -> Family:
    return Family(name, "histogram", told, [one for labels, found in of for one in _buckets(labels, found)])


def _buckets(labels: Labels, of: Histogram) -> Iterator[Sample]:
    below = 0
    for bound, count in zip((*map(str, BOUNDS), "+Inf"), of.counts, strict=True):
        below += count
        yield Sample("_bucket", {**labels, "le": bound}, below)
    yield Sample("_count", labels, below)
    yield Sample("_sum", labels, of.sum)


def text(families: Iterable[Family]) -> str:
    """All of them, in their order."""
    lines = []
    for family in families:
        lines += [f"# TYPE {family.name} {family.kind}", f"# HELP {family.name} {_escaped(family.help)}"]
        lines += [f"{family.name}{suffix}{_set(labels)} {value}" for suffix, labels, value in family.samples]
    return "\n".join([*lines, "# EOF\n"])


def _set(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    plain = value.encode("utf-8", "replace").decode()
    return plain.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
