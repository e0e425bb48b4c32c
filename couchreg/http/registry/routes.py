"""Every route of the registry door: method, path, operation, who may, and with which tokens.

An operation is named `module.function` of this package and gets a `Call`. GET answers HEAD as well.
`{path}` takes the rest of a path. What the two founding documents of the registry do not name lies
under `/-/`, which can be no package.
"""

from typing import NamedTuple

from couchreg.auth.policy import Rule
from couchreg.auth.tokens import Scope
from couchreg.http.registry.describing import (
    DAY,
    ERROR,
    JSON,
    LIMIT,
    LINKED,
    RANGE,
    START,
    TEXT,
    Answer,
    Answers,
    Body,
    Parameter,
    count,
    flag,
    gives,
    makes,
    members,
)

NOT_BUILT = "answers.not_built"
READ, PUBLISH, EVERYTHING = Scope.READ, Scope.PUBLISH, Scope.ADMIN
PUBLIC, LOGIN, ADMIN = Rule.PUBLIC, Rule.AUTHENTICATED, Rule.SERVER_ADMIN

NOTHING: Answers = {501: ERROR}
CLONE = flag("clone", "The descriptor as it was published")
KEYS = Parameter("keys", 'Words, as a JSON list: `["gross","product"]`')
SKIP = count("skip", "How many to leave out", 0, 1_000_000)
TYPE = Parameter("type", "A JSON-LD type, as an IRI or its last word; with or without `keys`")
SEARCH = (KEYS, TYPE, count("limit", "How many at most", 20, 200), SKIP)
PACKAGE = Body(("multipart/form-data", "multipart/related", "application/zip", JSON), {"type": "object"})
DRY_RUN = flag("dry-run", "Check the package, store nothing")
FROM = Parameter("from", "The first day, 29 days before the last unless given", DAY)
TO = Parameter("to", "The last day, today unless given", DAY)
PROFILE = Parameter(
    "profile",
    "Linked data in a vocabulary and a form, such as `croissant` or "
    "`dcat-ap,expanded`; without it the Accept header decides",
)
ORDER = Parameter("order", "Which come first", {"type": "string", "enum": ["newest", "name"]})
MESSAGE = Body((JSON,), members("message", message=TEXT))
TARGET = Body((JSON,), members("version", version=TEXT))
ACCOUNT = Body((JSON,), members(name=TEXT, password=TEXT, salt=TEXT, password_sha=TEXT, email=TEXT))
OWNER = Body((JSON,), members("username dpkgName", username=TEXT, dpkgName=TEXT))
UPLOAD = Body(
    (JSON,),
    members(
        "metadata filedata",
        metadata=members("name version", name=TEXT, version=TEXT),
        filedata={"type": "object"},
    ),
)
OWNERS = makes("Changed", 404, 413, 415, 409)
TOKEN = Body(
    (JSON,),
    members(
        "scope",
        scope={"enum": [*Scope]},
        packages={"type": "array", "items": TEXT},
        lifetime={"type": "number", "exclusiveMinimum": 0},
        label=TEXT,
    ),
)
_ANY = ("*/*",)
FILE: Answers = {
    **gives("Data", types=_ANY),
    206: Answer("Data", _ANY),
    302: Answer(None),
    412: Answer(None),
    416: ERROR,
}
# With `clone` it is a file.
DESCRIPTOR: Answers = {
    **gives("Descriptor", 406, types=(JSON, LINKED)),
    206: Answer("Data", _ANY),
    302: Answer(None),
    412: Answer(None),
    416: ERROR,
}


class Route(NamedTuple):
    method: str
    path: str
    operation: str
    rule: Rule
    summary: str = ""
    answers: Answers = NOTHING
    query: tuple[Parameter, ...] = ()
    body: Body | None = None
    scope: Scope | None = None
    package_in_body: bool = False  # where the package stands that a token has to be good for

    @property
    def needs(self) -> Scope:
        """The scope of a token that this takes: to read for GET, everything where nothing is said."""
        return self.scope or (Scope.READ if self.method == "GET" else Scope.ADMIN)


ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/",
        "linked.welcome",
        PUBLIC,
        "A greeting with links, or the catalog as linked data",
        gives("Welcome", 406, types=(JSON, LINKED)),
        (PROFILE, LIMIT, START),
    ),
    Route(
        "GET",
        "/search",
        "packages.search",
        PUBLIC,
        "Packages that match every word",
        gives("Found", 503, fresh=False),
        SEARCH,
    ),
    Route(
        "PUT",
        "/adduser/{user}",
        "accounts.register",
        PUBLIC,
        "Make an account",
        makes("Registered", 409, 413, 415, 503, statuses=(201,)),
        body=ACCOUNT,
        scope=READ,
    ),
    Route(
        "GET",
        "/owner/ls/{name}",
        "owners.listing",
        PUBLIC,
        "The owners of a package",
        gives("Owners", fresh=False),
    ),
    Route(
        "POST",
        "/owner/add",
        "owners.add",
        LOGIN,
        "Give a package another owner",
        OWNERS,
        body=OWNER,
        package_in_body=True,
    ),
    Route(
        "POST",
        "/owner/rm",
        "owners.remove",
        LOGIN,
        "Take a package from one of its owners",
        OWNERS,
        body=OWNER,
        package_in_body=True,
    ),
    Route(
        "POST",
        "/datastore/authorize",
        "direct.authorize",
        LOGIN,
        "Addresses to upload files to",
        makes("Authorized", 409, 413, 415, 503),
        body=UPLOAD,
        scope=PUBLISH,
        package_in_body=True,
    ),
    Route(
        "POST",
        "/datastore/finalize",
        "direct.finalize",
        LOGIN,
        "Publish what was uploaded",
        makes("Published", 404, 409, 413, 415, 422, 503, statuses=(200, 201)),
        body=Body((JSON,), members("upload", upload=TEXT)),
        scope=PUBLISH,
        package_in_body=True,
    ),
    Route(
        "PUT",
        "/-/uploads/{id}/{number}",
        "direct.receive",
        PUBLIC,
        "Upload one file to a given address",
        makes("Done", 413, 503, statuses=(201,)),
        body=Body(("*/*",), {}),
        scope=READ,
    ),
    Route(
        "OPTIONS",
        "/-/uploads/{id}/{number}",
        "direct.preflight",
        PUBLIC,
        "Whether a page may upload there",
        {204: Answer(None)},
        scope=READ,
    ),
    Route(
        "GET",
        "/-/whoami",
        "accounts.whoami",
        LOGIN,
        "Who the request is made as",
        gives("Whoami", fresh=False),
    ),
    Route("GET", "/-/user/{user}", "accounts.show", LOGIN, "The own account", gives("Account", fresh=False)),
    Route(
        "PUT",
        "/-/user/{user}",
        "accounts.change",
        LOGIN,
        "Change the own password or e-mail address",
        makes("Done", 409, 413, 415, 503),
        body=ACCOUNT,
    ),
    Route("DELETE", "/-/user/{user}", "accounts.delete", LOGIN, "Delete the own account", makes("Done", 409)),
    Route(
        "POST",
        "/-/tokens",
        "tokens.create",
        LOGIN,
        "Make a token",
        makes("NewToken", 409, 413, 415, statuses=(201,)),
        body=TOKEN,
    ),
    Route(
        "GET",
        "/-/tokens",
        "tokens.listing",
        LOGIN,
        "The own tokens",
        gives("Tokens", fresh=False),
        scope=EVERYTHING,
    ),
    Route(
        "DELETE", "/-/tokens/{id}", "tokens.revoke", LOGIN, "Revoke a token", makes("Done"), scope=READ
    ),  # itself; others only with the scope `admin`
    Route(
        "GET",
        "/-/packages",
        "listing.packages",
        PUBLIC,
        "All packages, the newest first",
        gives("Packages"),
        (LIMIT, ORDER, START),
    ),
    Route(
        "GET",
        "/-/versions/{name}",
        "listing.versions",
        PUBLIC,
        "All versions of a package",
        gives("Versions"),
    ),
    Route("GET", "/-/dist-tags/{name}", "listing.tags", PUBLIC, "The dist-tags of a package", gives("Tags")),
    Route(
        "PUT",
        "/-/dist-tags/{name}/{tag}",
        "listing.set_tag",
        LOGIN,
        "Let a dist-tag lead to a version",
        makes("Tags", 409, 413, 415),
        body=TARGET,
        scope=PUBLISH,
    ),
    Route(
        "DELETE",
        "/-/dist-tags/{name}/{tag}",
        "listing.remove_tag",
        LOGIN,
        "Forget a dist-tag",
        makes("Tags", 409),
        scope=PUBLISH,
    ),
    Route(
        "GET",
        "/-/deprecated/{name}",
        "listing.deprecations",
        PUBLIC,
        "What is deprecated, and why",
        gives("Deprecations"),
    ),
    Route(
        "PUT",
        "/-/deprecated/{name}",
        "listing.deprecate",
        LOGIN,
        "Deprecate a package, or a range of it",
        makes("Deprecations", 409, 413, 415),
        (RANGE,),
        MESSAGE,
        scope=PUBLISH,
    ),
    Route(
        "DELETE",
        "/-/deprecated/{name}",
        "listing.undeprecate",
        LOGIN,
        "Take that back",
        makes("Deprecations", 409),
        (RANGE,),
        scope=PUBLISH,
    ),
    Route(
        "PUT",
        "/-/deprecated/{name}/{version}",
        "listing.deprecate",
        LOGIN,
        "Deprecate a version",
        makes("Deprecations", 409, 413, 415),
        body=MESSAGE,
        scope=PUBLISH,
    ),
    Route(
        "DELETE",
        "/-/deprecated/{name}/{version}",
        "listing.undeprecate",
        LOGIN,
        "Take that back",
        makes("Deprecations", 409),
        scope=PUBLISH,
    ),
    Route(
        "GET",
        "/-/dependencies/{name}/{version}",
        "listing.dependencies",
        PUBLIC,
        "What a version needs, resolved to versions",
        gives("Dependencies"),
    ),
    Route(
        "GET",
        "/-/report/{name}/{version}",
        "packages.report",
        PUBLIC,
        "The report of the checks when a version was published",
        gives("Report"),
    ),
    Route(
        "GET",
        "/-/diff/{name}/{old}/{new}",
        "listing.difference",
        PUBLIC,
        "What changed between two versions, rows of tables included",
        gives("Difference", 503),
    ),
    Route(
        "GET",
        "/-/downloads/{name}",
        "downloads.downloads",
        PUBLIC,
        "How often files were fetched, by version and day",
        gives("Downloads"),
        (FROM, TO),
    ),
    Route(
        "GET",
        "/-/followers",
        "followers.followers",
        PUBLIC,
        "How far the search and the datastore have come",
        gives("Followers", fresh=False),
    ),
    Route("GET", "/-/openapi.json", "openapi.openapi", PUBLIC, "This description", gives("OpenAPI")),
    Route(
        "GET",
        "/{name}",
        "linked.descriptor",
        PUBLIC,
        "The latest version's descriptor",
        DESCRIPTOR,
        (RANGE, CLONE, PROFILE),
    ),
    Route(
        "DELETE",
        "/{name}",
        "unpublishing.package",
        LOGIN,
        "Delete all versions of a package",
        makes("Deleted", 409),
        scope=PUBLISH,
    ),
    Route(
        "GET",
        "/{name}/{version}",
        "linked.descriptor",
        PUBLIC,
        "A version's descriptor",
        DESCRIPTOR,
        (RANGE, CLONE, PROFILE),
    ),
    Route(
        "PUT",
        "/{name}/{version}",
        "publishing.publish",
        LOGIN,
        "Publish a version",
        makes("Published", 404, 409, 413, 415, 422, 503, statuses=(200, 201)),
        (DRY_RUN,),
        PACKAGE,
        scope=PUBLISH,
    ),
    Route(
        "DELETE",
        "/{name}/{version}",
        "unpublishing.version",
        LOGIN,
        "Delete a version",
        makes("Deleted", 409),
        scope=PUBLISH,
    ),
    Route(
        "GET",
        "/{name}/{version}/{path}",
        "files.resource",
        PUBLIC,
        "A resource by its name, or any file by its path",
        FILE,
        (flag("meta", "The resource's descriptor instead of its data"), RANGE),
    ),
)
