"""The triples of a version: its schema.org view, and its own JSON-LD as far as its contexts are at hand.

No context is fetched: of those that are referred to by address schema.org's is known, others count as empty.
Nodes without a name get one that is the graph's with a number behind it, so that they can be asked for.
"""

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

from pyoxigraph import BlankNode, NamedNode, Quad, RdfFormat, parse

from couchreg.graphs.handed import Given
from couchreg.model import json as documents
from couchreg.registry.linked.contexts import BUNDLED
from couchreg.registry.linked.schema_org import dataset
from couchreg.registry.linked.source import LinkedSource
from couchreg.registry.reading.catalog import Version
from couchreg.registry.reading.served import url_of

MOST: Final = 20_000  # triples of one version
LARGEST: Final = 1 << 20  # bytes of a descriptor whose own JSON-LD is read
MOST_RESOURCES: Final = 1_000
_DEPTH: Final = 30
_LEFT_OUT: Final = frozenset({"data", "couchreg", "_attachments", "views", "README", "readme", "@import"})


def quads_of(given: Given, base: str) -> Iterator[Quad]:
    """The version's graph."""
    members = documents.body(given.members)
    url = url_of(base, given.name, given.version)
    graph = NamedNode(url)
    names: dict[str, NamedNode] = {}

    def named(term: Any) -> Any:
        if isinstance(term, BlankNode):
            return names.setdefault(term.value, NamedNode(f"{url}#_{len(names)}"))
        return term

    found = (quad for document in _documents(given, members, base) for quad in _parsed(document, url))
    for quad in islice(found, MOST):
        yield Quad(named(quad.subject), quad.predicate, named(quad.object), graph)


def _documents(given: Given, members: dict[str, Any], base: str) -> Iterator[dict[str, Any]]:
    version = Version(given.name, given.version, given.rev, members, given.files)
    yield dataset(LinkedSource(version, base)) | {"@context": BUNDLED["https://schema.org/"]["@context"]}
    if len(given.members) > LARGEST:
        return
    url = url_of(base, given.name, given.version)
    own = _clean(members, 0)
    above = own.pop("@context", None)
    if above is not None:
        yield {"@context": above, "@id": url, **own}
    resources = own.get("resources")
    for resource in islice(resources if isinstance(resources, list) else (), MOST_RESOURCES):
        if isinstance(resource, dict) and "@context" in resource and isinstance(resource.get("name"), str):
            context = [part for part in (above, resource["@context"]) if part is not None]
            place = url_of(base, given.name, given.version, resource["name"])
            yield {"@id": place, **resource, "@context": context}


def _clean(value: Any, depth: int) -> Any:
    """A value without what is no metadata, and without contexts that would have to be fetched."""
    if depth > _DEPTH:
        return None
    if isinstance(value, list):
        return [_clean(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {
            key: _context(item, depth + 1) if key == "@context" else _clean(item, depth + 1)
            for key, item in value.items()
            if key not in _LEFT_OUT
        }
    return value


def _context(value: Any, depth: int) -> Any:
    if isinstance(value, list):
        return [_context(item, depth + 1) for item in value]
    if isinstance(value, str):
        known: Mapping[str, Any] = BUNDLED.get(value, {})
        return known.get("@context", {})
    return _clean(value, depth)


def _parsed(document: dict[str, Any], url: str) -> Iterator[Quad]:
    """What can be read of a document; nothing more from its first fault on."""
    try:
        yield from parse(json.dumps(document).encode(), RdfFormat.JSON_LD, base_iri=url)
    except (SyntaxError, ValueError):
        return
