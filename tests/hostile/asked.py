"""What each route is asked for where it does most: statements, questions, conditions, functions."""

from collections.abc import Iterator
from itertools import product

_TABLE = '"rows@1.0.0".rows'
_STATEMENTS = [
    f"q={text}"
    for text in (
        f"SELECT * FROM {_TABLE}",
        f"SELECT a, b FROM {_TABLE} a(a, b) ORDER BY random() LIMIT 5",
        "SELECT * FROM big.r0 LIMIT 100000",
        "SELECT repeat('x', 1000000000)",
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r",
        "SELECT list(range) FROM range(100000000)",
        "SELECT " + "(" * 3000 + "1" + ")" * 3000,
        "SELECT " + "1+" * 10_000 + "1",
        "SELECT regexp_matches(repeat('a', 100000), '(a+)+$')",
        f"SELECT * FROM {', '.join([_TABLE] * 33)}",
        "SELECT * FROM none.none",
        "EXPLAIN ANALYZE SELECT sum(range) FROM range(1000000)",
    )
]
_ASKED = ("rows", "rows@1.0.0", "big", "wide", "lean0@^1")
_CONDITIONS = ["a>1", "b='x' OR a IN (1,2)", "b ~ '(a+)+$'", "(" * 40 + "a=1" + ")" * 40, "a=" + "9" * 8000]
_CONDITIONS += [" OR ".join(["a=1"] * 190), "b LIKE '" + "%a" * 3000 + "'", "'" * 8001, "a<" * 4000]
_CUTS = [
    "a:1",
    "a:-5..10",
    'b:"x";"y"',
    "b:~" + "*a" * 3000,
    ";".join(["a:1"] + ["2"] * 199),
    '"' * 8000,
    "a:" * 4000,
]
_ALL = "?a ?b ?c"
_SCHEMA = "http://schema.org/"
SPARQL = (
    f"SELECT * WHERE {{ {_ALL} }}",
    f"SELECT (COUNT(*) AS ?n) WHERE {{ {_ALL} . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }}",
    f"SELECT * WHERE {{ {_ALL} . ?c ?d ?e . ?e ?f ?g }} ORDER BY ?g DESC(?a) LIMIT 1000000000",
    f"SELECT ?a ?z WHERE {{ ?a (<{_SCHEMA}name>|!<{_SCHEMA}x>)* ?z }}",
    "SELECT ?a ?z WHERE { ?a (^!<x:y>/!<x:z>)+ ?z }",
    f'SELECT * WHERE {{ {_ALL} FILTER(REGEX(STR(?c), "(a+)+$")) }}',
    f"CONSTRUCT {{ {_ALL} . ?c ?b ?a }} WHERE {{ {_ALL} }}",
    f"DESCRIBE ?a WHERE {{ {_ALL} }}",
    f"ASK {{ GRAPH ?g {{ {_ALL} }} FILTER NOT EXISTS {{ ?c ?d ?e }} }}",
    f"SELECT ?g (COUNT(DISTINCT ?c) AS ?n) WHERE {{ GRAPH ?g {{ {_ALL} }} }} GROUP BY ?g ORDER BY RAND()",
    f'SELECT (GROUP_CONCAT(?c; separator="{"x" * 999}") AS ?t) WHERE {{ {_ALL} . ?d ?e ?f }}',
    "SELECT ?z WHERE { BIND('x' AS ?a0) "
    + " ".join(f"BIND(CONCAT(?a{n}, ?a{n}) AS ?a{n + 1})" for n in range(40))
    + " BIND(STRLEN(?a40) AS ?z) }",
    "SELECT * WHERE " + "{" * 3000 + f" {_ALL} " + "}" * 3000,
    f"SELECT * WHERE {{ {' UNION '.join(['{ ' + _ALL + ' }'] * 500)} }}",
    f"SELECT * WHERE {{ {_ALL} {' '.join(f'OPTIONAL {{ ?c ?d{n} ?e{n} }}' for n in range(200))} }}",
    f"SELECT * WHERE {{ VALUES ?a {{ {' '.join(str(n) for n in range(4000))} }} ?b ?c ?a }}",
    f"SELECT * WHERE {{ SERVICE <http://127.0.0.1:9/> {{ {_ALL} }} }}",
    f"SELECT * FROM <http://127.0.0.1:9/x> WHERE {{ {_ALL} }}",
    "INSERT DATA { <x:a> <x:b> <x:c> }",
    "SELECT" + " ?a" * 10_000 + f" WHERE {{ {_ALL} }}",
    f"SELECT (SUM(?n * {'9' * 3000}) AS ?s) WHERE {{ {_ALL} BIND({'(' * 900}1{')' * 900} AS ?n) }}",
    f'SELECT * WHERE {{ {_ALL} FILTER(REPLACE(STR(?c), "(.*)(.*)(.*)", "$1$1$2$2$3$3") != "") }}',
)
_TERMS = (
    *("", f"{_SCHEMA}name", "http://www.w3.org/1999/02/22-rdf-syntax-ns#type", f"{_SCHEMA}Dataset"),
    *('"word"', '"x"@en', '"1"^^http://www.w3.org/2001/XMLSchema#integer', "_:b0", "?x", "x"),
    *('"' * 3999, "<" * 500, '"' + "a" * 4000 + '"', '"a"^^' + "x:" * 1500, '"a"@' + "e-" * 1500),
)
_WORDS = (
    *("word", "a*", "*", '"a word"', "-word", "title:word", "license:CC0-1.0", "w* " * 300, '"' * 300),
    *('"' + "a " * 2000 + '"', "-a " * 500, "title:" * 500, "a" * 5000, "é" * 2000, "(" * 500, "OR " * 500),
)
_FILTERS = {
    "type": ("term0", f"{_SCHEMA}Dataset", "Dataset", "x" * 3000),
    "where": ("name:word", "spatialCoverage.name:France", "a." * 1500 + "b:c", ":" * 2000, "x"),
    "about": (f"{_SCHEMA}about", "x" * 3000, "http://" + "a." * 1000),
    "field": ("a", "b", "c1", "x" * 3000),
    "fieldtype": ("integer", "string", "x"),
    "unit": ("m", "x" * 3000),
    "license": ("CC0-1.0", "x-" * 1500),
    "format": ("csv", "x"),
    "keywords": ("x", "(" * 3000),
    "publisher": ("admin", "x"),
    "deprecated": ("true", "false", "x"),
    "temporal": ("2010/2020", "2010", "0/9", "9" * 3000, "-" * 500, "2010/" * 500),
    "bbox": ("5,45,10,48", "-180,-90,180,90", "1,2", "nan,inf,-inf,1e999", ",".join(["1"] * 900)),
    "in": ("packages", "resources", "x"),
    "sort": ("newest", "name", "relevance", "x"),
    "facet": ("type,license,format,keywords,publisher,field", "type," * 900, "x", ","),
    "like": ("a word", "x" * 5000),
    "limit": ("1", "1000", "9" * 30),
    "skip": ("9999", "9" * 30),
}


def _searches() -> Iterator[str]:
    for word in _WORDS:
        yield f"q={word}"
    for name, values in _FILTERS.items():
        for value, question in product(values, ("", "&q=word", "&in=resources&facet=type,format&q=*")):
            yield f"{name}={value}{question}"
    yield "&".join(["where=a:b"] * 200)
    yield "&".join(f"field=c{number}" for number in range(200))


_ROWS_OF_VIEWS = [
    *("", "reduce=false", "group=true", "group_level=1", "reduce=false&include_docs=true&conflicts=true"),
    *("update=false", "stale=ok", "key=1", "keys=[1,2,3]", 'startkey=["a"]&endkey=["a",{}]', "sorted=false"),
    *("reduce=false&skip=900&limit=5", "descending=true&limit=10", "reduce=false&include_docs=true"),
]
_FUNCTIONS = "/open/_design/d"
_PARTITION = "/parts/_partition/p"
# Where a route does something: places that are there.
PLACES = {
    "/{db}/_design/{ddoc}/_info": ["/open/_design/d/_info", "/parts/_design/d/_info"],
    "/{db}/_partition/{partition}": [_PARTITION, "/parts/_partition/none"],
    "/{db}/_partition/{partition}/{path*}": [
        f"{_PARTITION}/{path}"
        for path in ("_all_docs", "_find", "_explain", "_design/d/_view/v", "_design/d/_view/sum", "none")
    ],
}
for _name, _paths in {
    "_view/{path?}": ("_view/v", "_view/sum", "_view/own", "_view/none"),
    "_view/{view}/queries": ("_view/v/queries", "_view/sum/queries"),
    "_show/{path?}": ("_show/s", "_show/s/d1"),
    "_list/{path?}": ("_list/l/v", "_list/l/d/v"),
    "_update/{path?}": ("_update/u", "_update/u/d1"),
    "_rewrite/{path?}": ("_rewrite/x", "_rewrite/a/b/c", "_rewrite/" + "*" * 999),
}.items():
    PLACES["/{db}/_design/{ddoc}/" + _name] = [f"{_FUNCTIONS}/{path}" for path in _paths]
for _name in (
    *("", "/_bulk_docs", "/_find", "/_explain", "/_changes", "/_all_docs"),
    *("/_bulk_get", "/_revs_diff", "/_all_docs/queries", "/_index"),
):
    PLACES["/{db}" + _name] = [f"/open{_name}", f"/parts{_name}"]
PLACES["/{db}/{docid}"] = ["/open/d1", "/open/new", "/parts/p:d1"]
_OF_DATASETS = ("is-valid", "splits", "info", "size", "parquet", "first-rows", "rows", "statistics")
# By the whole of a route's template, or by the last part of it.
USUAL = {
    "/-/search": list(_searches()),
    "/-/search.atom": list(_searches()),
    "/-/v1/search": [f"text={word}&size=250" for word in (*_WORDS, "author:a", "maintainer:" * 300)],
    "/-/sparql": [f"query={text}" for text in SPARQL],
    "/-/fragments": [
        f"subject={one}&predicate={two}&object={three}&page={page}"
        for one, two, three in product(_TERMS, _TERMS[:4], _TERMS)
        for page in (1, 2, 1000)
    ],
    "/{db}/_design/{ddoc}/_view/{path?}": _ROWS_OF_VIEWS,
    "/{db}/_design/{ddoc}/_list/{path?}": _ROWS_OF_VIEWS,
    "/{db}/_partition/{partition}/{path*}": _ROWS_OF_VIEWS,
    "_changes": [
        "filter=_selector",
        "filter=_selector&include_docs=true",
        "filter=_doc_ids",
        "include_docs=true",
        "filter=d/f&a=1",
        "filter=_view&view=d/v",
    ],
    "_all_docs": [
        "include_docs=true",
        "include_docs=true&conflicts=true",
        "include_docs=true&attachments=true",
    ],
    "_bulk_get": ["revs=true", "attachments=true", "latest=true"],
    "queries": ["include_docs=true", "descending=true"],
    "{docid}": ["open_revs=all", "revs=true&revs_info=true", "attachments=true", "meta=true", "rev=1-a"],
    "{attachment*}": ["rev=1-a"],
    "{version}": [
        "profile=schema.org",
        "profile=croissant,flattened",
        "profile=dcat-ap,expanded",
        "clone=true",
    ],
    "{name}": ["profile=croissant", "range=^1", "profile=schema.org,expanded"],
    "{path}": ["meta=true"],
    "search": [
        *('keys=["word"]', 'keys=["a"]&limit=200', "type=term0"),
        *("dataset=rows&config=rows&query=x", "dataset=big&query=a b c", "dataset=rows&query=%"),
    ],
    "packages": ["order=name&limit=1000", "start=9", "limit=1000"],
    "_session": ["basic=true", "next=/"],
    "sql": _STATEMENTS,
    "sql.json": _STATEMENTS,
    **{
        endpoint: [f"dataset={name}&config={config}" for name in _ASKED for config in ("r0", "rows", "data")]
        for endpoint in _OF_DATASETS
    },
    "filter": [f"dataset=rows&config=rows&where={text}" for text in _CONDITIONS],
    "facts": [f"cut={text}" for text in _CUTS] + ["order=a:desc&pagesize=10000", "format=csv"],
    "aggregate": [f"cut={text}&drilldown=a|b" for text in _CUTS] + ["drilldown=a", "simple&format=csv"],
    "{ref}": ["order=a.a:desc", "pagesize=10000"],
    "cubes": ["pagesize=1000", "start=\0", "start=r"],
}


def usual(template: str) -> list[str]:
    return USUAL.get(template) or USUAL.get(template.rpartition("/")[2]) or []
