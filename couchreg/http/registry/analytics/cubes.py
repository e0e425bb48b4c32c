"""`/api/3/cubes/…`: tables as cubes, in the form of OpenSpending's API.

Source: https://github.com/openspending/babbage.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from importlib.metadata import version as installed_version
from typing import Any
from urllib.parse import quote

from aiohttp import web

from couchreg.analytics.cubes.models import COUNT, FUNCTIONS, Attribute, Dimension
from couchreg.analytics.cubes.questions import FARTHEST, MOST_ROWS, USUAL_ROWS, Cube, CubePage, Statements
from couchreg.analytics.cubing import FoundCube
from couchreg.errors import BadRequest, CouchregError
from couchreg.http.registry.analytics.streaming import (
    asking_of,
    check_package,
    headers_of,
    stream,
    unchanged,
)
from couchreg.http.registry.frame.answers import answer, cacheable, failure
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.describing import JSON
from couchreg.http.registry.frame.numbers import whole_number
from couchreg.model import json
from couchreg.package.names import split_wanted

LISTED = 1000  # packages whose cubes are listed at once
_CSV = "text/csv; charset=utf-8"
_RELEASE = 1  # of the forms of answers
_CLASSES = ((7, "tiny"), (50, "low"), (1000, "medium"))  # of cardinalities, up to these
_KEPT = ("Retry-After", "WWW-Authenticate")  # of the headers of a failure
Operation = Callable[[Call], Awaitable[web.StreamResponse]]


def _told(operation: Operation) -> Operation:
    """An operation whose failures are `{status: "error", message, context}`, and ours besides."""

    @wraps(operation)
    async def run(call: Call) -> web.StreamResponse:
        try:
            return await operation(call)
        except CouchregError as error:
            response = failure(error)
            more = {"status": "error", "message": error.reason, "context": {}}
            kept = {name: text for name, text in response.headers.items() if name in _KEPT}
            return answer({"error": error.error, "reason": error.reason, **more}, response.status, kept)

    return run


@_told
async def index(call: Call) -> web.StreamResponse:
    """`GET /api/3`."""
    return cacheable(
        call,
        {
            "status": "ok",
            "api": "babbage",
            "message": "Aggregates of the tables of this registry.",
            "cubes_index_url": f"{call.base}/api/3/cubes",
            "version": installed_version("couchreg"),
        },
    )


@_told
async def cubes(call: Call) -> web.StreamResponse:
    """`GET /api/3/cubes`."""
    size = _number(call, "pagesize", USUAL_ROWS, LISTED) or USUAL_ROWS
    after = call.request.query.get("start", "")
    names, last = await asking_of(call).cubing.names(after, size)
    following = f"{call.base}/api/3/cubes?pagesize={size}&start={quote(last)}" if last else None
    return cacheable(call, {"status": "ok", "data": [{"name": name} for name in names], "next": following})


@_told
async def model(call: Call) -> web.StreamResponse:
    """`GET /api/3/cubes/{cube}/model`."""
    name, found = await _found(call)
    headers = headers_of(call, JSON, _RELEASE, name, found.state, pinned=found.pinned)
    same = unchanged(call, headers)
    if same is not None:
        return same
    counted = await asking_of(call).cubing.cardinalities(found, call.askers)
    value = {"status": "ok", "name": name, "model": _model(found.cube, counted)}
    return web.Response(body=json.encode(value) + b"\n", headers=headers)


@_told
async def facts(call: Call) -> web.StreamResponse:
    """`GET /api/3/cubes/{cube}/facts`."""
    _, found = await _found(call)
    page = _page(call)
    asked = found.cube.facts(_given(call, "fields"), _given(call, "cut"), _given(call, "order"), page)
    return await _answer(call, found, asked, page, ("data", "total_fact_count"))


@_told
async def members(call: Call) -> web.StreamResponse:
    """`GET /api/3/cubes/{cube}/members/{ref}`."""
    _, found = await _found(call)
    page = _page(call)
    asked = found.cube.members(call.part("ref"), _given(call, "cut"), _given(call, "order"), page)
    return await _answer(call, found, asked, page, ("data", "total_member_count"))


@_told
async def aggregate(call: Call) -> web.StreamResponse:
    """`GET /api/3/cubes/{cube}/aggregate`."""
    _, found = await _found(call)
    page, (aggregates, drilldown, cut, order) = (
        _page(call),
        (_given(call, name) for name in ("aggregates", "drilldown", "cut", "order")),
    )
    asked = found.cube.aggregate(aggregates, drilldown, cut, order, page)
    return await _answer(call, found, asked, page, ("cells", "total_cell_count"))


async def _found(call: Call) -> tuple[str, FoundCube]:
    name = call.part("cube")
    check_package(call, split_wanted(name.partition(":")[0])[0])
    return name, await asking_of(call).cubing.find(name, call.room)


async def _answer(
    call: Call, found: FoundCube, asked: Statements, page: CubePage, names: tuple[str, str]
) -> web.StreamResponse:
    """The rows under the first name, their number under the second."""
    asking, form, simple = asking_of(call), _form(call), _is_simple(call)
    state = [found.state, asked.rows, simple, form]
    headers = headers_of(call, _CSV if form == "csv" else JSON, _RELEASE, state, pinned=found.pinned)
    if form == "csv":
        headers["Content-Disposition"] = f'attachment; filename="{names[0]}.csv"'
    same = unchanged(call, headers)
    if same is not None:
        return same
    head = {"status": "ok", **asked.said, "page": page.number, "page_size": page.size}
    shape = {"form": form, "head": head, "name": names[0], "counted": names[1]}
    bare = simple or form == "csv"
    async with asking.cubing.page(found, asked, shape, call.askers, simple=bare) as parts:
        return await stream(call, asking, parts, headers)


# -- what a request says


def _given(call: Call, name: str) -> str:
    return call.request.query.get(name, "")


def _form(call: Call) -> str:
    stated = _given(call, "format").lower()
    if stated not in ("", "json", "csv"):
        raise BadRequest(f"The format {stated[:50]!r} is neither json nor csv.")
    return "csv" if stated == "csv" else "cells"


def _is_simple(call: Call) -> bool:
    """`simple`, with whatever value but false."""
    return "simple" in call.request.query and _given(call, "simple").lower() != "false"


def _page(call: Call) -> CubePage:
    number = _number(call, "page", 1, FARTHEST)
    return CubePage(max(number, 1), _number(call, "pagesize", USUAL_ROWS, MOST_ROWS))


def _number(call: Call, name: str, usual: int, most: int) -> int:
    number = whole_number(_given(call, name) or str(usual), most)
    if number is None:
        raise BadRequest(f"“{name}” must be a whole number up to {most}.")
    return number


# -- what is answered


def _model(cube: Cube, counted: Mapping[str, int]) -> dict[str, Any]:
    model = cube.model
    measures = {
        name: {"ref": name, "label": one.label, "column": one.column.name, "type": one.column.type}
        for name, one in model.measures.items()
    }
    aggregates: dict[str, Any] = {
        f"{name}.{function}": {
            "ref": f"{name}.{function}",
            "label": f"{function} of {one.label}",
            "function": function,
            "measure": name,
        }
        for name, one in model.measures.items()
        for function in FUNCTIONS
    }
    aggregates[COUNT] = {"ref": COUNT, "label": "Number of entries", "function": "count"}
    dimensions = {name: _dimension(one, counted) for name, one in model.dimensions.items()}
    return {
        "fact_table": model.fact_table,
        "measures": measures,
        "aggregates": aggregates,
        "dimensions": dimensions,
        "hierarchies": {
            name: {"ref": name, "label": one.label, "levels": [name]}
            for name, one in model.dimensions.items()
        },
    }


def _dimension(one: Dimension, counted: Mapping[str, int]) -> dict[str, Any]:
    key, label = one.attributes[one.key], one.attributes[one.label_attribute]
    number = counted.get(key.ref, 0)
    return {
        "ref": one.name,
        "label": one.label,
        "hierarchy": one.name,
        "key_attribute": key.name,
        "key_ref": key.ref,
        "label_attribute": label.name,
        "label_ref": label.ref,
        "cardinality": number,
        "cardinality_class": next((word for most, word in _CLASSES if number <= most), "high"),
        "attributes": {name: _attribute(each) for name, each in one.attributes.items()},
    }


def _attribute(one: Attribute) -> dict[str, Any]:
    return {"ref": one.ref, "label": one.label, "column": one.column.name, "type": one.column.type}
