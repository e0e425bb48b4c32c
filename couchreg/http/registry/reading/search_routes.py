"""The routes of the search for people."""

from couchreg.auth.policy import Rule
from couchreg.followers.search.items import FACETS, PACKAGES, RESOURCES
from couchreg.http.registry.frame.describing import (
    ERROR,
    HTML,
    JSON,
    LINKED,
    NEW,
    Answers,
    DescribedAnswer,
    Parameter,
    count,
    gives,
)
from couchreg.http.registry.frame.route import Route
from couchreg.http.registry.reading.feeds import ATOM, MOST_VERSIONS, VERSIONS
from couchreg.http.registry.reading.search import FARTHEST, HITS, MOST_HITS, SORTS
from couchreg.http.registry.reading.search_forms import DESCRIPTION, MOST_OBJECTS, OBJECTS, WEIGHTS
from couchreg.http.registry.reading.sitemap import XML

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
    Parameter("like", "A text by its meaning, the nearest first; 501 where the server cannot"),
    *PAGE,
)

_WEIGHT = {"type": "number", "minimum": 0, "maximum": 1}
NPM = (
    Parameter("text", "Words; also keywords:word, author:name, maintainer:name"),
    count("size", "The largest number of packages to return", OBJECTS, MOST_OBJECTS),
    count("from", "The number of packages to skip", 0, FARTHEST),
    *(Parameter(name, "A weight, which changes nothing here", _WEIGHT) for name in WEIGHTS),
)
_FEED: Answers = {200: DescribedAnswer("Data", (ATOM,)), 304: NEW}

ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/-/v1/search",
        "reading.search_forms.npm",
        Rule.PUBLIC,
        "Packages by words, as npm's registry answers",
        gives("NpmHits", 503, fresh=False),
        NPM,
    ),
    Route(
        "GET",
        "/-/opensearch.xml",
        "reading.search_forms.described",
        Rule.PUBLIC,
        "How the search is asked, for browsers: an OpenSearch description",
        {200: DescribedAnswer("Data", (DESCRIPTION,)), 304: NEW},
        in_registry=False,
    ),
    Route(
        "GET",
        "/-/search.atom",
        "reading.search_forms.followed",
        Rule.PUBLIC,
        "What a search finds as a feed, the newest first",
        {**_FEED, 501: ERROR, 503: ERROR},
        (*QUESTION, *PAGE),
    ),
    Route(
        "GET",
        "/-/versions.atom",
        "reading.feeds.versions",
        Rule.PUBLIC,
        "The newest versions of all packages as a feed",
        _FEED,
        (count("limit", "The largest number of versions to return", VERSIONS, MOST_VERSIONS),),
    ),
    Route(
        "GET",
        "/sitemap.xml",
        "reading.sitemap.sitemap",
        Rule.PUBLIC,
        "The addresses of all versions, for search engines",
        {200: DescribedAnswer("Data", (XML,))},
        (Parameter("from", "Where a page begins: part of an address in the list of pages"),),
    ),
    Route(
        "GET",
        "/robots.txt",
        "reading.sitemap.robots",
        Rule.PUBLIC,
        "What search engines may read",
        {200: DescribedAnswer("Data", ("text/plain",))},
        in_registry=False,
    ),
    Route(
        "GET",
        "/-/search",
        "pages.searching.search",
        Rule.PUBLIC,
        "Packages or resources by words and properties",
        {**gives("Hits", 406, 503, types=(JSON, LINKED, HTML), fresh=False), 501: ERROR},
        SEARCH,
    ),
)
