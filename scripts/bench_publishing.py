"""Measure how fast packages are published and read, beside others. Used by `scripts/bench_publishing`.

The package is one small table (10 KB) with a schema; every publish is a new package. couchreg runs with
checks and with `--validation off`, verdaccio comes from npm where there is Node (the same file in a
tarball), and a CouchDB is asked at `--url` (the same file as an attachment, document and file in one
multipart request). They take turns in every round. Rates are medians; CPU is the processor time of the
server and its children for one request.

With `--beside MEGABYTES` something else is measured, of couchreg alone: as many publishes as `--count` says,
one after the other, first while nothing else is done and then while a table of so many megabytes is checked;
and once more while it is checked, when that check is stopped and goes on in turns.
"""

import argparse
import asyncio
import os
import statistics
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import product

import bench_beside
import bench_servers
from bench_packages import CouchDB, Couchreg, Peer, Verdaccio
from bench_requests import Load, Measured

COLUMNS = ("publish 1", "publish 16", "descriptor", "file")
CLIENTS = 16


def main() -> int:
    options = arguments().parse_args()
    if options.beside:
        return asyncio.run(bench_beside.beside(options.beside, options.count))
    with ExitStack() as stack:
        peers: list[Peer] = [
            Couchreg("couchreg", stack.enter_context(bench_servers.couchreg(door="Registry"))),
            Couchreg(
                "couchreg, no checks",
                stack.enter_context(bench_servers.couchreg("--validation", "off", door="Registry")),
            ),
        ]
        verdaccio = None if options.alone else bench_servers.verdaccio(stack)
        if verdaccio is not None:
            peers.append(Verdaccio("verdaccio 5", verdaccio))
        if options.url:
            peers.append(CouchDB("CouchDB", bench_servers.at(options.url, options.pid)))
        return asyncio.run(compare(peers, options.rounds, options.seconds))


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench_publishing", description=__doc__)
    parser.add_argument("--url", help="a CouchDB to compare with, http://name:password@host:port")
    parser.add_argument("--pid", type=int, help="its process, if it runs here: then its CPU is told")
    parser.add_argument("--alone", action="store_true", help="without verdaccio")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each kind (3)")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement (3)")
    parser.add_argument(
        "--beside", type=int, metavar="MEGABYTES", help="publish beside the check of so large a table"
    )
    parser.add_argument("--count", type=int, default=200, help="publishes beside it, and without it (200)")
    return parser


async def compare(peers: Sequence[Peer], rounds: int, seconds: float) -> int:
    """Prints a line for each server, and what the rates of couchreg are to those of the others."""
    found: dict[tuple[str, str], list[Measured]] = {}
    try:
        for peer in peers:
            await peer.prepare()
        for number, column, peer in product(range(rounds), COLUMNS, peers):
            found.setdefault((peer.name, column), []).append(await measure(peer, column, number, seconds))
    finally:
        for peer in peers:
            await peer.close()
    print(f"load of the machine {os.getloadavg()[0]:.1f}; requests a second, and CPU of one in ms")
    print(f"{'':20}" + "".join(f"{column:>20}" for column in COLUMNS))
    for peer in peers:
        print(f"{peer.name:20}" + "".join(cell(found[peer.name, column]) for column in COLUMNS))
    for one, other in product(peers[:2], peers[2:]):
        pairs = [(rate(found[one.name, column]), rate(found[other.name, column])) for column in COLUMNS]
        ratios = [f"{ours / theirs:.2f}" if theirs else "-" for ours, theirs in pairs]  # none was answered
        print(f"{one.name} / {other.name}: " + ", ".join(ratios))
    return 0


async def measure(peer: Peer, column: str, number: int, seconds: float) -> Measured:
    load = Load(peer.subject)
    if column == "descriptor":
        return await load.run(lambda _: peer.descriptor(), CLIENTS, seconds)
    if column == "file":
        return await load.run(lambda _: peer.file(), CLIENTS, seconds)
    clients = int(column.split()[1])
    return await load.run(lambda count: peer.publish(f"p{number}-{clients}-{count}"), clients, seconds)


def rate(several: Sequence[Measured]) -> float:
    return statistics.median(one.rate for one in several)


def cell(several: Sequence[Measured]) -> str:
    used = [one.cpu * 1000 for one in several if one.cpu is not None]
    cpu = f"{statistics.median(used):.2f}" if used else "-"
    return f"{rate(several):12,.0f} {f'({cpu})':>7}"


if __name__ == "__main__":
    sys.exit(main())
