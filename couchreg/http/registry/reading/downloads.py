"""`GET /-/downloads/:name`: how often files of a package's versions were fetched from this server."""

from datetime import date, timedelta
from itertools import groupby
from typing import Any

from aiohttp import web

from couchreg.errors import BadRequest
from couchreg.http.registry.frame.answers import cacheable
from couchreg.http.registry.frame.call import Call
from couchreg.package.versions import sort_versions
from couchreg.registry.reading.counts_file import CountedDownloads

SPAN = 30  # days, unless asked otherwise


async def downloads(call: Call) -> web.StreamResponse:
    """Counts by version, the highest first, and day; days without any are left out."""
    name = call.part("name")
    await call.registry.catalog.known_versions(name)
    counts = call.registry.downloads
    last = _day(call, "to") or counts.today
    first = _day(call, "from") or last - min(timedelta(SPAN - 1), last - date.min)
    found = await counts.of(name, first, last)
    value = {
        "name": name,
        "from": first.isoformat(),
        "to": last.isoformat(),
        "total": sum(row.downloads for row in found),
        "versions": _by_version(found),
    }
    return cacheable(call, value)


def _day(call: Call, parameter: str) -> date | None:
    text = call.request.query.get(parameter)
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadRequest(f"“{parameter}” must be a day, such as 2026-03-01.") from None


def _by_version(found: list[CountedDownloads]) -> list[dict[str, Any]]:
    ordered = sorted(found, key=lambda row: (row.version, row.day))
    rows = {version: list(days) for version, days in groupby(ordered, key=lambda row: row.version)}
    return [
        {
            "version": version,
            "total": sum(row.downloads for row in rows[version]),
            "days": [{"day": row.day, "downloads": row.downloads} for row in rows[version]],
        }
        for version in sort_versions(rows)[::-1]
    ]
