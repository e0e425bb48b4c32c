"""The words in which a row of the route table says what a route takes and answers.

`openapi.py` turns them into an OpenAPI description; nothing here acts on a request.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

Schema = Mapping[str, Any]
TEXT: Schema = {"type": "string"}
DAY: Schema = {"type": "string", "format": "date"}
JSON, LINKED, BYTES = "application/json", "application/ld+json", "application/octet-stream"
HTML = "text/html"
EVENTS = "text/event-stream"


class Parameter(NamedTuple):
    """A parameter of the query string."""

    name: str
    summary: str
    schema: Schema = TEXT
    required: bool = False


class DescribedBody(NamedTuple):
    """What a request brings: media types, and the schema of the JSON among them."""

    types: tuple[str, ...]
    schema: Schema


class DescribedAnswer(NamedTuple):
    """What comes with one status; `schema` names one of `schemas.SCHEMAS`, None for no body."""

    schema: str | None
    types: tuple[str, ...] = (JSON,)


Answers = Mapping[int, DescribedAnswer]

NEW = DescribedAnswer(None)
ERROR = DescribedAnswer("Error")
# What any route may answer: a bad request, wrong credentials, too many of them.
ALWAYS: Answers = dict.fromkeys((400, 401, 403, 429), ERROR)


def gives(schema: str, *errors: int, types: tuple[str, ...] = (JSON,), fresh: bool = True) -> Answers:
    """A read: 200 with this schema, 304 for a client that has it already (`fresh`), and errors."""
    unchanged = {304: NEW} if fresh else {}
    return {200: DescribedAnswer(schema, types), **unchanged, **dict.fromkeys(errors, ERROR)}


def makes(schema: str, *errors: int, statuses: tuple[int, ...] = (200,)) -> Answers:
    """A write: these statuses with this schema, and errors."""
    return {**dict.fromkeys(statuses, DescribedAnswer(schema)), **dict.fromkeys(errors, ERROR)}


def members(required: str = "", **schemas: Schema) -> Schema:
    """A JSON object with these members, of which the first words are required."""
    return {"type": "object", "required": required.split(), "properties": schemas}


def flag(name: str, summary: str) -> Parameter:
    """A parameter that is `true` or absent."""
    return Parameter(name, summary, {"type": "string", "enum": ["true", "false"]})


def count(name: str, summary: str, default: int, most: int) -> Parameter:
    """A whole number."""
    return Parameter(name, summary, {"type": "integer", "minimum": 0, "maximum": most, "default": default})


RANGE = Parameter("range", "A range of versions, such as `^1.2`: the highest version in it")
START = Parameter("start", "Where to continue: part of the address in `next`")
LIMIT = count("limit", "The largest number of entries to return", 50, 1000)
