"""The routes of tables that can be asked."""

from couchreg.auth.policy import Rule
from couchreg.auth.tokens import Scope
from couchreg.http.registry.analytics.sql import FORMATS
from couchreg.http.registry.frame.describing import (
    ERROR,
    JSON,
    NEW,
    RANGE,
    TEXT,
    Answer,
    Answers,
    Body,
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
_STATEMENT = Body(
    (JSON,),
    members(q=TEXT, sql=TEXT, format=TEXT, _size={}, _next={}, parameters={"type": ["object", "array"]}),
)
_ANSWER = Answer("Answered", (JSON, *FORMATS.values()))
_ANSWERS: Answers = {200: _ANSWER, 304: NEW, 404: ERROR, 503: ERROR}

ROUTES: tuple[Route, ...] = (
    *(
        Route(
            method,
            path,
            "analytics.sql.ask",
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
)
