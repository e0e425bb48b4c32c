"""`/-/sql`: a statement and its answer, in the names and shapes of Datasette where it has them.

Source: https://docs.datasette.io/en/latest/json_api.html.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from couchreg.analytics.asking import Asking, Question
from couchreg.errors import BadRequest
from couchreg.http.registry.analytics.streaming import asking_of, check_package, stream, unchanged
from couchreg.http.registry.frame.answers import OPEN, SAFE
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.freshness import cache_control
from couchreg.http.registry.frame.json_body import json_object
from couchreg.http.registry.frame.numbers import whole_number

FORMATS: Final = {  # of answers, and their media types
    "json": "application/json",
    "objects": "application/json",
    "array": "application/json",
    "arrays": "application/json",
    "ndjson": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
}
_PAGED = ("json", "objects", "arrays", "array")
_USUAL, _MOST = 1000, 100_000  # rows of a page
_WHOLE = 1 << 40  # rows of what has no pages: all there are
_DEEPEST = 10_000_000  # rows before a page
_LARGEST = 256 << 10  # bytes of a body
_RELEASE = 1  # of the forms of answers


@dataclass(frozen=True, slots=True)
class SqlRequest:
    """What a request says."""

    sql: str
    format: str
    size: int
    skip: int
    parameters: Mapping[str, Any] | list[Any]


async def ask(call: Call) -> web.StreamResponse:
    """`GET` and `POST /-/sql`, and `GET /-/sql.json`."""
    asking = asking_of(call)
    asked = await _asked(call)
    with call.while_there():
        question = await asking.read(asked.sql, lambda package: check_package(call, package), call.room)
        return await _answer(call, asking, question, asked)


async def _answer(call: Call, asking: Asking, question: Question, asked: SqlRequest) -> web.StreamResponse:
    headers = {
        **SAFE,
        **OPEN,
        "Content-Type": FORMATS[asked.format],
        "Cache-Control": "no-cache",
        "Vary": "Accept",
    }
    if asked.format in ("csv", "arrow", "parquet"):
        headers["Content-Disposition"] = f'attachment; filename="answer.{asked.format}"'
    if not question.volatile:
        parameters = asked.parameters
        tag = question.tag(_RELEASE, asked.format, asked.size, asked.skip, parameters)
        headers["ETag"] = f'"{tag}"'
        if call.request.method in ("GET", "HEAD"):
            headers["Cache-Control"] = cache_control(call, pinned=question.is_pinned)
    early = unchanged(call, headers)
    if early is not None:
        return early
    answer = asking.answer(
        question,
        parameters=asked.parameters,
        format=asked.format,
        size=asked.size,
        skip=asked.skip,
        askers=call.askers,
    )
    async with answer as parts:
        return await stream(call, asking, parts, headers)


async def _asked(call: Call) -> SqlRequest:
    """What the address and the body say; names of Datasette begin with `_`. Raises BadRequest, TooLarge."""
    given: dict[str, Any] = dict(call.request.query)
    body = await json_object(call, _LARGEST) if call.request.method == "POST" else {}
    sql = body.get("sql", body.get("q", given.pop("sql", given.pop("q", None))))
    if not isinstance(sql, str) or not sql.strip():
        raise BadRequest("Say what you ask: ?q=SELECT … FROM package.table")
    format = str(body.get("format", given.pop("format", given.pop("_shape", "json"))))
    if format not in FORMATS:
        raise BadRequest(f"The format {format[:50]!r} is not one of {', '.join(FORMATS)}.")
    most = _MOST if format in _PAGED else _WHOLE
    stated = body.get("_size", given.pop("_size", _USUAL if format in _PAGED else most))
    size = most if stated == "max" else _number("_size", stated, most)
    skip = _number("_next", body.get("_next", given.pop("_next", 0)), _DEEPEST)
    parameters = body.get("parameters", {name: value for name, value in given.items() if name[:1] != "_"})
    if not isinstance(parameters, dict | list) or not all(_is_plain(one) for one in _each(parameters)):
        raise BadRequest("“parameters” must be an object or a list of texts, numbers, true, false and null.")
    return SqlRequest(sql, format, size, skip, parameters)


def _number(name: str, value: Any, most: int) -> int:
    number = whole_number(str(value), most)
    if number is None:
        raise BadRequest(f"“{name}” must be a whole number up to {most}.")
    return number


def _each(parameters: dict[str, Any] | list[Any]) -> list[Any]:
    return [*parameters.values()] if isinstance(parameters, dict) else parameters


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool)
