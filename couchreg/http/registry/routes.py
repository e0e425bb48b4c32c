"""Every route of the registry door: method, path, operation, and who may.

An operation is named `module.function` of this package and gets a `Call`. GET answers HEAD as well.
`{path}` takes the rest of a path. What the two founding documents of the registry do not name lies
under `/-/`, which can be no package.
"""

from typing import NamedTuple

from couchreg.auth.policy import Rule
from couchreg.http.registry.describing import (
    ERROR,
    JSON,
    LIMIT,
    RANGE,
    START,
    Answer,
    Answers,
    Body,
    Parameter,
    count,
    flag,
    gives,
    makes,
)

NOT_BUILT = "answers.not_built"
PUBLIC, LOGIN, ADMIN = Rule.PUBLIC, Rule.AUTHENTICATED, Rule.SERVER_ADMIN

NOTHING: Answers = {501: ERROR}
CLONE = flag("clone", "The descriptor as it was published")
KEYS = Parameter("keys", 'Words, as a JSON list: `["gross","product"]`')
SKIP = count("skip", "How many to leave out", 0, 1_000_000)
SEARCH = (KEYS, count("limit", "How many at most", 20, 200), SKIP)
PACKAGE = Body(("multipart/related", JSON), {"type": "object"})
_ANY = ("*/*",)
FILE: Answers = {
    **gives("Data", types=_ANY), 206: Answer("Data", _ANY), 412: Answer(None), 416: ERROR,
}  # fmt: skip


class Route(NamedTuple):
    method: str
    path: str
    operation: str
    rule: Rule
    summary: str = ""
    answers: Answers = NOTHING
    query: tuple[Parameter, ...] = ()
    body: Body | None = None


ROUTES: tuple[Route, ...] = (
    Route("GET", "/", "packages.welcome", PUBLIC, "A greeting with links", gives("Welcome")),
    Route("GET", "/search", "packages.search", PUBLIC, "Packages that match every word",
          gives("Found", 503, fresh=False), SEARCH),
    Route("PUT", "/adduser/{name}", NOT_BUILT, PUBLIC),
    Route("GET", "/owner/ls/{name}", NOT_BUILT, PUBLIC),
    Route("POST", "/owner/add", NOT_BUILT, LOGIN),
    Route("POST", "/owner/rm", NOT_BUILT, LOGIN),
    Route("GET", "/-/packages", "packages.listing", PUBLIC, "All packages",
          gives("Packages"), (LIMIT, START)),
    Route("GET", "/-/versions/{name}", "packages.versions", PUBLIC, "All versions of a package",
          gives("Versions")),
    Route("GET", "/-/report/{name}/{version}", "packages.report", PUBLIC,
          "The report of the checks when a version was published", gives("Report")),
    Route("GET", "/-/openapi.json", "openapi.openapi", PUBLIC, "This description", gives("OpenAPI")),
    Route("GET", "/{name}", "packages.latest", PUBLIC, "The latest version's descriptor",
          gives("Descriptor"), (RANGE, CLONE)),
    Route("DELETE", "/{name}", NOT_BUILT, LOGIN),
    Route("GET", "/{name}/{version}", "packages.descriptor", PUBLIC, "A version's descriptor",
          gives("Descriptor"), (CLONE,)),
    Route("PUT", "/{name}/{version}", "publishing.publish", LOGIN, "Publish a version",
          makes("Published", 404, 409, 413, 415, 422, 503, statuses=(200, 201)), body=PACKAGE),
    Route("DELETE", "/{name}/{version}", NOT_BUILT, LOGIN),
    Route("GET", "/{name}/{version}/{path}", "files.resource", PUBLIC,
          "A resource by its name, or any file by its path", FILE,
          (flag("meta", "The resource's descriptor instead of its data"),)),
)  # fmt: skip
