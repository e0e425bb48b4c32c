"""Every route of the registry door: method, path, operation, and who may.

An operation is named `module.function` of this package and gets a `Call`. GET answers HEAD as well.
`{path}` takes the rest of a path. What the two founding documents of the registry do not name lies
under `/-/`, which can be no package.
"""

from typing import NamedTuple

from couchreg.auth.policy import Rule

NOT_BUILT = "answers.not_built"
PUBLIC, LOGIN, ADMIN = Rule.PUBLIC, Rule.AUTHENTICATED, Rule.SERVER_ADMIN


class Route(NamedTuple):
    method: str
    path: str
    operation: str
    rule: Rule


ROUTES: tuple[Route, ...] = (
    Route("GET", "/", "packages.welcome", PUBLIC),
    Route("GET", "/search", "packages.search", PUBLIC),
    Route("PUT", "/adduser/{name}", NOT_BUILT, PUBLIC),
    Route("GET", "/owner/ls/{name}", NOT_BUILT, PUBLIC),
    Route("POST", "/owner/add", NOT_BUILT, LOGIN),
    Route("POST", "/owner/rm", NOT_BUILT, LOGIN),
    Route("GET", "/-/packages", "packages.listing", PUBLIC),
    Route("GET", "/-/versions/{name}", "packages.versions", PUBLIC),
    Route("GET", "/-/report/{name}/{version}", "packages.report", PUBLIC),
    Route("GET", "/{name}", "packages.latest", PUBLIC),
    Route("DELETE", "/{name}", NOT_BUILT, LOGIN),
    Route("GET", "/{name}/{version}", "packages.descriptor", PUBLIC),
    Route("PUT", "/{name}/{version}", "publishing.publish", LOGIN),
    Route("DELETE", "/{name}/{version}", NOT_BUILT, LOGIN),
    Route("GET", "/{name}/{version}/{path}", "files.resource", PUBLIC),
)
