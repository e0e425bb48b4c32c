"""Runs a command of couchreg and records which of its functions start. Used by `scripts/paths`.

`python paths_recorder.py couchreg-arguments…`, with the checkout that is looked at on PYTHONPATH. A line
`record FILE` on standard input begins a recording, and the line `stop` ends it: then FILE holds a JSON array
with an array for each thread, of `[file, function]` in the order of the starts; files are relative to the
package. With the variable COUCHREG_RECORD_ALL the whole command is recorded into the file it names instead.

A function that goes on after an `await` does not start again. Comprehensions and module bodies do not count.
"""

import json
import os
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import couchreg

PACKAGE = os.path.dirname(couchreg.__file__) + os.sep
BODIES = {"<module>", "<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"}
STARTS = 0  # the argument of the instruction RESUME at the beginning of a function


class Recorder:
    """What `sys.setprofile` calls. It is always on, and keeps something only between `start` and `stop`."""

    def __init__(self) -> None:
        self._on = False
        self._threads: dict[int, list[tuple[str, str]]] = {}

    def start(self) -> None:
        self._threads = {}
        self._on = True

    def stop(self, file: str) -> None:
        self._on = False
        partial = Path(f"{file}.part")
        partial.write_text(json.dumps(list(self._threads.values())))
        partial.rename(file)

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        if not self._on or event != "call" or not code.co_filename.startswith(PACKAGE):
            return
        if code.co_name in BODIES or code.co_code[frame.f_lasti + 1] & 3 != STARTS:
            return
        file = code.co_filename.removeprefix(PACKAGE)
        self._threads.setdefault(threading.get_ident(), []).append((file, code.co_name))


def obey(recorder: Recorder) -> None:
    """Read orders until standard input ends."""
    file = ""
    for line in sys.stdin:
        order, _, name = line.strip().partition(" ")
        if order == "record":
            file = name
            recorder.start()
            Path(f"{file}.ready").touch()
        elif order == "stop":
            recorder.stop(file)


def main() -> None:
    from couchreg.cli.main import main as command

    recorder = Recorder()
    everything = os.environ.pop("COUCHREG_RECORD_ALL", None)
    if everything:
        recorder.start()
    else:
        threading.Thread(target=obey, args=[recorder], daemon=True).start()
    threading.setprofile(recorder)
    sys.setprofile(recorder)
    try:
        command()
    finally:
        if everything:
            recorder.stop(everything)


if __name__ == "__main__":
    main()
