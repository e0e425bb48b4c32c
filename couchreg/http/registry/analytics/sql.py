"""`/-/sql`: a statement and its answer, in the names and shapes of Datasette where it has them.

Source: https://docs.datasette.io/en/latest/json_api.html.
"""

import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from couchreg.analytics.asking import Asking, Question
from couchreg.errors import BadRequest, CouchregError, NotFound
from couchreg.http.registry.frame.answers import OPEN, SAFE, not_modified
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.freshness import cache_control
from couchreg.http.registry.frame.json_body import json_object

log = logging.getLogger(__name__)
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
class Asked:
    """What a request says."""

    sql: str
    format: str
    size: int
    skip: int
    parameters: Mapping[str, Any] | list[Any]


async def ask(call: Call) -> web.StreamResponse:
    """`GET` and `POST /-/sql`, and `GET /-/sql.json`."""
    asking = call.services.asking
    if asking is None:
        raise NotFound("Nothing can be asked here: the operator has turned --analytics off.")
    asked = await _asked(call)
    with call.while_there():
        question = await asking.read(asked.sql, lambda package: _check(call, package), call.room)
        return await _answer(call, asking, question, asked)


def _check(call: Call, package: str) -> None:
    """Raises Forbidden for a token that is not good for this package."""
    if call.grant is not None:
        call.grant.require(call.route.needs, package)


async def _answer(call: Call, asking: Asking, question: Question, asked: Asked) -> web.StreamResponse:
    headers = {**SAFE, **OPEN, "Content-Type": FORMATS[asked.format], "Cache-Control": "no-cache"}
    if asked.format in ("csv", "arrow", "parquet"):
        headers["Content-Disposition"] = f'attachment; filename="answer.{asked.format}"'
    if not question.volatile:
        parameters = asked.parameters
        tag = question.tag(_RELEASE, asked.format, asked.size, asked.skip, parameters)
        headers["ETag"] = f'"{tag}"'
        if call.request.method in ("GET", "HEAD"):
            headers["Cache-Control"] = cache_control(call, pinned=question.is_pinned)
        if not_modified(call.request, tag):
            return web.Response(status=304, headers={k: v for k, v in headers.items() if k != "Content-Type"})
    if call.request.method == "HEAD":
        return web.StreamResponse(headers=headers)
    answer = asking.answer(
        question,
        parameters=asked.parameters,
        format=asked.format,
        size=asked.size,
        skip=asked.skip,
        askers=call.askers,
    )
    async with answer as parts:
        return await _stream(call, asking, parts, headers)


async def _stream(
    call: Call, asking: Asking, parts: AsyncIterator[bytes], headers: Mapping[str, str]
) -> web.StreamResponse:
    """The answer as fast as it is read; a short one whole, so that what fails in it has a status of its
    own."""
    first, second = [await asking.told(anext(parts, b"")) for _ in range(2)]
    if not second:
        return web.Response(body=first, headers=headers)
    response = web.StreamResponse(headers=headers)
    await response.prepare(call.request)
    try:
        for part in (first, second):
            await response.write(part)
        async for part in parts:
            await response.write(part)
        await response.write_eof()
    except ConnectionError:
        raise
    except Exception as error:
        ours = not isinstance(error, CouchregError)
        log.log(logging.ERROR if ours else logging.INFO, "an answer broke off: %s", error, exc_info=ours)
        if call.request.transport is not None:
            call.request.transport.abort()  # a short body must not look like a whole one
    return response


async def _asked(call: Call) -> Asked:
    """What the address and the body say; names of Datasette begin with `_`. Raises BadRequest, TooLarge."""
    given: dict[str, Any] = dict(call.request.query)
    body = await json_object(call, _LARGEST) if call.request.method == "POST" else {}
    sql = body.get("sql", body.get("q", given.pop("sql", given.pop("q", None))))
    if not isinstance(sql, str) or not sql.strip():
        raise BadRequest("Say what you ask: ?q=SELECT … FROM package.table")
    format = str(body.get("format", given.pop("format", given.pop("_shape", "json"))))
    if format not in FORMATS:
        raise BadRequest(f"The format {format[:50]!r} is none of {', '.join(FORMATS)}.")
    most = _MOST if format in _PAGED else _WHOLE
    stated = body.get("_size", given.pop("_size", _USUAL if format in _PAGED else most))
    size = most if stated == "max" else _number("_size", stated, most)
    skip = _number("_next", body.get("_next", given.pop("_next", 0)), _DEEPEST)
    parameters = body.get("parameters", {name: value for name, value in given.items() if name[:1] != "_"})
    if not isinstance(parameters, dict | list) or not all(_is_plain(one) for one in _each(parameters)):
        raise BadRequest("“parameters” are an object or a list of texts, numbers, true, false and null.")
    return Asked(sql, format, size, skip, parameters)


def _number(name: str, value: Any, most: int) -> int:
    text = str(value)
    if not (text.isascii() and text.isdecimal()) or len(text) > 15 or int(text) > most:
        raise BadRequest(f"“{name}” is a whole number up to {most}.")
    return int(text)


def _each(parameters: dict[str, Any] | list[Any]) -> list[Any]:
    return [*parameters.values()] if isinstance(parameters, dict) else parameters


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool)
