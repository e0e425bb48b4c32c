"""`/-/sparql`: the SPARQL 1.1 protocol, for queries.

Source: https://www.w3.org/TR/sparql11-protocol/.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

from aiohttp import web

from couchreg.errors import BadContentType, BadRequest, NotFound, TooLarge
from couchreg.graphs.asking import MOST_GRAPHS, GraphAnswer, GraphAsking
from couchreg.http.registry.frame.answers import OPEN, SAFE, streamed
from couchreg.http.registry.frame.body import plain_body
from couchreg.http.registry.frame.call import Call
from couchreg.registry.publishing.intake import PublishLimits
from couchreg.wire.accept import qualities
from couchreg.wire.headers import parameters

FORM, QUERY = "application/x-www-form-urlencoded", "application/sparql-query"
FORMATS: Final = {  # words for media types, where an address says what the answer is
    "json": "application/sparql-results+json",
    "xml": "application/sparql-results+xml",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "turtle": "text/turtle",
    "ntriples": "application/n-triples",
    "rdfxml": "application/rdf+xml",
    "jsonld": "application/ld+json",
}
_LARGEST: Final = 256 << 10  # bytes of a body
_MOST_KINDS: Final = 50  # of an Accept header
_UPDATE: Final = "Nothing is changed here: send a “query”, and no “update”."


class SparqlRequest(NamedTuple):
    """What a request says."""

    query: str
    default_graphs: Sequence[str]
    named_graphs: Sequence[str]
    format: str | None


def asking_of(call: Call) -> GraphAsking:
    """Raises NotFound where nothing can be asked."""
    if call.services.graphs is None:
        raise NotFound("Nothing can be asked here: the operator has turned --analytics off.")
    return call.services.graphs


def accepted(call: Call, format: str | None, usual: str) -> list[str]:
    """The media types that a client takes, the most wanted first; a word for one in place of the header.
    Raises BadRequest for a word that is none."""
    if format is not None:
        if format not in FORMATS:
            raise BadRequest(f"The format {format[:50]!r} is not one of {', '.join(FORMATS)}.")
        return [FORMATS[format]]
    stated = qualities(", ".join(call.request.headers.getall("Accept", [])) or usual) or []
    taken = [(name, quality) for name, quality in stated[:_MOST_KINDS] if quality > 0]
    return [name for name, _ in sorted(taken, key=lambda pair: -pair[1])]


async def ask(call: Call) -> web.StreamResponse:
    """`GET` and `POST /-/sparql`."""
    asking = asking_of(call)
    asked = await _asked(call)
    with call.while_there():
        answer = asking.query(
            asked.query,
            accepted(call, asked.format, "*/*"),
            default_graphs=asked.default_graphs,
            named_graphs=asked.named_graphs,
            askers=call.askers,
        )
        async with answer as answered:
            return await sent(call, answered, {"Cache-Control": "no-cache", "Vary": "Accept"})


async def sent(call: Call, answered: GraphAnswer, headers: Mapping[str, str]) -> web.StreamResponse:
    kind = answered.kind if "/" not in answered.kind or "+" in answered.kind else _with_charset(answered.kind)
    return await streamed(call, answered.parts, {**SAFE, **OPEN, **headers, "Content-Type": kind})


def _with_charset(kind: str) -> str:
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


async def _asked(call: Call) -> SparqlRequest:
    given = list(call.request.query.items())
    if call.request.method == "POST":
        kind, _ = parameters(call.request.headers.get("Content-Type", ""))
        if kind not in (FORM, QUERY):
            raise BadContentType(f"Send a query as {QUERY}, or as {FORM}.")
        body = await _body(call)
        if kind == QUERY:
            given.append(("query", body))
        else:
            given += _form(body)
    if any(name == "update" for name, _ in given):
        raise BadRequest(_UPDATE)
    queries = [value for name, value in given if name == "query"]
    if len(queries) != 1 or not queries[0].strip():
        raise BadRequest("Say what you ask, once: ?query=SELECT * WHERE { … }")
    default, named = (
        [value for key, value in given if key == name] for name in ("default-graph-uri", "named-graph-uri")
    )
    formats = [value for name, value in given if name == "format"]
    return SparqlRequest(queries[0], default, named, formats[0] if formats else None)


def _form(body: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body, keep_blank_values=True, max_num_fields=2 * MOST_GRAPHS)
    except ValueError:
        raise BadRequest("The form in the body of this request cannot be read.") from None


async def _body(call: Call) -> str:
    data = bytearray()
    async for chunk in plain_body(call, PublishLimits(total=_LARGEST, files=0, descriptor=0)):
        data += chunk
        if len(data) > _LARGEST:
            raise TooLarge(f"The body of this request may have at most {_LARGEST} bytes.")
    await call.confirm()
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise BadRequest("The body of this request is not valid UTF-8.") from None
