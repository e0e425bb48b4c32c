"""What changed between two versions, and what checks have found, for people to read."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from aiohttp import web

from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.pages.waiting import FILLING, deadline_of, made
from couchreg.http.registry.pages.wanted import or_page, show
from couchreg.http.registry.reading import listing, packages
from couchreg.model import json
from couchreg.registry.reading.served import url_of
from couchreg.web.showing import cell, plain

_SHOWN: Final = 200  # problems
_PLACES: Final = ("resource", "field", "row", "file", "line", "column")


async def _difference(call: Call) -> web.StreamResponse:
    name, deadline = call.part("name"), deadline_of(call)
    sides = [await call.registry.catalog.named(name, call.part(side)) for side in ("old", "new")]
    old, new = (side.version for side in sides)
    key = ("DIFFERENCE", name, *(part for side in sides for part in (side.version, side.rev)))
    shown: dict[str, Any] = {"members": [], "added": [], "removed": [], "changed": []}
    async with deadline.time(deadline.for_answers):
        found = await made(call, key, lambda: call.registry.differ.of(name, old, new, askers=call.askers))
        shown = _shown(found)
    base = call.base
    return await show(
        call,
        "difference.html",
        script=FILLING if deadline.is_over else "",
        rest=deadline.rest,
        asked="",
        name=name,
        old=old,
        new=new,
        old_url=url_of(base, name, old),
        new_url=url_of(base, name, new),
        back_url=url_of(base, "-", "diff", name, new, old),
        is_same=not any(shown.values()),
        **shown,
    )


def _shown(found: Mapping[str, Any]) -> dict[str, Any]:
    resources = found["resources"]
    return {
        "members": list(_members(found["descriptor"])),
        "added": resources["added"],
        "removed": resources["removed"],
        "changed": [_resource(one, difference) for one, difference in resources["changed"].items()],
    }


difference = or_page(_difference, listing.difference)


async def _report(call: Call) -> web.StreamResponse:
    version, found = await packages.reported(call)
    return await show(
        call,
        "report.html",
        asked="",
        name=version.name,
        version=version.version,
        url=url_of(call.base, version.name, version.version),
        valid=found.get("valid") is True,
        **problems_of(found),
    )


report = or_page(_report, packages.report)


def problems_of(found: Mapping[str, Any]) -> dict[str, Any]:
    """What a page shows of a report: its first problems, and what nobody looked into."""
    problems = [one for one in _listed(found, "problems") if isinstance(one, Mapping)]
    unchecked = [one for one in _listed(found, "unchecked") if isinstance(one, Mapping)]
    return {
        "errors": found.get("errors", len(problems)),
        "problems": [_problem(one) for one in problems[:_SHOWN]],
        "more": max(0, len(problems) - _SHOWN),
        "skipped": [cell(one) for one in _listed(found, "skipped")][:_SHOWN],
        "unchecked": [_unchecked(one) for one in unchecked[:_SHOWN]],
    }


def _listed(found: Mapping[str, Any], name: str) -> list[Any]:
    """A member of a report; one that came by replication may have been written by anybody."""
    value = found.get(name)
    return value if isinstance(value, list) else []


def _problem(found: Mapping[str, Any]) -> dict[str, Any]:
    places = [f"{word} {cell(found[word])}" for word in _PLACES if found.get(word) is not None]
    return {"message": plain(found.get("message")), "place": ", ".join(places) or "the package"}


def _unchecked(found: Mapping[str, Any]) -> dict[str, str]:
    return {word: plain(found.get(word), 500) for word in ("resource", "member", "reason")}


# -- what changed


def _resource(name: str, found: Mapping[str, Any]) -> dict[str, Any]:
    schema = found["schema"] or {"fields": {}, "members": {}}
    rows = found["rows"] or {}
    return {
        "name": name,
        "members": [*_members(found["members"]), *_members(schema["members"], "schema.")],
        "fields": list(_members(schema["fields"])),
        "skipped": plain(rows.get("skipped")),
        "rows": _rows(rows) if "unchanged" in rows else None,
    }


def _members(found: Mapping[str, Any], before: str = "") -> Iterator[dict[str, str]]:
    """One after the other what came, what went, and what has another value."""
    for name in found.get("added", ()):
        yield {"name": before + name, "what": "added", "old": "", "new": ""}
    for name in found.get("removed", ()):
        yield {"name": before + name, "what": "removed", "old": "", "new": ""}
    for name, values in found.get("changed", {}).items():
        old, new = (cell(json.encode(values[side]).decode()) for side in ("from", "to"))
        yield {"name": before + name, "what": "changed", "old": old, "new": new}


def _rows(found: Mapping[str, Any]) -> dict[str, Any]:
    examples, columns = found["examples"], found["columns"]
    key = found["key"] or []
    return {
        **{word: found[word] for word in ("added", "removed", "changed", "unchanged")},
        "key": ", ".join(key),
        "columns": columns,
        "examples": [
            *(_example("+", columns, row) for row in examples["added"]),
            *(_example("−", columns, row) for row in examples["removed"]),
            *(_change(columns, row) for row in examples["changed"]),
        ],
    }


def _example(sign: str, columns: list[str], row: Mapping[str, Any]) -> dict[str, Any]:
    return {"sign": sign, "cells": [{"old": "", "new": cell(row.get(name))} for name in columns]}


def _change(columns: list[str], found: Mapping[str, Any]) -> dict[str, Any]:
    """A row of which its key is shown, and what is different: the old value and the new one."""
    cells = [
        {
            "old": cell(found["from"].get(name)),
            "new": cell(found["to"].get(name, found["key"].get(name))),
        }
        for name in columns
    ]
    return {"sign": "±", "cells": cells}
