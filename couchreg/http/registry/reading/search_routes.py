"""The routes of the search for people."""

from couchreg.auth.policy import Rule
from couchreg.followers.search.items import FACETS, PACKAGES, RESOURCES
from couchreg.http.registry.frame.describing import ERROR, JSON, LINKED, Parameter, count, gives
from couchreg.http.registry.frame.route import Route
from couchreg.http.registry.reading.search import FARTHEST, HITS, MOST_HITS, SORTS

Q = Parameter("q", "Words; also a “phrase”, -without, title:word, license:CC0-1.0, begin*")
_FILTERS = {
    "type": "A JSON-LD type; of schema.org those that are a kind of it, too",
    "where": "A property and its value: `spatialCoverage.name:France`",
    "about": "An IRI that occurs in it",
    "field": "The name of a field",
    "fieldtype": "The type of a field",
    "unit": "The unit of a field or a measured variable",
    "license": "A licence by name, title or address",
    "format": "A format of data",
    "keywords": "A keyword, whole",
    "publisher": "Who published it",
}
QUESTION = (
    Q,
    *(Parameter(name, f"{summary}; may be repeated, all have to hold") for name, summary in _FILTERS.items()),
    Parameter("deprecated", "Whether it is deprecated", {"type": "string", "enum": ["true", "false"]}),
    Parameter("temporal", "A time that it speaks of, or a part of it: `2010/2020`"),
    Parameter("bbox", "A box that it touches: west,south,east,north in degrees"),
    Parameter("in", "What is found", {"type": "string", "enum": [PACKAGES, RESOURCES]}),
    Parameter("sort", "The order", {"type": "string", "enum": [*SORTS]}),
)
PAGE = (
    count("limit", "The largest number of hits to return", HITS, MOST_HITS),
    count("skip", "The number of hits to skip", 0, FARTHEST),
)
SEARCH = (
    *QUESTION,
    Parameter("facet", f"Count the values of these, with commas between: {', '.join(FACETS)}"),
    Parameter("like", "A text by its meaning; 501 where the server cannot"),
    *PAGE,
)

ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/-/search",
        "reading.search.search",
        Rule.PUBLIC,
        "Packages or resources by words and properties",
        {**gives("Hits", 406, 503, types=(JSON, LINKED), fresh=False), 501: ERROR},
        SEARCH,
    ),
)
