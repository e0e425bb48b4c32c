"""The checks of a package as a job of the sandbox; imported in child processes only.

A job is JSON: ``{folder, descriptor}``, the package's folder and the path of the file with its descriptor.
The answer is the report as JSON; before it come notes of progress (see `progress`). With ``{folder, paths,
name, version, longest}`` the answer is ``{text, unread}``, a first descriptor of these files as it is shown
to a person, or None for one that is too long.
"""

import gc
import json
from pathlib import Path
from typing import Any

from couchreg.model.json import decode
from couchreg.registry.checking import checks, proposing
from couchreg.sandbox.inside.channel import Reply

_ALLOCATIONS = 100_000  # of lists and the like between two looks of the garbage collector
_UNREAD, _LONGEST = 100, 500  # files in which nothing could be seen; characters of the reason of one


def warm() -> None:
    checks.warm()


def prepare() -> None:
    """Thousands of rows are looked at together, so that the collector would go through all of them again and
    again, and find nothing."""
    gc.set_threshold(_ALLOCATIONS, 10, 10)


def answer(job: bytes, reply: Reply) -> bytes:
    asked = json.loads(job)
    if "paths" in asked:
        return _proposed(asked)
    members = decode(
        Path(asked["descriptor"]).read_bytes()
    )  # as it was read first: with numbers of any length
    return json.dumps(checks.check(asked["folder"], members, reply.note)).encode()


def _proposed(asked: dict[str, Any]) -> bytes:
    unread: list[tuple[str, str]] = []
    paths = filter(proposing.is_data, asked["paths"])
    with checks.without_network():
        resources = proposing.proposed(Path(asked["folder"]), paths, unread)
    descriptor = proposing.first(asked["name"], asked["version"], resources)
    del descriptor["description"]  # words that are meant for who edits a file
    text = json.dumps(descriptor, indent=2, ensure_ascii=False, default=str)
    fits = len(text.encode("utf-8", "replace")) <= asked["longest"]
    few = [(path, reason[:_LONGEST]) for path, reason in unread[:_UNREAD]]
    return json.dumps({"text": text if fits else None, "unread": few}, ensure_ascii=False).encode(
        "utf-8", "replace"
    )
