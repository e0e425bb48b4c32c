"""What several routes of the registry door take and answer, each said once for the route table."""

from couchreg.auth.tokens import Scope
from couchreg.http.registry.frame.describing import (
    DAY,
    ERROR,
    JSON,
    LINKED,
    TEXT,
    Answers,
    DescribedAnswer,
    DescribedBody,
    Parameter,
    Schema,
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
PACKAGE = DescribedBody(
    ("multipart/form-data", "multipart/related", "application/zip", JSON), {"type": "object"}
)
FOR_GOOD = flag("for-good", "Keep nothing of it that could be brought back")
DRY_RUN = flag("dry-run", "Check the package, store nothing")
WAIT = Parameter(
    "wait",
    "Seconds to wait for the check, no more than the server would; after that the answer is 202",
    {"type": "integer", "minimum": 0, "maximum": 86_400},
)
FLAG: Schema = {"type": "boolean"}
MANIFEST = DescribedBody(
    (JSON,),
    members(
        "name version files", name=TEXT, version=TEXT, files={"type": "object"}, descriptor=TEXT, draft=FLAG
    ),
)
FROM = Parameter("from", "The first day, 29 days before the last unless given", DAY)
TO = Parameter("to", "The last day, today unless given", DAY)
PROFILE = Parameter(
    "profile",
    "Linked data in a vocabulary and a form, such as `croissant` or "
    "`dcat-ap,expanded`; without it the Accept header decides",
)
ORDER = Parameter("order", "The order of the entries", {"type": "string", "enum": ["newest", "name"]})
MESSAGE = DescribedBody((JSON,), members("message", message=TEXT))
TARGET = DescribedBody((JSON,), members("version", version=TEXT))
ACCOUNT = DescribedBody((JSON,), members(name=TEXT, password=TEXT, salt=TEXT, password_sha=TEXT, email=TEXT))
ACCOUNT_CHANGE = DescribedBody(
    (JSON,),
    members(
        password=TEXT,
        salt=TEXT,
        password_sha=TEXT,
        email=TEXT,
        revoke_tokens=FLAG,
        disabled=FLAG,
        restore=FLAG,
    ),
)
OWNER = DescribedBody((JSON,), members("username dpkgName", username=TEXT, dpkgName=TEXT))
UPLOAD = DescribedBody(
    (JSON,),
    members(
        "metadata filedata",
        metadata=members("name version", name=TEXT, version=TEXT),
        filedata={"type": "object"},
    ),
)
OWNERS = makes("Changed", 404, 413, 415, 409)
TOKEN = DescribedBody(
    (JSON,),
    members(
        "scope",
        scope={"enum": [*Scope]},
        packages={"type": "array", "items": TEXT},
        lifetime={"type": ["number", "null"], "exclusiveMinimum": 0},
        label=TEXT,
    ),
)
_ANY = ("*/*",)
FILE: Answers = {
    **gives("Data", types=_ANY),
    206: DescribedAnswer("Data", _ANY),
    302: DescribedAnswer(None),
    412: DescribedAnswer(None),
    416: ERROR,
}
# With `clone` it is a file.
DESCRIPTOR: Answers = {
    **gives("Descriptor", 406, types=(JSON, LINKED)),
    206: DescribedAnswer("Data", _ANY),
    302: DescribedAnswer(None),
    412: DescribedAnswer(None),
    416: ERROR,
}
READ_IT = Parameter("read", "The code with which a page shows a PDF that is known to do nothing")
