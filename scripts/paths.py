"""Count what a request goes through: calls, files, and how often it changes files and rooms.

A server of the checkout is started on an empty directory, and six requests are made of it, several times
each; the middle value counts (the first time, caches are filled). Counted are starts of functions of couchreg
in the order in which they happen, in each thread by itself, until the answer is there. A room is a directory
of `couchreg/` (each door below `http/` is one), a wing is a directory of a room, and a module of
`couchreg/` itself counts as both. Connections are kept, as clients do. `install` is what
the client does, not the server.

    scripts/paths                        this checkout
    scripts/paths . ../before            this one and another, side by side
    scripts/paths --trace "couch PUT"    every function in its order, a line for each change of files

Another checkout is run with the libraries of this one: `git worktree add ../before <commit>` makes one.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from paths_requests import NAMES, Calls, recordings


class Counted(NamedTuple):
    """What one request went through."""

    calls: int
    files: int
    file_changes: int
    rooms: int
    room_changes: int
    wings: int
    wing_changes: int


HEADINGS = ("calls", "files", "changes", "rooms", "changes", "wings", "changes")


def main() -> int:
    options = arguments().parse_args()
    checkouts = [Path(one).resolve() for one in options.checkouts or [Path(__file__).parents[1]]]
    for checkout in checkouts:
        if not (checkout / "couchreg" / "__init__.py").exists():
            sys.exit(f"scripts/paths: {checkout} is not a checkout of couchreg")
    asked = [options.trace] if options.trace else NAMES
    with tempfile.TemporaryDirectory(prefix="couchreg-paths-") as scratch:
        found = [recordings(one, Path(scratch) / str(n), options.rounds) for n, one in enumerate(checkouts)]
    if options.trace:
        for recorded in found:
            print("\n".join(trace(recorded[options.trace][-1])))
        return 0
    print(f"{'':20}{'':24}" + "".join(f"{heading:>9}" for heading in HEADINGS))
    for name in asked:
        for checkout, recorded in zip(checkouts, found, strict=True):
            middle = median([counted(one) for one in recorded[name]])
            print(f"{name:20}{checkout.name[-22:]:24}" + "".join(f"{number:>9}" for number in middle))
    return 0


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/paths", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkouts", nargs="*", help="folders of checkouts (this one)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each request is made (5)")
    parser.add_argument("--trace", metavar="REQUEST", choices=NAMES, help=f"one of {', '.join(NAMES)}")
    return parser


def counted(threads: Calls) -> Counted:
    files = [[file for file, _ in calls] for calls in threads]
    rooms = [[room(file) for file in one] for one in files]
    wings = [[wing(file) for file in one] for one in files]
    return Counted(sum(map(len, files)), *visits(files), *visits(rooms), *visits(wings))


def visits(threads: Sequence[Sequence[str]]) -> tuple[int, int]:
    """How many different ones there are, and how often the next call is in another one than the last."""
    changes = sum(before != after for calls in threads for before, after in pairwise(calls))
    return len({one for calls in threads for one in calls}), changes


def room(file: str) -> str:
    """`http/couch/frame/body.py` stands in the room `http/couch`, `errors.py` in `errors`."""
    first, *rest = PurePosixPath(file).with_suffix("").parts
    return f"{first}/{rest[0]}" if first == "http" and len(rest) > 1 else first


def wing(file: str) -> str:
    """`http/couch/frame/body.py` stands in the wing `http/couch/frame`; what has none counts by its room."""
    folder = str(PurePosixPath(file).parent)
    return room(file) if folder == "." else folder


def median(several: Sequence[Counted]) -> Counted:
    return Counted(*(int(statistics.median_low(numbers)) for numbers in zip(*several, strict=True)))


def trace(threads: Calls) -> Iterator[str]:
    for number, calls in enumerate(threads, 1):
        yield f"thread {number}"
        for file, together in groupby(calls, key=lambda call: call[0]):
            yield f"  {file}: {', '.join(function for _, function in together)}"


if __name__ == "__main__":
    sys.exit(main())
