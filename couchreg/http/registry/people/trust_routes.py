"""The routes of trusted publishers."""

from couchreg.auth.policy import Rule
from couchreg.http.registry.frame.describing import JSON, TEXT, DescribedBody, gives, makes, members
from couchreg.http.registry.frame.route import Route

_CLAIMS = {"type": "object", "additionalProperties": TEXT}

ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/-/oidc/audience",
        "people.trust.audience",
        Rule.PUBLIC,
        "For whom a job's identity token has to be, and whose are trusted",
        gives("Audience", 404, fresh=False),
        in_registry=False,
        front=True,
    ),
    Route(
        "POST",
        "/-/oidc/token",
        "people.trust.exchange",
        Rule.PUBLIC,
        "Exchange a job's identity token for one of a quarter of an hour",
        makes("Exchanged", 404, 413, 415, 503, statuses=(201,)),
        body=DescribedBody((JSON,), members("token", token=TEXT, package=TEXT)),
        in_registry=False,
        front=True,
    ),
    Route(
        "GET",
        "/-/trust/{name}",
        "people.trust.listing",
        Rule.AUTHENTICATED,
        "The jobs that may publish a package, for its owners",
        gives("Publishers", 404, fresh=False),
    ),
    Route(
        "POST",
        "/-/trust/{name}",
        "people.trust.add",
        Rule.AUTHENTICATED,
        "Let jobs elsewhere publish a package: those whose identity tokens state this",
        makes("Publisher", 404, 409, 413, 415, 503, statuses=(201,)),
        body=DescribedBody((JSON,), members("issuer claims", issuer=TEXT, claims=_CLAIMS)),
    ),
    Route(
        "DELETE",
        "/-/trust/{name}/{id}",
        "people.trust.remove",
        Rule.AUTHENTICATED,
        "Trust a job no more",
        makes("Done", 404, 503),
    ),
)
