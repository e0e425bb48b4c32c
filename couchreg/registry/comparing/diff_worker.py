"""The process that compares tables: `python -m …comparing.diff_worker FOLDER MEMORY SECONDS`.

It reads one job a line from the file `jobs` in its folder, and writes one answer a line. It reads the files
of that folder with frictionless, and can neither reach a network nor write anywhere else.
"""

import json
import os
import resource
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from frictionless import FrictionlessException, Resource, system

from couchreg.registry.checking.checks import TABULAR, NoNet, enclose
from couchreg.registry.comparing.diff_rows import Table, compare


class Read:
    """A table that can be read again and again."""

    def __init__(self, folder: str, side: dict[str, Any]) -> None:
        paths = side["paths"]
        members = {**side["members"], "name": "table", "type": "table"}
        if paths:
            members |= {"path": paths[0], **({"extrapaths": paths[1:]} if paths[1:] else {})}
        if not isinstance(members.get("dialect", {}), dict):
            del members["dialect"]
        self._members, self._folder = members, folder
        with self._opened() as opened:
            if opened.format not in TABULAR:
                raise ValueError(f"the format {opened.format!r} is not a table that can be read here")
            self.columns = [str(label) for label in opened.labels or opened.schema.field_names]

    def rows(self) -> Iterator[list[Any]]:
        with self._opened() as opened:
            stream = opened.dialect.read_enumerated_content_stream(opened.cell_stream)
            yield from (cells for _, cells in stream)

    def _opened(self) -> Any:
        opened = Resource.from_descriptor(self._members, basepath=self._folder)
        opened.open()  # type: ignore[no-untyped-call]
        return opened


def answer(folder: str, job: dict[str, Any]) -> dict[str, Any]:
    """The comparison of one job, or why there is none."""
    try:
        old, new = (Read(folder, job[which]) for which in ("old", "new"))
        key = job["new"]["key"] or job["old"]["key"]
        return compare(Table(old.columns, old.rows), Table(new.columns, new.rows), key)
    except FrictionlessException as error:
        return {"skipped": f"The table cannot be read: {error.error.type}."}
    except (ValueError, UnicodeError) as error:
        return {"skipped": f"The table cannot be compared: {str(error)[:300]}."}
    except MemoryError:
        return {"skipped": "The comparison needs more memory than it may use."}
    except Exception:
        traceback.print_exc()
        return {"skipped": "The comparison failed."}


def main(folder: str, memory: int, seconds: int) -> None:
    os.nice(5)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    jobs = Path(folder, "jobs").read_bytes().splitlines()
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not be taken for an answer
    enclose(folder)
    with system.use_context(http_session=NoNet(), trusted=False):
        for line in jobs:
            out.write(json.dumps(answer(folder, json.loads(line))).encode() + b"\n")
            out.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
