"""The Parquet files of a version's tables: which there are, and their bytes."""

from typing import Any

from aiohttp import web

from couchreg.analytics.converting import MEDIATYPE, source_hash
from couchreg.analytics.ledger import FAILED, PENDING, READY, Table
from couchreg.analytics.tables import attachment_of, shown_failure
from couchreg.errors import LostBytes, NotFound, Unavailable
from couchreg.http.registry.frame.answers import OPEN, SAFE, cacheable
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.freshness import cache_control
from couchreg.http.registry.reading.files import is_pinned, version_of
from couchreg.http.registry.reading.sending import SentFile, send
from couchreg.model import json
from couchreg.model.media_types import disposition
from couchreg.package.tables import parquet_address
from couchreg.registry.reading.catalog import Version

_SUFFIX = ".parquet"


async def listing(call: Call) -> web.StreamResponse:
    """`GET /-/parquet/{name}/{version}`."""
    tables = call.tables
    version = await version_of(call)
    rows = [await _row(call, version, table) for table in await tables.of(version)]
    return cacheable(call, {"name": version.name, "version": version.version, "tables": rows})


async def _row(call: Call, version: Version, table: Table) -> dict[str, Any]:
    row: dict[str, Any] = {
        "resource": table.resource,
        "state": table.state,
        "source_bytes": table.source_bytes,
    }
    if table.state == READY:
        row |= {
            "url": parquet_address(call.base, table.name, table.version, table.resource),
            "bytes": table.size,
            "hash": f"sha256:{table.sha256}",
            "source": source_hash(version, version.resources[table.resource]),
            "rows": table.rows,
            "columns": json.decode(table.columns),
        }
    if table.state == PENDING:
        row["seconds_left"] = await call.tables.seconds_left(table)
    if table.state == FAILED:
        row |= shown_failure(table)
    return row


async def file(call: Call) -> web.StreamResponse:
    """`GET /-/parquet/{name}/{version}/{path}`: the file of a table, whole or in ranges."""
    tables = call.tables
    version, wanted = await version_of(call), call.part("path")
    if not wanted.endswith(_SUFFIX):
        raise NotFound(f"Ask for {wanted[:200]}{_SUFFIX}: the name of a resource and {_SUFFIX}.")
    table = await tables.ready(version, wanted.removesuffix(_SUFFIX))
    await tables.check_length(table)
    part = attachment_of(table)
    headers = {
        **SAFE,
        **OPEN,
        "Content-Disposition": disposition(wanted.rpartition("/")[2], MEDIATYPE),
        "Content-Type": MEDIATYPE,
        "Accept-Ranges": "bytes",
        "Cache-Control": cache_control(call, pinned=is_pinned(call, version.version)),
    }
    try:
        return await send(call, SentFile(version, MEDIATYPE, table.sha256, [part], headers, None))
    except (NotFound, LostBytes):
        await tables.missing(table)
        raise Unavailable("The file has gone and is made again: ask in a while.", retry_after=5) from None
