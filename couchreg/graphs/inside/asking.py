"""Jobs of a child that answers: a SPARQL query, or a page of a pattern's triples, from a copy of the store.

A job is JSON. The answer comes in parts: a head, JSON with the media type of what follows, or with `error`
and `place` (line and column, or null); then the body.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from pyoxigraph import (
    NamedNode,
    QueryBoolean,
    QueryResultsFormat,
    QuerySolutions,
    QueryTriples,
    RdfFormat,
    Store,
)

from couchreg.graphs.inside.fragments import page
from couchreg.graphs.inside.output import Full, GraphOutput
from couchreg.sandbox.inside.channel import Reply

_JSON, _XML = "application/sparql-results+json", "application/sparql-results+xml"
RESULTS: Final = {
    _JSON: QueryResultsFormat.JSON,
    "application/json": QueryResultsFormat.JSON,
    _XML: QueryResultsFormat.XML,
    "application/xml": QueryResultsFormat.XML,
    "text/csv": QueryResultsFormat.CSV,
    "text/tab-separated-values": QueryResultsFormat.TSV,
}
GRAPHS: Final = {
    "text/turtle": RdfFormat.TURTLE,
    "application/n-triples": RdfFormat.N_TRIPLES,
    "application/rdf+xml": RdfFormat.RDF_XML,
    "application/ld+json": RdfFormat.JSON_LD,
}
_PLACE: Final = re.compile(r"error at (\d+):(\d+): ")


class NotTaken(Exception):
    """Nothing that the client takes can be made of this answer."""


def answer(job: bytes, reply: Reply) -> bytes:
    asked = json.loads(job)
    output = GraphOutput(reply, asked["most"])
    try:
        store = Store.read_only(asked["store"])
        make: Callable[[Store, Mapping[str, Any], GraphOutput], None] = page if "pattern" in asked else _query
        make(store, asked, output)
    except NotTaken:
        return _refused(f"This is answered as {', '.join((*RESULTS, *GRAPHS))}.", None, taken=False)
    except Full:
        return _refused(
            f"The answer has more than {asked['most'] >> 20} MiB: ask with LIMIT and OFFSET", None
        )
    except (SyntaxError, ValueError, RuntimeError) as error:
        found = _PLACE.match(str(error))
        reason = str(error)[found.end() if found else 0 :][:500] or "The query cannot be read"
        return _refused(reason, [int(found[1]), int(found[2])] if found else None)
    except OSError as error:
        if output.is_full:  # what reading its results was told by their writer
            return _refused(_too_long(asked), None)
        return _refused(f"The query could not be answered: {str(error)[:300]}", None)
    return output.end()


def _too_long(asked: Mapping[str, Any]) -> str:
    return f"The answer has more than {asked['most'] >> 20} MiB: ask with LIMIT and OFFSET"


def _refused(reason: str, place: list[int] | None, *, taken: bool = True) -> bytes:
    return json.dumps({"error": reason, "place": place, "taken": taken}).encode()


def _query(store: Store, asked: Mapping[str, Any], output: GraphOutput) -> None:
    given = {key: [NamedNode(iri) for iri in asked[key]] for key in ("default_graph", "named_graphs")}
    stated: dict[str, Any] = {key: graphs for key, graphs in given.items() if graphs}
    results = store.query(
        asked["query"], base_iri=asked["base"] + "/", use_default_graph_as_union=asked["union"], **stated
    )
    if isinstance(results, QueryTriples):
        kind = chosen(asked["accept"], list(GRAPHS))
        output.begin(kind)
        results.serialize(output, GRAPHS[kind])
    elif isinstance(results, QuerySolutions | QueryBoolean):
        offered = [kind for kind in RESULTS if isinstance(results, QuerySolutions) or "text/" not in kind]
        kind = chosen(asked["accept"], offered)
        output.begin(kind)
        results.serialize(output, RESULTS[kind])


def chosen(accept: list[str], offered: list[str]) -> str:
    """The kind that a client wants most, of those it names in that order. Raises NotTaken."""
    for wanted in accept:
        family = wanted.partition("/")[0]
        for kind in offered:
            if wanted in (kind, "*/*") or (wanted == f"{family}/*" and kind.startswith(f"{family}/")):
                return kind
    raise NotTaken
