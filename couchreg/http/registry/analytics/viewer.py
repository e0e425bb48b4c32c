"""`/-/viewer/…`: the tables of a version as Hugging Face's dataset viewer shows datasets.

A dataset is a package or `package@version`. A config, which there is what has one schema, is a table, by the
name of its resource; left out, or as `default`, the only one. Its one split is `train`, as that of datasets
there that are not split: who asks for `test` gets 404 and no rows that are none.

Source: https://huggingface.co/docs/dataset-viewer.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import wraps
from typing import Any, NamedTuple

from aiohttp import web

from couchreg.analytics.answering import resource_called
from couchreg.analytics.ledger import FAILED, PENDING, READY, Table
from couchreg.analytics.viewing import RowSlice, filtered, is_text, searched
from couchreg.errors import CouchregError
from couchreg.http.registry.analytics.streaming import (
    asking_of,
    check_package,
    headers_of,
    stream,
    unchanged,
)
from couchreg.http.registry.analytics.viewer_shapes import (
    SPLIT,
    ViewerError,
    columns_of,
    failed,
    features_of,
    job,
    types_of,
)
from couchreg.http.registry.frame.answers import cacheable
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.describing import JSON
from couchreg.http.registry.frame.freshness import cache_control
from couchreg.http.registry.frame.numbers import whole_number
from couchreg.package.names import split_wanted
from couchreg.package.tables import parquet_address
from couchreg.registry.reading.catalog import Version

PAGE = 100  # rows of a page, at most
FARTHEST = 1 << 40  # of an offset
_FIRST_ROWS = 1_000_000  # bytes of rows that are shown first
_DEFAULT = "default"
_RELEASE = 1  # of the forms of answers
Operation = Callable[[Call], Awaitable[web.StreamResponse]]


class Dataset(NamedTuple):
    """What a request is about. `name` as it stands there; `pinned`: it says which version."""

    name: str
    version: Version
    pinned: bool


def _viewed(operation: Operation) -> Operation:
    """An operation whose failures are told as at Hugging Face."""

    @wraps(operation)
    async def run(call: Call) -> web.StreamResponse:
        try:
            return await operation(call)
        except (ViewerError, CouchregError) as error:
            return failed(error)

    return run


# -- of all tables of a dataset, or of one config


@_viewed
async def is_valid(call: Call) -> web.StreamResponse:
    """`GET /-/viewer/is-valid`."""
    dataset = await _dataset(call)
    tables = await call.tables.of(dataset.version)
    ready = [table for table in tables if table.state == READY]
    words = any(is_text(column) for table in ready for column in columns_of(table))
    there = dict.fromkeys(("preview", "viewer", "filter", "statistics"), bool(ready))
    return _settled(call, dataset, tables, {**there, "search": words})


@_viewed
async def splits(call: Call) -> web.StreamResponse:
    """`GET /-/viewer/splits`."""
    dataset = await _dataset(call)
    tables = await _chosen(call, dataset)
    listed = [_place(dataset, table) for table in tables if table.state == READY]
    return _settled(call, dataset, tables, {"splits": listed, **_unready(dataset, tables)})


@_viewed
async def info(call: Call) -> web.StreamResponse:
    """`GET /-/viewer/info`."""
    dataset = await _dataset(call)
    tables = await _chosen(call, dataset)
    if call.request.query.get("config"):
        [table] = [call.tables.check_ready(table) for table in tables]
        return _settled(call, dataset, tables, {"dataset_info": _info(dataset, table), "partial": False})
    found = {table.resource: _info(dataset, table) for table in tables if table.state == READY}
    value = {"dataset_info": found, **_unready(dataset, tables), "partial": False}
    return _settled(call, dataset, tables, value)


@_viewed
async def size(call: Call) -> web.StreamResponse:
    """`GET /-/viewer/size`."""
    dataset = await _dataset(call)
    tables = await _chosen(call, dataset)
    ready = [table for table in tables if table.state == READY]
    configs = [_sizes(dataset, table) for table in ready]
    names = ("num_bytes_original_files", "num_bytes_parquet_files", "num_bytes_memory", "num_rows")
    whole = {"dataset": dataset.name, **{name: sum(one[name] for one in configs) for name in names}}
    of_splits = [{**{k: v for k, v in one.items() if k != names[0]}, "split": SPLIT} for one in configs]
    counted = {"dataset": whole, "configs": configs, "splits": of_splits}
    if call.request.query.get("config"):
        [only] = [_sizes(dataset, call.tables.check_ready(table)) for table in tables]
        counted = {"config": only, "splits": of_splits}
    value = {"size": counted, **_unready(dataset, tables), "partial": False}
    return _settled(call, dataset, tables, value)


@_viewed
async def parquet(call: Call) -> web.StreamResponse:
    """`GET /-/viewer/parquet`."""
    dataset = await _dataset(call)
    tables = await _chosen(call, dataset)
    files = [
        {
            **_place(dataset, table),
            "url": parquet_address(call.base, table.name, table.version, table.resource),
            "filename": "0000.parquet",
            "size": table.size,
        }
        for table in tables
        if table.state == READY
    ]
    value = {"parquet_files": files, **_unready(dataset, tables), "partial": False}
    if call.request.query.get("config"):
        [table] = [call.tables.check_ready(table) for table in tables]
        value["features"] = types_of(table)
    return _settled(call, dataset, tables, value)


# -- of one table


@_viewed
async def first_rows(call: Call) -> web.StreamResponse:
    """`GET /-/viewer/first-rows`."""
    dataset = await _dataset(call)
    table = await _table(call, dataset)
    head = {**_place(dataset, table), "features": features_of(table)}
    page = {"head": head, "tail": {}, "most": _FIRST_ROWS}
    return await _rows(call, dataset, table, RowSlice(0, PAGE), page)


@_viewed
async def rows(call: Call) -> web.StreamResponse:
    """`GET /-/viewer/rows`."""
    dataset = await _dataset(call)
    table, part = await _table(call, dataset), _slice(call)
    page = _page(table, num_rows_total=table.rows)
    return await _rows(call, dataset, table, part, page)


@_viewed
async def filter(call: Call) -> web.StreamResponse:
    """`GET /-/viewer/filter`."""
    dataset = await _dataset(call)
    given = call.request.query
    table, part = await _table(call, dataset), _slice(call)
    if not given.get("where") and not given.get("orderby"):
        raise ViewerError(
            "MissingRequiredParameter", "Parameter 'where' is required: a condition such as age>30."
        )
    where, by = filtered(table, given.get("where", ""), given.get("orderby", ""))
    return await _matching(call, dataset, table, (where, by), part)


@_viewed
async def search(call: Call) -> web.StreamResponse:
    """`GET /-/viewer/search`."""
    dataset = await _dataset(call)
    table, part = await _table(call, dataset), _slice(call)
    where = searched(table, _required(call, "query"))
    return await _matching(call, dataset, table, (where, ""), part)


@_viewed
async def statistics(call: Call) -> web.StreamResponse:
    """`GET /-/viewer/statistics`."""
    dataset = await _dataset(call)
    table = await _table(call, dataset)
    headers = headers_of(call, JSON, _RELEASE, table.sha256, pinned=dataset.pinned)
    same = unchanged(call, headers)
    if same is not None:
        return same
    body = await asking_of(call).viewing.statistics(table, call.askers)
    return web.Response(body=body, headers=headers)


async def _rows(
    call: Call, dataset: Dataset, table: Table, part: RowSlice, page: Mapping[str, Any]
) -> web.StreamResponse:
    asking = asking_of(call)
    headers = headers_of(call, JSON, _RELEASE, table.sha256, dataset.name, part, pinned=dataset.pinned)
    same = unchanged(call, headers)
    if same is not None:
        return same
    async with asking.viewing.rows(table, part, page, call.askers) as parts:
        return await stream(call, asking, parts, headers)


async def _matching(
    call: Call, dataset: Dataset, table: Table, asked: tuple[str, str], part: RowSlice
) -> web.StreamResponse:
    asking, (where, by) = asking_of(call), asked
    headers = headers_of(call, JSON, _RELEASE, table.sha256, where, by, part, pinned=dataset.pinned)
    same = unchanged(call, headers)
    if same is not None:
        return same
    async with asking.viewing.matching(table, where, by, part, _page(table), call.askers) as parts:
        return await stream(call, asking, parts, headers)


def _page(table: Table, **counted: int) -> dict[str, Any]:
    tail = {**counted, "num_rows_per_page": PAGE, "partial": False}
    return {"head": {"features": features_of(table)}, "tail": tail, "most": None}


# -- what a request says


async def _dataset(call: Call) -> Dataset:
    name = _required(call, "dataset")
    package, wanted = split_wanted(name)
    check_package(call, package)
    found = await asking_of(call).answering.version(package, wanted, call.room)
    return Dataset(name, found, found.version == wanted)


async def _chosen(call: Call, dataset: Dataset) -> Sequence[Table]:
    """All tables, or the one of the config that is asked for."""
    tables = await call.tables.of(dataset.version)
    return [_named(call, dataset, tables)] if call.request.query.get("config") else tables


async def _table(call: Call, dataset: Dataset) -> Table:
    """The table that is asked for, whose rows are there. Raises Refused, NotFound, Unavailable."""
    table = _named(call, dataset, await call.tables.of(dataset.version))
    split = call.request.query.get("split") or SPLIT
    if split != SPLIT:
        reason = f"The split {split[:200]!r} does not exist: tables have one, {SPLIT!r}, with all rows."
        raise ViewerError("SplitNotFoundError", reason, 404)
    return call.tables.check_ready(table)


def _named(call: Call, dataset: Dataset, tables: Sequence[Table]) -> Table:
    there = {table.resource: table for table in tables}
    config = call.request.query.get("config") or ""
    found = resource_called(config, there)
    if found is None and config in ("", _DEFAULT) and len(there) == 1:
        [found] = there
    if found is not None:
        return there[found]
    which = f"{dataset.version.name} {dataset.version.version}"
    listed = f"its tables: {', '.join(list(there)[:10])}" if there else "it has no tables"
    if not config:
        raise ViewerError(
            "MissingRequiredParameter", f"Parameter 'config' is required for {which}; {listed}."
        )
    raise ViewerError("ConfigNotFoundError", f"{which} has no table {config[:200]!r}; {listed}.", 404)


def _required(call: Call, name: str) -> str:
    value = call.request.query.get(name, "")
    if not value.strip():
        raise ViewerError("MissingRequiredParameter", f"Parameter {name!r} is required.")
    return value


def _slice(call: Call) -> RowSlice:
    return RowSlice(_number(call, "offset", 0, FARTHEST), _number(call, "length", PAGE, PAGE))


def _number(call: Call, name: str, usual: int, most: int) -> int:
    number = whole_number(call.request.query.get(name, str(usual)), most)
    if number is None:
        raise ViewerError("InvalidParameter", f"Parameter {name!r} must be a whole number from 0 to {most}.")
    return number


# -- what is answered


def _settled(call: Call, dataset: Dataset, tables: Sequence[Table], value: Mapping[str, Any]) -> web.Response:
    """Kept for good only when no table of a version is pending."""
    if any(table.state == PENDING for table in tables):
        return cacheable(call, value)
    return cacheable(call, value, {"Cache-Control": cache_control(call, pinned=dataset.pinned)})


def _place(dataset: Dataset, table: Table) -> dict[str, Any]:
    return {"dataset": dataset.name, "config": table.resource, "split": SPLIT}


def _unready(dataset: Dataset, tables: Sequence[Table]) -> dict[str, Any]:
    by_state = {"pending": PENDING, "failed": FAILED}
    return {
        word: [job(dataset.name, table) for table in tables if table.state == state]
        for word, state in by_state.items()
    }


def _sizes(dataset: Dataset, table: Table) -> dict[str, Any]:
    columns = columns_of(table)
    return {
        "dataset": dataset.name,
        "config": table.resource,
        "num_bytes_original_files": table.source_bytes,
        "num_bytes_parquet_files": table.size,
        "num_bytes_memory": sum(column.get("bytes", 0) for column in columns),
        "num_rows": table.rows,
        "num_columns": len(columns),
    }


def _info(dataset: Dataset, table: Table) -> dict[str, Any]:
    """What the library `datasets` calls a DatasetInfo."""
    said = dataset.version.document
    memory = _sizes(dataset, table)["num_bytes_memory"]
    numbers = [
        int(part) if part.isdecimal() and len(part) < 10 else 0 for part in table.version.split(".")[:3]
    ]
    major, minor, patch = (*numbers, 0, 0, 0)[:3]
    return {
        "description": _text(said.get("description")),
        "citation": _text(said.get("citation")),
        "homepage": _text(said.get("homepage")),
        "license": _license(said),
        "features": types_of(table),
        "builder_name": "parquet",
        "dataset_name": table.name,
        "config_name": table.resource,
        "version": {"version_str": table.version, "major": major, "minor": minor, "patch": patch},
        "splits": {
            SPLIT: {
                "name": SPLIT,
                "num_bytes": memory,
                "num_examples": table.rows,
                "dataset_name": table.name,
            }
        },
        "download_size": table.size,
        "dataset_size": memory,
    }


def _license(said: Mapping[str, Any]) -> str:
    stated = said.get("licenses")
    first = stated[0] if isinstance(stated, list) and stated else {}
    name = first.get("name") or first.get("path") if isinstance(first, dict) else None
    return _text(name) or _text(said.get("license"))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
