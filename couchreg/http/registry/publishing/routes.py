"""The rows of the route table for publishing over several requests."""

from couchreg.auth.policy import Rule
from couchreg.auth.tokens import Scope
from couchreg.http.registry.frame.describing import EVENTS, JSON, DescribedAnswer, DescribedBody, gives, makes
from couchreg.http.registry.frame.parameters import MANIFEST, WAIT
from couchreg.http.registry.frame.route import Route

PUBLISH, LOGIN = Scope.PUBLISH, Rule.AUTHENTICATED

ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        "/-/undelete/{name}",
        "publishing.unpublish.undelete",
        LOGIN,
        "Bring back all deleted versions of a package that are kept",
        makes("Deleted", 404, 409, 413, 503),
        scope=PUBLISH,
    ),
    Route(
        "POST",
        "/-/undelete/{name}/{version}",
        "publishing.unpublish.undelete",
        LOGIN,
        "Bring back a deleted version",
        makes("Deleted", 404, 409, 413, 503),
        scope=PUBLISH,
    ),
    Route(
        "POST",
        "/-/publishing",
        "publishing.sessions.create",
        LOGIN,
        "Announce a version by the hashes of its files, and hear which of them are missing",
        makes("Publishing", 404, 409, 413, 415, 422, 503, statuses=(200, 201)),
        body=MANIFEST,
        scope=PUBLISH,
        package_in_body=True,
        scripted=True,
    ),
    Route(
        "GET",
        "/-/publishing",
        "publishing.sessions.listed",
        LOGIN,
        "One's own publishes under way, and what came of the last ones",
        gives("AllPublishing", fresh=False),
        scope=PUBLISH,
        package_in_body=True,
    ),
    Route(
        "GET",
        "/-/publishing/{id}",
        "publishing.sessions.status",
        LOGIN,
        "How far a publish is, as JSON or as a stream of events",
        gives("Publishing", types=(JSON, EVENTS), fresh=False),
        scope=PUBLISH,
        package_in_body=True,
    ),
    Route(
        "PUT",
        "/-/publishing/{id}/{path}",
        "publishing.sessions.receive",
        LOGIN,
        "Send a file, or with Content-Range a part of one",
        makes("Arrived", 409, 413, 415, 503, statuses=(201,)),
        body=DescribedBody(("*/*",), {}),
        scope=PUBLISH,
        package_in_body=True,
        scripted=True,
    ),
    Route(
        "POST",
        "/-/publishing/{id}/{path}",
        "publishing.sessions.by_parts",
        LOGIN,
        "Where to send the parts of a large file that the bucket lacks; when it lacks none, go on reading it",
        makes("AwaitedParts", 404, 409, 503),
        scope=PUBLISH,
        package_in_body=True,
        scripted=True,
    ),
    Route(
        "POST",
        "/-/publishing/{id}",
        "publishing.sessions.commit",
        LOGIN,
        "Check and publish what was announced",
        {**makes("Published", 409, 422, 503, statuses=(200, 201)), 202: DescribedAnswer("Publishing")},
        (WAIT,),
        scope=PUBLISH,
        package_in_body=True,
    ),
    Route(
        "DELETE",
        "/-/publishing/{id}",
        "publishing.sessions.cancel",
        LOGIN,
        "End a publish and forget it",
        makes("Done", 409, 503),
        scope=PUBLISH,
        package_in_body=True,
        scripted=True,
    ),
)
