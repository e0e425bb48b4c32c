"""Asking the tables of a registry with SQL: the answer's bytes in a format, or as what notebooks work
with."""

import io
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from couchreg.client.errors import ClientError, Missing, UsageError
from couchreg.client.suggesting import NO_PACKAGE, meant
from couchreg.client.transport import Transport
from couchreg.model import json

_SCHEMA = re.compile(r'(?<![\w.-])([a-z0-9][a-z0-9._-]{0,149}?)(?:@([^"\s]{1,150}))?"?\."?\w')  # `package.`
_MOST = 5  # names of a statement that are looked for
FORMS = ("rows", "arrow", "pandas", "polars")
Parameters = Mapping[str, Any] | Sequence[Any]


async def ask(
    transport: Transport, sql: str, parameters: Parameters | None, format: str, size: str | None = None
) -> AsyncIterator[bytes]:
    """The answer to a statement over `package.table`, in pieces. Raises ClientError."""
    asked: dict[str, Any] = {"q": sql, "format": format}
    if parameters is not None:
        asked["parameters"] = dict(parameters) if isinstance(parameters, Mapping) else list(parameters)
    if size is not None:
        asked["_size"] = size
    headers = {"Content-Type": "application/json"}
    address = transport.address("-", "sql")
    try:
        async with transport.request("POST", address, headers=headers, data=json.encode(asked)) as response:
            async for chunk in response.content.iter_any():
                yield chunk
    except (Missing, UsageError) as error:
        sentence = await _meant(transport, sql, error.reason)
        if sentence is None:
            raise
        raise type(error)(sentence) from error


async def _meant(transport: Transport, sql: str, reason: str) -> str | None:
    """The sentence about a package that is asked and is not there, where one may be meant."""
    named = dict.fromkeys(_SCHEMA.findall(sql))
    for name, wanted in [pair for pair in named if f"'{pair[0]}'" in reason][:_MOST]:
        if sentence := await meant(transport, name, wanted or None, NO_PACKAGE):
            return sentence
    return None


async def answer(transport: Transport, sql: str, parameters: Parameters | None, form: str) -> Any:
    """A list of objects, a `pyarrow.Table`, or a frame of pandas or polars. Raises ClientError."""
    if form not in FORMS:
        raise UsageError(f"An answer is one of {', '.join(FORMS)}, not {form!r}.")
    size = "max" if form == "rows" else None
    format = "array" if form == "rows" else "arrow"
    body = b"".join([chunk async for chunk in ask(transport, sql, parameters, format, size)])
    if form == "rows":
        return json.decode(body)
    table = _table(body)
    if form == "pandas":
        return table.to_pandas()
    return _polars(table) if form == "polars" else table


def _table(body: bytes) -> Any:
    try:
        import pyarrow as pa
    except ModuleNotFoundError:
        raise ClientError('Install pyarrow for this, as in: pip install "couchreg[parquet]"') from None
    with pa.ipc.open_stream(io.BytesIO(body)) as reader:
        return reader.read_all()


def _polars(table: Any) -> Any:
    try:
        import polars
    except ModuleNotFoundError:
        raise ClientError("Install polars for this: pip install polars") from None
    return polars.from_arrow(table)
