"""Comparing tables in a child of the sandbox: laying out its files, reading its answers.

It answers with one part for each table, so that what is done when its time is up is not lost.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.base import Attachment
from couchreg.model import json
from couchreg.package.descriptor import Resource
from couchreg.package.formats import plain_suffixes
from couchreg.registry.reading.catalog import Version
from couchreg.sandbox.ending import Stopped
from couchreg.sandbox.session import ChildSession

log = logging.getLogger(__name__)
WORKER = "couchreg.registry.comparing.diff_worker"
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
class DiffJob:
    """A resource to compare."""

    name: str
    old: Side
    new: Side


async def run(
    jobs: Sequence[DiffJob], folder: Path, attachments: Attachments, session: ChildSession
) -> dict[str, Any]:
    """Resource -> `{added, removed, changed, …}` as `diff_rows.compare` has it, or `{skipped: why}`.

    The session may write to `folder`.
    """
    lines = [await _line(number, job, folder, attachments) for number, job in enumerate(jobs)]
    (folder / "jobs").write_bytes(b"".join(lines))
    found: list[Any] = []
    try:
        async with aclosing(session.stream(json.encode({"folder": str(folder)}))) as parts:
            async for part in parts:
                found.append(json.decode(part))  # noqa: PERF401 — what is there counts when it is stopped
    except Stopped as stopped:
        log.warning("%s", stopped)
    missing = [STOPPED] * (len(jobs) - len(found))
    return {job.name: answer for job, answer in zip(jobs, found + missing, strict=True)}


async def _line(number: int, job: DiffJob, folder: Path, attachments: Attachments) -> bytes:
    sides = {}
    for which, side in (("old", job.old), ("new", job.new)):
        paths = []
        for part, file in enumerate(side.files):
            path = f"{number}-{which}-{part}{plain_suffixes(file.name)}"
            await _lay_out(file, folder / path, attachments)
            paths.append(path)
        sides[which] = {"members": dict(side.members), "paths": paths, "key": list(side.key)}
    return json.encode(sides) + b"\n"


async def _lay_out(file: Attachment, path: Path, attachments: Attachments) -> None:
    spooled = await attachments.spool.receive(attachments.open(file))
    try:
        path.hardlink_to(spooled.path)
    finally:
        attachments.spool.remove(spooled)
