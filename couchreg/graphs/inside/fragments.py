"""A page of the triples of a pattern, with what a client has to know to go on and to ask for others.

Source: https://linkeddatafragments.org/specification/triple-pattern-fragments/, https://www.hydra-cg.com/spec/latest/core/.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

from pyoxigraph import Literal, NamedNode, Quad, RdfFormat, Store, serialize

from couchreg.graphs.inside.output import GraphOutput

SIZE: Final = 100  # triples of a page
MOST_COUNTED: Final = 50_000
FORMATS: Final = {
    "text/turtle": RdfFormat.TURTLE,
    "application/trig": RdfFormat.TRIG,
    "application/n-quads": RdfFormat.N_QUADS,
    "application/n-triples": RdfFormat.N_TRIPLES,
    "application/ld+json": RdfFormat.JSON_LD,
}
_HYDRA, _VOID = "http://www.w3.org/ns/hydra/core#", "http://rdfs.org/ns/void#"
_RDF, _XSD = "http://www.w3.org/1999/02/22-rdf-syntax-ns#", "http://www.w3.org/2001/XMLSchema#"
_TYPE = NamedNode(f"{_RDF}type")
_LITERAL: Final = re.compile(r'"(.*)"(?:@([A-Za-z]+(?:-[A-Za-z0-9]+)*)|\^\^<?([^<>"\s]+)>?)?', re.DOTALL)
_Term = NamedNode | Literal


def page(store: Store, asked: Mapping[str, Any], output: GraphOutput) -> None:
    """Write it. Raises ValueError for what is no term."""
    subject, predicate, wanted = (_term(text) for text in asked["pattern"])
    if isinstance(subject, Literal) or isinstance(predicate, Literal):
        raise ValueError("A subject and a predicate are IRIs")
    found = store.quads_for_pattern(subject, predicate, wanted, None)
    skipped = sum(1 for _ in islice(found, asked["skip"]))
    shown = list(islice(found, SIZE))
    more = sum(1 for _ in islice(found, MOST_COUNTED))
    total = skipped + len(shown) + more
    triples = dict.fromkeys(Quad(one.subject, one.predicate, one.object) for one in shown)
    kind = asked["kind"]
    is_quads = kind in ("application/trig", "application/n-quads", "application/ld+json")
    graph = NamedNode(f"{asked['address']}#metadata") if is_quads else None
    said = [Quad(*one, graph) if graph else Quad(*one) for one in _said(asked, total, more > 0)]
    output.begin(kind)
    serialize([*triples, *said], output, FORMATS[kind])


def _term(text: str) -> _Term | None:
    """A term as it stands in an address: an IRI, a literal in quotes, or a variable (None)."""
    if not text or text.startswith("?"):
        return None
    if text.startswith('"'):
        found = _LITERAL.fullmatch(text)
        if found is None:
            raise ValueError("A literal is written in quotes, with @language or ^^type behind them")
        value, language, kind = found.groups()
        return Literal(value, language=language, datatype=NamedNode(kind) if kind else None)
    return NamedNode(text.removeprefix("<").removesuffix(">"))


def _said(asked: Mapping[str, Any], total: int, is_more: bool) -> Iterator[tuple[Any, Any, Any]]:
    """Of the page, the fragment and the dataset: how many there are, where to go on, how others are asked."""
    own, first, template = NamedNode(asked["address"]), NamedNode(asked["first"]), asked["template"]
    dataset = NamedNode(f"{asked['base']}/-/fragments#dataset")
    search = NamedNode(f"{asked['base']}/-/fragments#search")
    yield dataset, _TYPE, NamedNode(f"{_VOID}Dataset")
    yield dataset, _TYPE, NamedNode(f"{_HYDRA}Collection")
    yield dataset, NamedNode(f"{_VOID}subset"), own
    yield dataset, NamedNode(f"{_HYDRA}search"), search
    yield search, _TYPE, NamedNode(f"{_HYDRA}IriTemplate")
    yield search, NamedNode(f"{_HYDRA}template"), Literal(template)
    yield search, NamedNode(f"{_HYDRA}variableRepresentation"), NamedNode(f"{_HYDRA}ExplicitRepresentation")
    for name in ("subject", "predicate", "object"):
        mapping = NamedNode(f"{asked['base']}/-/fragments#{name}")
        yield search, NamedNode(f"{_HYDRA}mapping"), mapping
        yield mapping, NamedNode(f"{_HYDRA}variable"), Literal(name)
        yield mapping, NamedNode(f"{_HYDRA}property"), NamedNode(f"{_RDF}{name}")
    integer = NamedNode(f"{_XSD}integer")
    yield own, _TYPE, NamedNode(f"{_HYDRA}PartialCollectionView")
    for name in (f"{_VOID}triples", f"{_HYDRA}totalItems"):
        yield own, NamedNode(name), Literal(str(total), datatype=integer)
    yield own, NamedNode(f"{_HYDRA}itemsPerPage"), Literal(str(SIZE), datatype=integer)
    yield own, NamedNode(f"{_HYDRA}first"), first
    if asked["before"]:
        yield own, NamedNode(f"{_HYDRA}previous"), NamedNode(asked["before"])
    if is_more:
        yield own, NamedNode(f"{_HYDRA}next"), NamedNode(asked["following"])
