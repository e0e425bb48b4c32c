"""What changed between two versions of a package: members, resources, schemas, and the rows of tables.

Descriptors are compared here; rows in a child of the sandbox (`diff_rows.py`), which gets the files of the
tables that differ and has limits. What it cannot do within them is said in the place of the numbers.
Versions never change, so what was found is kept for a while.
"""

import asyncio
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from couchreg.docstore.attachments.attachments import Attachments
from couchreg.model import json
from couchreg.package.descriptor import OWN, Resource
from couchreg.registry.comparing.diff_job import WORKER, DiffJob, Side, run
from couchreg.registry.reading.catalog import Catalog, Version
from couchreg.sandbox.forks import ForkServer
from couchreg.sandbox.kinds import ChildGrant, Kind, Limits
from couchreg.sandbox.pool import Pool

KEPT = 64  # differences in memory
LARGEST = 1 << 20  # bytes of one that is kept
LONGEST = 2000  # bytes of a value that is shown, as JSON
MOST = 200  # members, fields or resources of each kind that are shown
_IGNORED = frozenset({"resources", OWN, "version"})
Key = tuple[str, ...]
Pairs = list[tuple[Resource, Resource]]  # of the same name, in the old and in the new version
_CONTENT = frozenset({"schema", "bytes", "hash", "path", "data"})


@dataclass(frozen=True, slots=True)
class DiffLimits:
    """What comparing two versions may use."""

    cpu_seconds: float = 60
    memory: int = 1 << 30  # bytes of address space
    bytes: int = 256 << 20  # of the files of one table, both versions together
    total: int = 1 << 30  # bytes of all files
    workers: int = 2
    waiting: int = 8
    waiting_of_one: int = 3


class Differ:
    """Compares versions, the rows of a few at a time. `forks` has `diff_job.WORKER`."""

    def __init__(
        self,
        catalog: Catalog,
        attachments: Attachments,
        forks: ForkServer,
        limits: DiffLimits | None = None,
    ) -> None:
        self._catalog = catalog
        self._attachments = attachments
        self.limits = limits = limits or DiffLimits()
        allowed = Limits(
            seconds=limits.cpu_seconds * 10 + 60,  # the machine may have other work
            cpu_seconds=limits.cpu_seconds,
            memory=limits.memory,
            file_size=limits.total,
        )
        self._pool = Pool(
            Kind(
                "comparisons of versions",
                WORKER,
                allowed,
                places=limits.workers,
                waiting=limits.waiting,
                waiting_of_one=limits.waiting_of_one,
            ),
            forks,
        )
        self._found: OrderedDict[Key, dict[str, Any]] = OrderedDict()

    async def close(self) -> None:
        await self._pool.close()

    async def of(self, name: str, old: str, new: str, *, askers: Sequence[str] = ()) -> dict[str, Any]:
        """`{name, old, new, descriptor, resources}`, for those who ask.

        Raises NotFound, and TooManyRequests and Unavailable when too many wait.
        """
        before, after = await self._catalog.named(name, old), await self._catalog.named(name, new)
        key = (name, before.version, before.rev, after.version, after.rev)
        if key in self._found:
            self._found.move_to_end(key)
            return self._found[key]
        found = await self._compare(before, after, key, askers)
        if len(json.encode(found)) <= LARGEST:
            self._found[key] = found
        while len(self._found) > KEPT:
            self._found.popitem(last=False)
        return found

    async def _compare(
        self, before: Version, after: Version, key: Key, askers: Sequence[str]
    ) -> dict[str, Any]:
        pairs = [
            (item, after.resources[name])
            for name, item in before.resources.items()
            if name in after.resources
        ]
        jobs, rows = self._jobs(before, after, pairs)
        if jobs:
            found = await self._compared(jobs, key, askers)
            if key in self._found:
                return self._found[key]
            rows |= found
        return await asyncio.to_thread(_described, before, after, pairs, rows)

    async def _compared(self, jobs: Sequence[DiffJob], key: Key, askers: Sequence[str]) -> dict[str, Any]:
        """Resource -> what the comparison of its rows gave; nothing when somebody else was first."""
        async with self._folder() as folder:
            grant = ChildGrant(write=[folder])
            async with self._pool.session(*askers, grant=grant) as session:
                return {} if key in self._found else await run(jobs, folder, self._attachments, session)

    def _jobs(self, before: Version, after: Version, pairs: Pairs) -> tuple[list[DiffJob], dict[str, Any]]:
        """The tables to compare, of those whose content differs; resource -> why another is left out."""
        found: dict[str, Any] = {}
        jobs: list[DiffJob] = []
        left = self.limits.total
        for old, new in pairs:
            if _content(before, old) == _content(after, new):
                continue
            size = sum(_size(version, item) for version, item in ((before, old), (after, new)))
            if size > min(left, self.limits.bytes):
                found[old.name] = {
                    "skipped": f"There are {size} bytes to compare, which is more than this server compares."
                }
                continue
            if len(jobs) == MOST:
                found[old.name] = {"skipped": f"More than {MOST} tables differ: only these are compared."}
                continue
            left -= size
            jobs.append(DiffJob(old.name, Side.of(before, old), Side.of(after, new)))
        return jobs, found

    @asynccontextmanager
    async def _folder(self) -> AsyncIterator[Path]:
        directory = self._attachments.spool.directory
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="diff-", dir=directory))
        try:
            yield folder
        finally:
            await asyncio.to_thread(shutil.rmtree, folder)


def members_of(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """`{added, removed, changed}`: names of members; `changed` maps them to `{from, to}`."""
    common = [name for name in new if name in old]
    return {
        "added": [name for name in new if name not in old],
        "removed": [name for name in old if name not in new],
        "changed": {
            name: {"from": _short(old[name]), "to": _short(new[name])}
            for name in common
            if json.encode(old[name]) != json.encode(new[name])
        },
    }


def _described(before: Version, after: Version, pairs: Pairs, rows: Mapping[str, Any]) -> dict[str, Any]:
    old, new = (_plain(version.document, _IGNORED) for version in (before, after))
    found = {first.name: _resource(first, second, rows.get(first.name)) for first, second in pairs}
    changed = {name: difference for name, difference in found.items() if difference}
    return {
        "name": before.name,
        "old": before.version,
        "new": after.version,
        "descriptor": _shown(members_of(old, new)),
        "resources": {
            "added": [name for name in after.resources if name not in before.resources][:MOST],
            "removed": [name for name in before.resources if name not in after.resources][:MOST],
            "changed": dict(list(changed.items())[:MOST]),
        },
    }


def _plain(members: Mapping[str, Any], without: frozenset[str]) -> dict[str, Any]:
    return {key: value for key, value in members.items() if key not in without}


def _shown(found: dict[str, Any]) -> dict[str, Any]:
    changed = dict(list(found["changed"].items())[:MOST])
    return {"added": found["added"][:MOST], "removed": found["removed"][:MOST], "changed": changed}


def _short(value: Any) -> Any:
    length = len(json.encode(value))
    return value if length <= LONGEST else {"omitted": f"{length} bytes of JSON"}


def _resource(old: Resource, new: Resource, rows: Any) -> dict[str, Any] | None:
    """What is different in one resource; None when nothing is."""
    members = _shown(members_of(_plain(old.members, _CONTENT), _plain(new.members, _CONTENT)))
    schema = _schema(old, new)
    if rows is None and schema is None and not any(members.values()):
        return None
    return {"members": members, "schema": schema, "rows": rows}


def _schema(old: Resource, new: Resource) -> dict[str, Any] | None:
    before, after = old.members.get("schema"), new.members.get("schema")
    if json.encode(before) == json.encode(after):
        return None
    first, second = (value if isinstance(value, dict) else {} for value in (before, after))
    fields = _shown(members_of(dict(_fields(first)), dict(_fields(second))))
    rest = _shown(members_of(_plain(first, frozenset({"fields"})), _plain(second, frozenset({"fields"}))))
    return {"fields": fields, "members": rest}


def _fields(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    listed = schema.get("fields")
    for field in listed if isinstance(listed, list) else ():
        if isinstance(field, dict) and isinstance(field.get("name"), str):
            yield field["name"], field


def _content(version: Version, resource: Resource) -> Any:
    """Equal for resources with the same bytes, or the same inline data."""
    if resource.inline:
        return json.encode(resource.members.get("data"))
    return [version.files[path].sha256 if path in version.files else path for path in resource.paths]


def _size(version: Version, resource: Resource) -> int:
    if resource.inline:
        return len(json.encode(resource.members.get("data")))
    return sum(version.files[path].length for path in resource.paths if path in version.files)
