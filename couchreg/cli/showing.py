"""How the client's commands end and what they print: tables for people, one JSON document with `--json`.

Results go to standard output; progress, prompts and errors to standard error.
"""

import asyncio
import re
import shutil
import signal
import sys
import textwrap
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from couchreg.client.errors import ClientError
from couchreg.client.following import Told
from couchreg.client.transport import Progress
from couchreg.errors import CouchregError
from couchreg.model import json

if TYPE_CHECKING:
    from rich.progress import Progress as BarProgress

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")
T = TypeVar("T")
# Controls of the second block, marks of direction, separators of lines: terminals act on some of them.
_UNSEEN = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]")


def run(
    work: Coroutine[Any, Any, T], *, as_json: bool, explain: Callable[[ClientError], None] | None = None
) -> T:
    """The result of a command's work; a ClientError is shown and ends the process with its exit status."""
    try:
        return asyncio.run(work)
    except ClientError as error:
        if as_json:
            print_json({"error": error.error, "reason": error.reason, **_report(error)})
        elif explain is not None:
            explain(error)
        else:
            complain(error)
        sys.exit(error.exit_status)


def _report(error: ClientError) -> dict[str, Any]:
    report = getattr(error, "report", None)
    return {"report": report} if report else {}


def complain(error: CouchregError, instead: str | None = None) -> None:
    """What went wrong, in words that may be a registry's; or in these, which are ours."""
    click.echo(f"couchreg: {plain(instead or error.reason)}", err=True)


def print_json(value: Any) -> None:
    """One JSON document; what a terminal could act on is escaped, which leaves it the same document."""
    text = json.encode(value).decode("utf-8", "replace")
    click.echo(_UNSEEN.sub(_escaped, text))


def _escaped(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be")
    return "".join(f"\\u{units[i] << 8 | units[i + 1]:04x}" for i in range(0, len(units), 2))


def plain(value: Any) -> str:
    """Text of a registry made fit for a terminal: no control characters."""
    return "".join(char if char.isprintable() else " " for char in str(value))


def human(size: Any) -> str:
    """A number of bytes as people read it: `4.9 MB`."""
    if isinstance(size, bool) or not isinstance(size, int):
        return plain(size)
    number, unit = float(size), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if number < 1000:
            break
        number, unit = number / 1000, larger
    return f"{size} {'byte' if size == 1 else 'bytes'}" if unit == "bytes" else f"{number:.1f} {unit}"


def wrapped(text: str, indent: str, hanging: str | None = None) -> str:
    """Text in lines that the terminal has room for; into a file or a pipe, the whole in one line."""
    if not sys.stdout.isatty():
        return indent + text
    width = max(40, shutil.get_terminal_size().columns - 1)
    return textwrap.fill(text, width, initial_indent=indent, subsequent_indent=hanging or indent)


@contextmanager
def interruptible() -> Iterator[None]:
    """While a person is asked: asyncio would only note the first Ctrl-C, and the prompt go on waiting."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def progress_bar(label: str, total: int | None, *, hidden: bool) -> Iterator[tuple[Progress, Progress]]:
    """Two functions, `advance(bytes)` and `set_total(bytes)`, that move a bar on a terminal."""
    with _bar(hidden=hidden) as bar:
        task = bar.add_task(label, total=total)

        def advance(count: int) -> None:
            bar.advance(task, count)
            if bar.finished:
                bar.update(task, description=f"{label}, being checked")

        def set_total(size: int) -> None:
            bar.update(task, total=size)

        yield advance, set_total


@contextmanager
def status_bar(label: str, total: int | None, *, hidden: bool) -> Iterator[tuple[Progress, Told]]:
    """Two functions that move a bar on a terminal: `advance(bytes)` while files are sent, and `told(status)`
    of what is being done with them."""
    with _bar(hidden=hidden) as bar:
        task = bar.add_task(label, total=total)

        def advance(count: int) -> None:
            bar.advance(task, count)

        def told(status: Mapping[str, Any]) -> None:
            progress = status.get("progress")
            found = progress if isinstance(progress, dict) else {}
            bar.update(task, description=f"{label}, {stage_of(status, found)}")
            if "bytes" in found:
                bar.update(task, total=found.get("total"), completed=found["bytes"])

        yield advance, told


def stage_of(status: Mapping[str, Any], progress: Mapping[str, Any]) -> str:
    """What is being done for a package, in words: `checking rows: 120000 rows, 37000 a second, 12 s left`."""
    stage = str(progress.get("stage") or status.get("state") or "")
    if "rows" not in progress:
        return plain(stage)
    words = [f"{progress['rows']} rows"]
    if "rows_per_second" in progress:
        words.append(f"{progress['rows_per_second']} a second")
    if "seconds_left" in progress:
        words.append(f"{progress['seconds_left']} s left")
    return plain(f"{stage} {progress.get('resource')}: {', '.join(words)}")


@contextmanager
def _bar(*, hidden: bool) -> Iterator["BarProgress"]:
    from rich import progress
    from rich.console import Console

    console = Console(stderr=True)
    columns = (
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(
        *columns, console=console, transient=True, disable=hidden or not console.is_terminal
    ) as bar:
        yield bar
