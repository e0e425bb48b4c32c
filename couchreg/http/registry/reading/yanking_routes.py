"""The routes by which owners say that a version is not to be chosen any more."""

from couchreg.auth.policy import Rule
from couchreg.auth.tokens import Scope
from couchreg.http.registry.frame.describing import gives, makes
from couchreg.http.registry.frame.parameters import MESSAGE
from couchreg.http.registry.frame.route import Route

ROUTES = (
    Route(
        "GET",
        "/-/yanked/{name}",
        "reading.listing.yanks",
        Rule.PUBLIC,
        "What is yanked, and why",
        gives("Deprecations"),
    ),
    Route(
        "PUT",
        "/-/yanked/{name}/{version}",
        "reading.listing.yank",
        Rule.AUTHENTICATED,
        "Yank a version: hide it from `latest` and from ranges",
        makes("Deprecations", 409, 413, 415),
        body=MESSAGE,
        scope=Scope.PUBLISH,
    ),
    Route(
        "DELETE",
        "/-/yanked/{name}/{version}",
        "reading.listing.unyank",
        Rule.AUTHENTICATED,
        "Offer a yanked version again",
        makes("Deprecations", 409),
        scope=Scope.PUBLISH,
    ),
)
