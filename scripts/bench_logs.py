"""What it costs that a server tells of its requests. Used by `scripts/bench --logs`.

One server writes its access log as JSON and the trail of changes, and is asked for its metrics each second.
The other one writes nothing, is asked for nothing, and does not even count, which no setting turns off:
`bench_bare.py` does.
"""

import base64
import statistics
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import bench_servers
from bench_client import Measured
from bench_operations import Operation
from bench_servers import Subject

PAUSE = 1.0  # seconds between two looks at the metrics
BARE = Path(__file__).parent / "bench_bare.py"
Measure = Callable[[Operation, Sequence[Subject], int, float], tuple[list[list[Measured]], bool]]


def report(operations: Sequence[Operation], measure: Measure, rounds: int, scale: float) -> int:
    """Prints a line for each operation; 1 when one failed. Above 1 is what telling costs."""
    print(f"{'':25}{'told':>12}{'untold':>12}{'CPU told':>14}{'CPU untold':>14}{'time':>8}{'CPU':>8}")
    times, cpus = [], []
    broken = False
    with telling() as told, bench_servers.couchreg("--audit-log", "off", program=BARE) as untold:
        for operation in operations:
            found, failed = measure(operation, [told, untold], rounds, scale)
            broken = broken or failed
            if not all(found):
                print(f"{operation.name:14}{'-':>11}", flush=True)
                continue
            rates = [statistics.median(one.rate for one in several) for several in found]
            used = [statistics.median(cpu_of(one) for one in several) for several in found]
            time, cpu = rates[1] / rates[0], used[0] / used[1] if used[1] else 1.0
            times.append(time)
            cpus.append(cpu)
            cells = f"{rates[0]:12,.0f}{rates[1]:12,.0f}{used[0]:11,.1f} µs{used[1]:11,.1f} µs"
            print(f"{operation.name:14}{operation.unit:11}{cells}{time:8.3f}{cpu:8.3f}", flush=True)
    if times:
        means = f"time {statistics.geometric_mean(times):.3f}, CPU {statistics.geometric_mean(cpus):.3f}"
        print(f"{len(times)} ratios: geometric mean of {means}; most {max(times):.3f}, {max(cpus):.3f}")
    return 1 if broken else 0


def cpu_of(one: Measured) -> float:
    """Microseconds of one unit; nearly nothing where the system does not tell."""
    return (one.cpu or 0.0) / one.amount * 1e6 or 1e-3


@contextmanager
def telling() -> Iterator[Subject]:
    """A server that tells everything, and somebody who listens."""
    with bench_servers.couchreg("--access-log", "json") as subject:
        stop = threading.Event()
        listening = threading.Thread(target=listen, args=(subject, stop), daemon=True)
        listening.start()
        try:
            yield subject
        finally:
            stop.set()
            listening.join()


def listen(subject: Subject, stop: threading.Event) -> None:
    parts = urlsplit(subject.registry)
    login = base64.b64encode(bench_servers.LOGIN.encode()).decode()
    address = f"http://{parts.hostname}:{parts.port}/-/metrics"
    request = urllib.request.Request(address, headers={"Authorization": f"Basic {login}"})
    while not stop.wait(PAUSE):
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                answer.read()
        except OSError as error:
            print(f"scripts/bench: the metrics did not come: {error}", file=sys.stderr)
