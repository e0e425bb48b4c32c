"""Say what registries of the size of npm and PyPI would need, from what one request costs here.

couchreg is started on an empty directory and measured: what a descriptor, a file, an answer that nothing is
new, a publish and a row of the feed of changes cost in processor time, and what a document takes on the disk.
With `--couchdb` its documents are in that CouchDB, and what it uses (`--couchdb-pid`) is told apart. From
these the rest is reckoned: requests come at random, wait for whichever process is free, and are worked on by
one process at a time; a process has one core. So it says how many processes are needed for 99 of 100
requests to be answered in time, and what is the first thing that more processes do not help.

The sizes are public figures: npm's database of documents in March 2025 (3,501,605 documents, update
sequence 41,062,611, 190 GB of JSON), PyPI's requests in August 2026 (6 thousand million a day, one in 70 of
them at its origin). What is not counted: the network, TLS, the balancer, the cache in front, searches and
tables. Where one data directory holds everything, there is one process that writes and answers; several need
their documents in a CouchDB and their files in a bucket.
"""

import argparse
import sys
from pathlib import Path

import bench_servers
from bench_requests import Refused
from simulate_costs import PADDED, Costs, measure
from simulate_queue import Kind, Waited, fewest, load, simulate

COUCHREG, COUCHDB = "couchreg", "CouchDB"
PYPI = 6e9 / 86_400 / 70  # requests a second at its origin
NPM_DOCUMENTS, NPM_UPDATES, NPM_JSON = 3_501_605, 41_062_611, 190e9
NPM_YEARS = 15.0  # since its first publishes
BURST = 100.0  # publishes a second
REPLICAS = 100  # that begin at once
HOUR, DAY, MONTH = 3600.0, 86_400.0, 730 * 3600.0


def main() -> int:
    options = arguments().parse_args()
    bench_servers.allow_many_files()
    try:
        if options.costs:
            costs = Costs.of_json(Path(options.costs).read_text())
        else:
            costs = measure(options.seconds, options.couchdb, options.couchdb_pid)
    except (OSError, Refused, ValueError) as error:
        print(f"scripts/simulate: {error}", file=sys.stderr)
        return 1
    if options.save:
        Path(options.save).write_text(costs.as_json() + "\n")
    start(costs)
    readers(costs, options)
    npm(costs, options)
    return 0


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/simulate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement (5)")
    parser.add_argument("--couchdb", help="keep documents there, http://name:password@host:port")
    parser.add_argument("--couchdb-pid", type=int, help="its process, if it runs here")
    parser.add_argument("--costs", help="take what was measured from this file and measure nothing")
    parser.add_argument("--save", help="write what was measured to this file")
    parser.add_argument("--rate", type=float, default=PYPI, help=f"requests a second ({PYPI:.0f})")
    parser.add_argument("--within", type=float, default=50.0, help="milliseconds for 99 of 100 (50)")
    parser.add_argument("--core-price", type=float, default=0.05, help="of a core for an hour (0.05)")
    parser.add_argument("--disk-price", type=float, default=0.10, help="of a GB for a month (0.10)")
    parser.add_argument(
        "--mix",
        type=mix,
        default="60,30,9.9,0.1",
        help="parts of descriptors, of those that are not new, of files, of publishes (60,30,9.9,0.1)",
    )
    return parser


def mix(text: str) -> list[float]:
    """Raises ArgumentTypeError."""
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if len(found) != 4 or min(found) < 0 or sum(found) <= 0:
        raise argparse.ArgumentTypeError("four numbers with commas between them, none below 0")
    return found


def start(costs: Costs) -> None:
    print(f"Measured here ({costs.cores} cores, load {costs.load:.1f}), in ms of processor time:")
    rows = [
        ("a descriptor", costs.descriptor, costs.below_descriptor),
        ("one that is not new", costs.unchanged, costs.below_descriptor),
        ("a file of 10 KB", costs.file, costs.below_file),
        ("a publish with its checks", costs.publish, costs.below_publish),
        (f"a row of changes with {PADDED >> 10} KB", costs.row, 0.0),
    ]
    for name, ours, below in rows:
        print(f"  {name:28}{ours * 1e3:9.3f}" + (f"   and CouchDB {below * 1e3:.3f}" if below else ""))
    print(
        f"  {costs.publishes:,.0f} publishes a second; {costs.stored:.2f} bytes on the disk for one of JSON"
    )


def kinds(costs: Costs, parts: list[float]) -> list[Kind]:
    pairs = [
        (costs.descriptor, costs.below_descriptor),
        (costs.unchanged, costs.below_descriptor),
        (costs.file, costs.below_file),
        (costs.publish, costs.below_publish),
    ]
    return [
        Kind(part, [(COUCHREG, ours), *([(COUCHDB, below)] if below else [])])
        for part, (ours, below) in zip(parts, pairs, strict=True)
    ]


def readers(costs: Costs, options: argparse.Namespace) -> None:
    """PyPI's origin, or any other rate."""
    wanted, rate, within = kinds(costs, options.mix), options.rate, options.within / 1e3
    work = load(wanted, rate)
    print(f"\n{rate:,.0f} requests a second, in the parts {options.mix}:")
    print(f"  {'processes':>10}{'at work':>10}{'half ms':>10}{'95 %':>10}{'99 %':>10}")
    cores = {station: max(1, round(amount * 2 + 0.5)) for station, amount in work.items()}
    numbers = [1, 2, 4, 8, 16, 32]
    enough = fewest(wanted, cores, COUCHREG, rate, within=within)
    for number in sorted({*numbers, *([enough] if enough else [])}):
        found = simulate(wanted, {**cores, COUCHREG: number}, rate)
        print(f"  {number:10}" + (shown(found) if found else f"{'more comes than goes':>30}"))
        if found and enough and number >= enough * 2:
            break
    below = f", {cores[COUCHDB]} cores of CouchDB" if COUCHDB in cores else ""
    told = f"{enough} processes" if enough else "no number of processes"
    print(f"  99 of 100 within {options.within:.0f} ms: {told}{below}; work for {work[COUCHREG]:.2f} cores")
    if enough:
        spare = enough + 1  # so that one may die
        paid = (spare + cores.get(COUCHDB, 0)) * options.core_price * MONTH / HOUR
        print(f"  with one to spare {paid:,.0f} a month, at {options.core_price} for a core and an hour")


def shown(found: Waited) -> str:
    times = "".join(f"{one * 1e3:10.2f}" for one in (found.half, found.most, found.nearly_all))
    return f"{found.busy[COUCHREG]:9.0%} {times}"


def npm(costs: Costs, options: argparse.Namespace) -> None:
    """What first cannot keep up with npm's documents, the narrowest first."""
    mean = NPM_UPDATES / (NPM_YEARS * 365 * DAY)
    whole = NPM_DOCUMENTS * costs.row * NPM_JSON / NPM_DOCUMENTS / PADDED
    print(f"\nnpm: {NPM_DOCUMENTS:,} documents, {NPM_UPDATES:,} updates, {NPM_JSON / 1e9:,.0f} GB of JSON:")
    gigabytes = NPM_JSON * costs.stored / 1e9
    print(
        f"  on the disk {gigabytes:,.0f} GB in one file for each copy, files not counted: "
        f"{gigabytes * options.disk_price:,.0f} a month, at {options.disk_price} for a GB"
    )
    print(f"  {mean:.2f} a second over {NPM_YEARS:.0f} years: {mean / costs.publishes:.1%} of what is here")
    print(f"  all updates one after the other: {NPM_UPDATES / costs.publishes / DAY:,.1f} days")
    print(f"  one replica from nothing: {whole / HOUR:,.1f} hours of one core at the source")
    limits = {
        f"a burst of {BURST:.0f} publishes a second": BURST / costs.publishes,
        f"{REPLICAS} replicas from nothing within a day": REPLICAS * whole / DAY,
        "the mean of all years": mean / costs.publishes,
    }
    print("  what breaks first, as a multiple of what one process does:")
    for name, times in sorted(limits.items(), key=lambda pair: -pair[1]):
        print(f"  {times:10.2f}  {name}")


if __name__ == "__main__":
    sys.exit(main())
