"""The routes of packages as RDF."""

from couchreg.auth.policy import Rule
from couchreg.auth.tokens import Scope
from couchreg.graphs.asking import MOST_GRAPHS
from couchreg.http.registry.frame.describing import (
    ERROR,
    NEW,
    TEXT,
    Answers,
    DescribedAnswer,
    DescribedBody,
    Parameter,
    count,
)
from couchreg.http.registry.frame.route import Route
from couchreg.http.registry.graphs.fragments import KINDS, MOST_PAGES
from couchreg.http.registry.graphs.sparql import FORM, FORMATS, QUERY

_FORMAT = Parameter(
    "format", "What the answer is, in place of Accept", {"type": "string", "enum": [*FORMATS]}
)
_GRAPHS = {"type": "array", "items": TEXT, "maxItems": MOST_GRAPHS}
_ASKED = (
    Parameter("query", "SELECT, ASK, CONSTRUCT or DESCRIBE"),
    Parameter("default-graph-uri", "A graph that is asked; all of them unless any is named", _GRAPHS),
    Parameter("named-graph-uri", "A graph for GRAPH", _GRAPHS),
    _FORMAT,
)
_RESULTS = (*FORMATS.values(), "application/json", "application/xml")
_ANSWERS: Answers = {200: DescribedAnswer("Data", _RESULTS), 404: ERROR, 406: ERROR, 503: ERROR}

ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/-/sparql",
        "graphs.sparql.ask",
        Rule.PUBLIC,
        "Ask packages with SPARQL",
        _ANSWERS,
        _ASKED,
        scope=Scope.READ,
    ),
    Route(
        "POST",
        "/-/sparql",
        "graphs.sparql.ask",
        Rule.PUBLIC,
        "Ask packages with SPARQL",
        {**_ANSWERS, 413: ERROR, 415: ERROR},
        _ASKED[1:],
        DescribedBody((QUERY, FORM), {}),
        scope=Scope.READ,
    ),
    Route(
        "GET",
        "/-/fragments",
        "graphs.fragments.fragment",
        Rule.PUBLIC,
        "The triples of a pattern, in pages",
        {200: DescribedAnswer("Data", KINDS), 304: NEW, 404: ERROR, 406: ERROR, 503: ERROR},
        (
            Parameter("subject", "An IRI; any unless given"),
            Parameter("predicate", "An IRI; any unless given"),
            Parameter("object", "An IRI, or a literal in quotes with @language or ^^type; any unless given"),
            count("page", "Which hundred of the triples", 1, MOST_PAGES),
            _FORMAT,
        ),
        scope=Scope.READ,
    ),
)
