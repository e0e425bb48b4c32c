"""The routes of tables that can be asked."""

from couchreg.analytics.cubes.questions import FARTHEST as FARTHEST_PAGE
from couchreg.analytics.cubes.questions import MOST_ROWS, USUAL_ROWS
from couchreg.auth.policy import Rule
from couchreg.auth.tokens import Scope
from couchreg.http.registry.analytics.cubes import LISTED
from couchreg.http.registry.analytics.sql import FORMATS
from couchreg.http.registry.analytics.viewer import FARTHEST, PAGE
from couchreg.http.registry.frame.describing import (
    ERROR,
    HTML,
    JSON,
    NEW,
    RANGE,
    START,
    TEXT,
    Answers,
    DescribedAnswer,
    DescribedBody,
    Parameter,
    count,
    gives,
    members,
)
from couchreg.http.registry.frame.parameters import FILE
from couchreg.http.registry.frame.route import Route

_ASKED = (
    Parameter("q", "One SELECT, or EXPLAIN of one, over package.table and “package@version”.table"),
    Parameter("sql", "The same, as Datasette calls it"),
    Parameter("format", "What the answer is", {"type": "string", "enum": [*FORMATS]}),
    Parameter("_shape", "The same, as Datasette calls it", {"type": "string", "enum": [*FORMATS]}),
    Parameter("_size", "Rows of a page, 1000 unless given, or max: 100000; of other formats all", TEXT),
    count("_next", "Where to go on: what the answer before said", 0, 10_000_000),
)
_STATEMENT = DescribedBody(
    (JSON,),
    members(q=TEXT, sql=TEXT, format=TEXT, _size={}, _next={}, parameters={"type": ["object", "array"]}),
)
_ANSWER = DescribedAnswer("Answered", (JSON, *FORMATS.values(), HTML))
_ANSWERS: Answers = {200: _ANSWER, 304: NEW, 404: ERROR, 503: ERROR}
_DATASET = Parameter("dataset", "A package, or package@version", required=True)
_CONFIG = Parameter("config", "A table, by the name of its resource; not needed where there is one")
_SPLIT = Parameter("split", "Always train")
_TABLE = (_DATASET, _CONFIG, _SPLIT)
_PART = (count("offset", "The first row", 0, FARTHEST), count("length", "How many rows", PAGE, PAGE))
_WHERE = Parameter("where", "A condition, such as age>30 AND (name='Simone' OR children=0)")
_ORDER_BY = Parameter("orderby", 'Columns to sort by: "age" DESC, name')
_VIEWER = (  # endpoint, summary, answer, parameters
    ("is-valid", "What the viewer has of a package", "Validity", (_DATASET,)),
    ("splits", "The tables of a package", "Splits", (_DATASET, _CONFIG)),
    ("info", "What is said of a package and its tables", "Info", (_DATASET, _CONFIG)),
    ("size", "How large the tables of a package are", "Sizes", (_DATASET, _CONFIG)),
    ("parquet", "The Parquet files of a package", "ParquetFiles", (_DATASET, _CONFIG)),
    ("first-rows", "The first rows of a table", "FirstRows", _TABLE),
    ("rows", "Rows of a table", "Rows", (*_TABLE, *_PART)),
    ("filter", "Rows that meet a condition", "Rows", (*_TABLE, _WHERE, _ORDER_BY, *_PART)),
    (
        "search",
        "Rows with all of some words",
        "Rows",
        (*_TABLE, Parameter("query", "Words", required=True), *_PART),
    ),
    ("statistics", "What the columns of a table are like", "Statistics", _TABLE),
)
_PAGES = (
    count("page", "The page, from 1", 1, FARTHEST_PAGE),
    count("pagesize", "Rows of a page", USUAL_ROWS, MOST_ROWS),
    Parameter("format", "What the answer is", {"type": "string", "enum": ["json", "csv"]}),
    Parameter("simple", "Whatever it is: without number and summary of all rows"),
)
_CUT = Parameter("cut", 'Which facts: cofog1:"4";"10"|amount:>40|year:2010..2020|name:~Booz*')
_ORDER = Parameter("order", "By what: amount.sum:desc,cofog1.label")
_AGGREGATES = Parameter("aggregates", "What: amount.sum|_count; all unless given")
_DRILLDOWN = Parameter("drilldown", "By what: cofog1|year.year")
_FIELDS = Parameter("fields", "What: cofog1,amount; all unless given")
_CELLS = {
    **gives("Cells", 404, 503, types=(JSON, "text/csv")),
    200: DescribedAnswer("Cells", (JSON, "text/csv")),
}
_LISTED = (START, count("pagesize", "The number of packages whose cubes are listed", USUAL_ROWS, LISTED))
_CUBES: tuple[tuple[str, str, str, Answers, tuple[Parameter, ...]], ...] = (
    ("", "index", "What these routes are", gives("Cubes"), ()),
    ("/cubes", "cubes", "The cubes of the latest versions", gives("Cubes"), _LISTED),
    ("/cubes/{cube}/model", "model", "Measures and dimensions of a cube", gives("Cubes", 404, 503), ()),
    ("/cubes/{cube}/facts", "facts", "Facts of a cube", _CELLS, (_FIELDS, _CUT, _ORDER, *_PAGES)),
    ("/cubes/{cube}/members/{ref}", "members", "Values of a dimension", _CELLS, (_CUT, _ORDER, *_PAGES)),
    (
        "/cubes/{cube}/aggregate",
        "aggregate",
        "Aggregates of a cube",
        _CELLS,
        (_AGGREGATES, _DRILLDOWN, _CUT, _ORDER, *_PAGES),
    ),
)

ROUTES: tuple[Route, ...] = (
    *(
        Route(
            method,
            path,
            "pages.sql.ask" if path == "/-/sql" and method == "GET" else "analytics.sql.ask",
            Rule.PUBLIC,
            "Ask tables with SQL",
            _ANSWERS if method == "GET" else {**_ANSWERS, 413: ERROR, 415: ERROR},
            _ASKED,
            _STATEMENT if method == "POST" else None,
            scope=Scope.READ,
            package_in_body=True,
        )
        for method, path in (("GET", "/-/sql"), ("POST", "/-/sql"), ("GET", "/-/sql.json"))
    ),
    Route(
        "GET",
        "/-/parquet/{name}/{version}",
        "analytics.parquet.listing",
        Rule.PUBLIC,
        "The tables of a version, and their Parquet files",
        gives("TableFiles"),
        (RANGE,),
    ),
    Route(
        "GET",
        "/-/parquet/{name}/{version}/{path}",
        "analytics.parquet.file",
        Rule.PUBLIC,
        "A table as a Parquet file: its resource's name and .parquet",
        {**FILE, 503: ERROR},
        (RANGE,),
    ),
    *(
        Route(
            "GET",
            f"/-/viewer/{endpoint}",
            f"analytics.viewer.{endpoint.replace('-', '_')}",
            Rule.PUBLIC,
            summary,
            gives(schema, 404, 422, 503),
            query,
            scope=Scope.READ,
            package_in_body=True,
        )
        for endpoint, summary, schema, query in _VIEWER
    ),
    *(
        Route(
            "GET",
            f"/api/3{path}",
            f"analytics.cubes.{operation}",
            Rule.PUBLIC,
            summary,
            answers,
            query,
            scope=Scope.READ,
            package_in_body=True,
            slashed=True,
        )
        for path, operation, summary, answers, query in _CUBES
    ),
)
