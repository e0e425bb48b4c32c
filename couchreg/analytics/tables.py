"""The tables of versions as the doors see them: which there are, what became of each, and their files."""

import asyncio
import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from couchreg.analytics import converting
from couchreg.analytics.converting import MEDIATYPE, ConversionLimits, Converter
from couchreg.analytics.following import TablesFollower, planned
from couchreg.analytics.known import Known
from couchreg.analytics.ledger import FAILED, PENDING, READY, Table
from couchreg.analytics.making import Making
from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.base import Attachment
from couchreg.errors import BadRequest, NotFound, Unavailable
from couchreg.model import json
from couchreg.package.descriptor import Resource
from couchreg.package.paths import is_url, plain_path
from couchreg.registry.reading.catalog import Catalog, Version
from couchreg.sandbox.forks import ForkServer

log = logging.getLogger(__name__)

_PLACES = 2
_SCHEMA = 1 << 20  # bytes of a schema that is a file
_SOON = 5  # seconds after which somebody who waits may ask again


class Tables:
    """The tables of one registry. `follower` is to be driven by a loop; whoever makes it calls `start` and
    `stop`."""

    def __init__(
        self,
        path: Path,
        catalog: Catalog,
        attachments: Attachments,
        *,
        limits: ConversionLimits | None = None,
    ) -> None:
        self._attachments = attachments
        self._forks = ForkServer((converting.WORKER,))
        self._known = Known(path)
        self.follower = TablesFollower(self._known, attachments.blobs)
        converter = Converter(attachments, self._forks, limits or ConversionLimits(), _PLACES)
        self._making = Making(self._known, catalog, attachments.blobs, converter)

    def start(self) -> None:
        """Go on with what is pending. The process for it is started when there is something."""
        self._making.start()

    async def stop(self) -> None:
        """End the work; what was under way is pending still."""
        await self._making.stop()
        await self._forks.close()

    async def close(self) -> None:
        """After `stop`, and after the loop of the follower."""
        await self._known.close()

    async def of(self, version: Version) -> list[Table]:
        """The tables of a version in their order. What the follower has not come to yet is pending."""
        known = {table.resource: table for table in await self._known.of(version.name, version.version)}
        wanted = planned(
            (version.name, version.version), version.rev, version.resources.values(), version.files
        )
        found = []
        for table in wanted:
            there = known.get(table.resource)
            found.append(there if there is not None and there.rev == version.rev else table)
        return found

    async def ready_of(self, name: str, version: str, rev: str) -> list[Table]:
        """Those whose files are there, of a version at this revision."""
        known = await self._known.of(name, version)
        return [table for table in known if table.rev == rev and table.state == READY]

    async def ready(self, version: Version, resource: str) -> Table:
        """The table of a resource, whose file is there. Raises NotFound, also with the reason why there is
        none, and Unavailable while it is being made."""
        for table in await self.of(version):
            if table.resource == resource:
                return self.check_ready(table)
        raise NotFound(f"{version.name} {version.version} has no table {resource[:200]!r}.")

    @staticmethod
    def check_ready(table: Table) -> Table:
        """Raises as `ready`."""
        which = f"The table {table.resource!r} of {table.name} {table.version}"
        if table.state == FAILED:
            raise NotFound(f"{which} is not there: {place_of(table)}{table.reason}")
        if table.state == PENDING:
            raise Unavailable(f"{which} is being made: ask again in a while.", retry_after=_SOON)
        return table

    async def missing(self, table: Table) -> None:
        """Somebody found that a file has gone or is damaged: have it made again."""
        log.warning("%s is lost or damaged: it is made again from the files of its version", table.key)
        await self._known.settle(table._replace(state=PENDING))

    async def check_length(self, table: Table) -> None:
        """Raises Unavailable where a file of this machine has been cut off; it is made again then."""
        local = self._attachments.blobs.local_path(table.key)
        if local is not None and local.stat().st_size != table.size:
            await self.missing(table)
            raise Unavailable("The file is damaged and is made again: ask in a while.", retry_after=_SOON)

    async def schema(self, version: Version, resource: Resource) -> Mapping[str, Any]:
        """The Table Schema of a resource, out of its file where it has one; empty where there is none to be
        read."""
        stated = resource.members.get("schema")
        if isinstance(stated, str) and not is_url(stated):
            file = version.files.get(plain_path(stated))
            if file is None or file.length > _SCHEMA:
                return {}
            data = b"".join([piece async for piece in self._attachments.open(file)])
            stated = await asyncio.to_thread(_read, data)
        elif isinstance(stated, json.Raw):
            stated = await asyncio.to_thread(_read, bytes(stated))
        return stated if isinstance(stated, dict) else {}

    async def statistics(self, table: Table) -> bytes | None:
        """What was kept of this table by `keep_statistics`, as JSON."""
        return await self._known.statistics(table)

    async def keep_statistics(self, table: Table, body: bytes) -> None:
        await self._known.keep_statistics(table, body)

    async def names(self, after: str, limit: int) -> list[str]:
        """The names of packages that have tables, in order, behind the name `after`."""
        return await self._known.names(after, limit)

    async def seconds_left(self, table: Table) -> int:
        """An estimate of when a pending table is there: behind those that are smaller."""
        before = await self._known.pending_up_to(table.source_bytes)
        return math.ceil(self._making.pace.seconds(*before))

    async def counts(self) -> Mapping[str, int]:
        """How many tables are in each state."""
        found = await self._known.counted()
        return {state: found[state].tables if state in found else 0 for state in (PENDING, READY, FAILED)}


def _read(text: bytes) -> Any:
    try:
        return json.decode(text)
    except BadRequest:
        return None


def place_of(table: Table) -> str:
    """`row 3, field “a”: `, as far as it is known."""
    row = f"row {table.row}" if table.row is not None else ""
    field = f"field “{table.field}”" if table.field is not None else ""
    place = ", ".join(part for part in (row, field) if part)
    return f"{place}: " if place else ""


def attachment_of(table: Table) -> Attachment:
    """The file of a table as files are sent."""
    name = table.key.rpartition("/")[2]
    size = table.size
    return Attachment(name, MEDIATYPE, 0, table.md5, size, size, "identity", table.sha256, table.key)


def shown_failure(table: Table) -> dict[str, Any]:
    """`{reason, row, field}`."""
    return {"reason": table.reason, "row": table.row, "field": table.field}
