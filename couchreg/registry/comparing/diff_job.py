"""Comparing tables in another process: laying out its files, running it, reading its answers.

The process is `python -m couchreg.registry.comparing.diff_worker`. It answers with one line for each
table, so that what is done when its time is up is not lost.
"""

import asyncio
import logging
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.base import Attachment
from couchreg.model import json
from couchreg.package.descriptor import Resource
from couchreg.package.formats import split_format
from couchreg.registry.checking.checker import environment
from couchreg.registry.reading.catalog import Version

log = logging.getLogger(__name__)
_LINE = 16 << 20  # bytes of one answer
_KEPT = ("format", "encoding", "compression", "dialect", "innerpath", "mediatype")
STOPPED = {"skipped": "The comparison was stopped: it took more time or memory than it may."}


@dataclass(frozen=True, slots=True)
class Side:
    """A table in one of the two versions. Its paths are not passed on: they may be anything."""

    members: Mapping[str, Any]
    files: Sequence[Attachment]
    key: Sequence[str]

    @classmethod
    def of(cls, version: Version, resource: Resource) -> "Side":
        members = {key: resource.members[key] for key in _KEPT if key in resource.members}
        if resource.inline:
            members["data"] = resource.members.get("data")
        schema = resource.members.get("schema")
        stated = schema.get("primaryKey") if isinstance(schema, dict) else None
        key = [name for name in (stated if isinstance(stated, list) else [stated]) if isinstance(name, str)]
        files = [version.files[path] for path in resource.paths if path in version.files]
        return cls(members, files, key)


@dataclass(frozen=True, slots=True)
class Job:
    """A resource to compare."""

    name: str
    old: Side
    new: Side


async def run(
    jobs: Sequence[Job], folder: Path, attachments: Attachments, seconds: int, memory: int
) -> dict[str, Any]:
    """Resource -> `{added, removed, changed, …}` as `diff_rows.compare` has it, or `{skipped: why}`."""
    lines = [await _line(number, job, folder, attachments) for number, job in enumerate(jobs)]
    (folder / "jobs").write_bytes(b"".join(lines))
    found = await _answers(folder, len(jobs), seconds, memory)
    return {job.name: found.get(number, STOPPED) for number, job in enumerate(jobs)}


async def _line(number: int, job: Job, folder: Path, attachments: Attachments) -> bytes:
    sides = {}
    for which, side in (("old", job.old), ("new", job.new)):
        paths = []
        for part, file in enumerate(side.files):
            path = f"{number}-{which}-{part}{_suffix(file.name)}"
            await _lay_out(file, folder / path, attachments)
            paths.append(path)
        sides[which] = {"members": dict(side.members), "paths": paths, "key": list(side.key)}
    return json.encode(sides) + b"\n"


def _suffix(name: str) -> str:
    form, compression = split_format(name)
    suffixes = "".join(f".{part}" for part in (form, compression) if part)
    return suffixes if re.fullmatch(r"[.A-Za-z0-9]{1,20}", suffixes) else ""


async def _lay_out(file: Attachment, path: Path, attachments: Attachments) -> None:
    spooled = await attachments.spool.receive(attachments.open(file))
    try:
        path.hardlink_to(spooled.path)
    finally:
        attachments.spool.remove(spooled)


async def _answers(folder: Path, expected: int, seconds: int, memory: int) -> dict[int, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-W",
        "ignore",
        "-m",
        "couchreg.registry.comparing.diff_worker",
        str(folder),
        str(memory),
        str(seconds),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        limit=_LINE,
        start_new_session=True,
        env=environment(),
    )
    found: dict[int, Any] = {}
    try:
        async with asyncio.timeout(seconds):
            for number in range(expected):
                found[number] = await _answer(process)
    except (TimeoutError, EOFError) as error:
        log.warning("comparing versions was stopped: %r", error)
    finally:
        await _stop(process)
    return found


async def _answer(process: Process) -> Any:
    line = await process.stdout.readline() if process.stdout else b""
    if not line.endswith(b"\n"):
        raise EOFError("the process ended")
    return json.decode(line)


async def _stop(process: Process) -> None:
    if process.returncode is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            log.debug("the process had ended by itself")
    await process.wait()
