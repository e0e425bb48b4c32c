"""What several routes of the registry door take and answer, each said once for the route table."""

from couchreg.auth.tokens import Scope
from couchreg.http.registry.frame.describing import (
    DAY,
    ERROR,
    JSON,
    LINKED,
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

NOTHING: Answers = {501: ERROR}
CLONE = flag("clone", "The descriptor as it was published")
KEYS = Parameter("keys", 'Words, as a JSON list: `["gross","product"]`')
SKIP = count("skip", "The number of entries to skip", 0, 1_000_000)
TYPE = Parameter("type", "A JSON-LD type, as an IRI or its last word; with or without `keys`")
SEARCH = (KEYS, TYPE, count("limit", "The largest number of entries to return", 20, 200), SKIP)
PACKAGE = Body(("multipart/form-data", "multipart/related", "application/zip", JSON), {"type": "object"})
DRY_RUN = flag("dry-run", "Check the package, store nothing")
WAIT = Parameter(
    "wait",
    "Seconds to wait for the check, no more than the server would; after that the answer is 202",
    {"type": "integer", "minimum": 0, "maximum": 86_400},
)
MANIFEST = Body(
    (JSON,),
    members("name version files", name=TEXT, version=TEXT, files={"type": "object"}, descriptor=TEXT),
)
FROM = Parameter("from", "The first day, 29 days before the last unless given", DAY)
TO = Parameter("to", "The last day, today unless given", DAY)
PROFILE = Parameter(
    "profile",
    "Linked data in a vocabulary and a form, such as `croissant` or "
    "`dcat-ap,expanded`; without it the Accept header decides",
)
ORDER = Parameter("order", "The order of the entries", {"type": "string", "enum": ["newest", "name"]})
MESSAGE = Body((JSON,), members("message", message=TEXT))
TARGET = Body((JSON,), members("version", version=TEXT))
ACCOUNT = Body((JSON,), members(name=TEXT, password=TEXT, salt=TEXT, password_sha=TEXT, email=TEXT))
ACCOUNT_CHANGE = Body(
    (JSON,),
    members(password=TEXT, salt=TEXT, password_sha=TEXT, email=TEXT, revoke_tokens={"type": "boolean"}),
)
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
