"""The comparison of tables as a job of the sandbox; imported in child processes only.

A job is JSON: ``{folder}``. The folder has the files, and `jobs`, a line of JSON for each table. The answer
has a part for each line, in order.
"""

import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from frictionless import FrictionlessException, Resource

from couchreg.model import json
from couchreg.registry.checking.checks import TABULAR, without_network
from couchreg.registry.comparing.diff_rows import ComparedTable, compare
from couchreg.sandbox.inside.channel import Reply


class ReadTable:
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


def compared(folder: str, job: dict[str, Any]) -> dict[str, Any]:
    """The comparison of one table, or why there is none."""
    try:
        old, new = (ReadTable(folder, job[which]) for which in ("old", "new"))
        key = job["new"]["key"] or job["old"]["key"]
        return compare(ComparedTable(old.columns, old.rows), ComparedTable(new.columns, new.rows), key)
    except FrictionlessException as error:
        return {"skipped": f"The table cannot be read: {error.error.type}."}
    except (ValueError, UnicodeError) as error:
        return {"skipped": f"The table cannot be compared: {str(error)[:300]}."}
    except MemoryError:
        return {"skipped": "The comparison needs more memory than it may use."}
    except Exception:
        traceback.print_exc()
        return {"skipped": "The comparison failed."}


def answer(job: bytes, reply: Reply) -> bytes:
    folder = json.decode(job)["folder"]
    with without_network():
        for line in Path(folder, "jobs").read_bytes().splitlines():
            reply.part(json.encode(compared(folder, json.decode(line))))
    return b""
