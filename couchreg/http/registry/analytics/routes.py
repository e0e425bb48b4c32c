"""The routes of tables that can be asked."""

from couchreg.auth.policy import Rule
from couchreg.http.registry.frame.describing import ERROR, RANGE, gives
from couchreg.http.registry.frame.parameters import FILE
from couchreg.http.registry.frame.route import Route

ROUTES: tuple[Route, ...] = (
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
