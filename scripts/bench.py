"""Measure couchreg's couch door beside another server. Used by `scripts/bench`.

couchreg is started on an empty temporary directory and a free port. Beside it runs `pouchdb-server` from
npm, where there is Node, or the server of `--url`. Every operation gets databases of its own, in turns, so
that a machine that is busy for a while hurts both: couchreg, the other, the other, couchreg, …, for whoever
comes second finds everything warm. The table shows medians; the number of rounds is better even. CPU is
what the couchreg process used for one unit: it varies less than the rate. `--memory` tells instead by how
much the process grows, `--logs` what logs and metrics cost: couchreg with both beside couchreg without any.
"""

import argparse
import statistics
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from http.client import HTTPException

import bench_logs
import bench_memory
import bench_servers
from bench_client import Client, Measured, Refused, Unsupported
from bench_operations import OPERATIONS, Operation
from bench_servers import Subject


def main() -> int:
    options = arguments().parse_args()
    operations = chosen(options.only)
    bench_servers.allow_many_files()
    if options.logs:
        return bench_logs.report(operations, measured, options.rounds, options.scale)
    with ExitStack() as stack:
        couchreg = stack.enter_context(bench_servers.couchreg())
        if options.memory:
            return bench_memory.report(couchreg, options.scale)
        peer = None
        if options.url:
            peer = bench_servers.at(options.url)
        elif not options.alone:
            peer = bench_servers.pouchdb(stack)
        subjects = [couchreg] if peer is None else [couchreg, peer]
        return compare(subjects, operations, options.rounds, options.scale)


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="operations:\n" + "\n".join(f"  {one.name:14} {one.about}" for one in OPERATIONS),
    )
    parser.add_argument("--url", help="compare with this server, http://name:password@host:port")
    parser.add_argument("--alone", action="store_true", help="compare with nothing")
    parser.add_argument("--only", help="operations, separated by commas")
    parser.add_argument("--rounds", type=int, default=4, help="measurements of each operation (4)")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies amounts and seconds (1)")
    parser.add_argument("--memory", action="store_true", help="measure memory instead")
    parser.add_argument("--logs", action="store_true", help="measure logs and metrics instead")
    return parser


def chosen(names: str | None) -> list[Operation]:
    known = {one.name: one for one in OPERATIONS}
    wanted = list(known) if names is None else names.split(",")
    unknown = [name for name in wanted if name not in known]
    if unknown:
        sys.exit(f"scripts/bench: there is no operation {', '.join(unknown)}")
    return [known[name] for name in wanted]


def compare(subjects: Sequence[Subject], operations: Sequence[Operation], rounds: int, scale: float) -> int:
    """Prints a line for each operation; 1 when couchreg failed in one."""
    print(f"{'':25}" + "".join(f"{one.name:>16}" for one in subjects) + f"{'CPU':>12}{'ratio':>9}")
    ratios = []
    broken = False
    for operation in operations:
        found, failed = measured(operation, subjects, rounds, scale)
        broken = broken or failed
        rates = [median([one.rate for one in several]) for several in found]
        ratio = rates[0] / rates[1] if len(rates) > 1 and rates[0] and rates[1] else None
        cpu = median([one.cpu / one.amount * 1e6 for one in found[0] if one.cpu is not None])
        print(line(operation, rates, cpu, ratio), flush=True)
        ratios += [ratio] if ratio else []
    if ratios:
        mean = statistics.geometric_mean(ratios)
        print(f"{len(ratios)} ratios: geometric mean {mean:.2f}, least {min(ratios):.2f}")
    return 1 if broken else 0


def measured(
    operation: Operation, subjects: Sequence[Subject], rounds: int, scale: float
) -> tuple[list[list[Measured]], bool]:
    """What was measured of each subject, and whether couchreg failed. What a server has not built is no
    failure, only nothing."""
    found: list[list[Measured]] = [[] for _ in subjects]
    failed = False
    for turn in range(rounds):
        for subject, several in list(zip(subjects, found, strict=True))[:: -1 if turn % 2 else 1]:
            client = Client(subject)
            try:
                several.append(operation.run(client, scale))
            except Unsupported:
                pass
            except (OSError, HTTPException, Refused) as error:
                print(f"{operation.name}: {subject.name}: {error!r}", file=sys.stderr)
                failed = failed or subject is subjects[0]
            finally:
                client.close()
    return found, failed


def median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def line(operation: Operation, rates: Sequence[float | None], cpu: float | None, ratio: float | None) -> str:
    cells = "".join(f"{rate:16,.0f}" if rate else f"{'-':>16}" for rate in rates)
    used = f"{cpu:9,.1f} µs" if cpu else f"{'-':>12}"
    return f"{operation.name:14}{operation.unit:11}{cells}{used}" + (f"{ratio:9.2f}" if ratio else "")


if __name__ == "__main__":
    sys.exit(main())
