"""Whatever a client sends, the answer is never a fault of the server, and the database stays sound."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.http.couch.conftest import Couch

# Every example goes to the same server: what one leaves behind is what the next one finds.
ROUNDS = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

REVS = st.sampled_from(
    [
        "1-a",
        "2-b",
        "1-" + "0" * 32,
        "1-" + "G" * 32,
        "0-1",
        "-1-x",
        "1",
        "",
        "x-1",
        "9" * 30 + "-a",
        "1-\r\nX: y",
        "01-A",
        "1-é",
    ]
)
IDS = st.sampled_from(
    ["a", "b", "_design/d", "_local/l", "_x", "", "_design/", "a/b", "\0", "é", "~", "x" * 3000]
)
JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | REVS
    | IDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6) | IDS, inner, max_size=4),
    max_leaves=8,
)
ATTACHMENT = st.fixed_dictionaries(
    {},
    optional={
        "data": st.sampled_from(["aGk=", "", "***", "aGk"]) | JUNK,
        "stub": st.booleans() | JUNK,
        "follows": st.booleans() | JUNK,
        "length": st.integers(-1, 9) | JUNK,
        "encoded_length": st.integers(-1, 9) | JUNK,
        "encoding": st.sampled_from(["gzip", "identity", "br"]) | JUNK,
        "digest": st.sampled_from(["md5-", "md5-XUFAKrxLKna5cZ2REBfFkg==", "md5-*", "sha1-x"]) | JUNK,
        "content_type": st.sampled_from(["text/plain", "image/png", "\r\n", ""]) | JUNK,
        "revpos": st.integers(-1, 3) | st.just(10**30) | JUNK,
    },
)
WILD = st.fixed_dictionaries(
    {},
    optional={
        "_id": IDS | JUNK,
        "_rev": REVS | JUNK,
        "_deleted": st.booleans() | JUNK,
        "_revisions": st.fixed_dictionaries(
            {},
            optional={
                "start": st.integers(-2, 5) | JUNK,
                "ids": st.lists(st.sampled_from("abcde"), max_size=4) | JUNK,
            },
        )
        | JUNK,
        "_attachments": st.dictionaries(
            st.sampled_from(["f", "g", "_h", "", "é\n"]), ATTACHMENT | JUNK, max_size=3
        )
        | JUNK,
        "_conflicts": JUNK,
        "views": JUNK,
        "language": st.sampled_from(["query", "javascript"]) | JUNK,
        "v": JUNK,
    },
)
GOOD_ATTACHMENT = st.sampled_from(
    [
        {"data": "aGk="},
        {"data": "aGk=", "content_type": "text/plain"},
        {"stub": True},
        {"follows": True, "length": 2},
    ]
)
GOOD = st.fixed_dictionaries(
    {"_id": st.sampled_from(["a", "b", "_design/d", "_local/l"])},
    optional={
        "_rev": st.sampled_from(["1-a", "2-b", "3-c", "0-1"]),
        "_deleted": st.booleans(),
        "_attachments": st.dictionaries(st.sampled_from(["f", "g"]), GOOD_ATTACHMENT, max_size=2),
        "v": JUNK,
    },
)
DOCUMENT = GOOD | GOOD | WILD
FLAG = st.sampled_from(["true", "false", "", "1"])
REV_LIST = st.lists(REVS, max_size=3).map(json.dumps) | st.sampled_from(["all", "[", "{}", "[1]", "null"])
QUERY = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(
            (
                "revs",
                "revs_info",
                "conflicts",
                "deleted_conflicts",
                "local_seq",
                "meta",
                "attachments",
                "att_encoding_info",
                "latest",
                "deleted",
                "new_edits",
            ),
            FLAG,
        ),
        "rev": st.sampled_from(["1-a", "2-b", "2-c", "3-d"]) | REVS,
        "open_revs": REV_LIST,
        "atts_since": REV_LIST,
        "batch": st.sampled_from(["ok", "no"]),
    },
)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "If-Match": st.sampled_from(["1-a", '"1-a"', "*", '""', "x"]),
        "If-None-Match": st.sampled_from(['"1-a"', "*", 'W/"x", "1-a"', ","]),
        "Accept": st.sampled_from(
            ["*/*", "multipart/mixed", "multipart/related", "application/json", "a;q=x", ";,"]
        ),
        "Accept-Encoding": st.sampled_from(["gzip", "*", "gzip;q=", "identity;q=0"]),
        "Range": st.sampled_from(
            ["bytes=0-0", "bytes=-1", "bytes=", "bytes=9-1", "bytes=1-,2-3", "x", "bytes=" + "9" * 40 + "-"]
        ),
        "Destination": st.sampled_from(
            ["b", "b?rev=1-a", "b?rev", "?", "%FF", "_local/x", "http://x", "", "_design/d"]
        ),
        "Content-Encoding": st.sampled_from(["gzip", "identity", "br"]),
        "Content-Type": st.sampled_from(
            ["application/json", "text/plain", "multipart/related;", "multipart/form-data; boundary=x"]
        ),
        "Referer": st.sampled_from(["http://x/", "//[", ""]),
    },
)
PATHS = st.sampled_from(
    [
        "/a",
        "/a",
        "/a/f",
        "/a/g",
        "/b",
        "/%FF",
        "/a%00",
        "/_design/d",
        "/_design%2Fd",
        "/_local/l",
        "/_local%2Fl",
        "/_x",
        "",
        "/a/f",
        "/a/%FF",
        "/a/_f",
        "/_design/d/f",
        "/_design%2Fd/f",
        "/_local/l/f",
        "/_local",
        "/a/f/g//h",
        "/%2F",
        "/a%0D%0A",
    ]
)
BODIES = (
    DOCUMENT.map(lambda doc: json.dumps(doc).encode())
    | JUNK.map(lambda value: json.dumps(value).encode())
    | st.binary(max_size=40)
)


def address(path: str, query: dict[str, str]) -> str:
    return path + ("?" + "&".join(f"{name}={quote(value)}" for name, value in query.items()) if query else "")


SEEDS = [
    {
        "_id": "a",
        "_rev": "2-b",
        "_revisions": {"start": 2, "ids": ["b", "a"]},
        "v": 1,
        "_attachments": {
            "f": {"data": "aGVsbG8gd29ybGQ="},
            "g": {"content_type": "text/plain", "data": "aGVsbG8="},
        },
    },
    {
        "_id": "a",
        "_rev": "2-c",
        "_revisions": {"start": 2, "ids": ["c", "a"]},
        "_attachments": {"f": {"data": "aGVsbG8gd29ybGQ="}},
    },
    {"_id": "a", "_rev": "3-d", "_revisions": {"start": 3, "ids": ["d", "c", "a"]}, "_deleted": True},
    {"_id": "b", "_rev": "1-a"},
    {"_id": "_design/d", "_rev": "1-a", "_attachments": {"f": {"data": "aGk="}}},
]


@pytest.fixture
async def seeded(couch: Couch) -> Couch:
    """A database with a conflict, a tombstone, attachments of both kinds and documents of all kinds."""
    await couch.graft(*SEEDS)
    await couch("PUT", "/_local/l", {"v": 1})
    return couch


async def answered(couch: Couch, method: str, path: str, **sent: Any) -> None:
    reply = await couch(method, path, **sent)
    assert reply.status < 500, (reply.status, reply.body)
    if (
        method != "HEAD"
        and reply.status not in (301, 304)
        and reply.headers["Content-Type"] == "application/json"
    ):
        json.loads(reply.body)


@ROUNDS
@given(
    st.sampled_from(["GET", "GET", "PUT", "POST", "DELETE", "HEAD", "COPY"]), PATHS, QUERY, HEADERS, BODIES
)
async def test_single_documents_and_attachments(
    seeded: Couch, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: bytes
) -> None:
    method = method if path else "POST"  # any other is about the database
    await answered(seeded, method, address(path, query), data=body, headers=headers)


@ROUNDS
@given(
    st.sampled_from(["_bulk_docs", "_bulk_get", "_revs_diff", "_missing_revs", "_purge"]),
    st.fixed_dictionaries(
        {"docs": st.lists(DOCUMENT | JUNK, max_size=4) | JUNK}, optional={"new_edits": st.booleans() | JUNK}
    )
    | st.fixed_dictionaries(
        {
            "docs": st.lists(
                st.fixed_dictionaries(
                    {"id": IDS}, optional={"rev": REVS | JUNK, "atts_since": st.lists(REVS) | JUNK}
                )
            )
        }
    )
    | st.dictionaries(IDS, st.lists(REVS, max_size=3) | JUNK, max_size=3)
    | JUNK,
    QUERY,
    st.sampled_from(["*/*", "multipart/mixed", "application/json"]),
)
async def test_requests_about_many_documents(
    couch: Couch, what: str, body: Any, query: dict[str, str], accept: str
) -> None:
    await answered(couch, "POST", address(f"/{what}", query), json=body, headers={"Accept": accept})
    assert await (await couch.store.open("db")).check() == []


LINES = st.sampled_from(
    [
        b"--x\r\n",
        b"--x--",
        b"--x",
        b"\r\n",
        b"\n",
        b"Content-Type: application/json\r\n\r\n",
        b"\r\n\r\n",
        b"hi",
        b"",
        b"--",
        b"Content-Length: 99\r\n",
        b": \r\n",
        b"\xff",
        b"Content-Type: multipart/related; boundary=x\r\n",
    ]
)


@ROUNDS
@given(
    st.lists(LINES | DOCUMENT.map(lambda doc: json.dumps(doc).encode()), max_size=12).map(b"".join),
    st.sampled_from(
        [
            "multipart/related; boundary=x",
            'multipart/related; boundary="x"',
            "multipart/related; boundary=",
            "multipart/related;",
        ]
    ),
    QUERY,
)
async def test_multipart_framing(couch: Couch, body: bytes, kind: str, query: dict[str, str]) -> None:
    await answered(couch, "PUT", address("/a", query), data=body, headers={"Content-Type": kind})


@ROUNDS
@given(DOCUMENT, st.lists(st.binary(max_size=9), max_size=3), QUERY)
async def test_documents_whose_parts_may_not_fit(
    couch: Couch, doc: Any, parts: list[bytes], query: dict[str, str]
) -> None:
    head = b"--x\r\nContent-Type: application/json\r\n\r\n" + json.dumps(doc).encode()
    body = b"\r\n--x".join([head, *(b"\r\n\r\n" + part for part in parts), b"--"])
    await answered(
        couch,
        "PUT",
        address("/a", query),
        data=body,
        headers={"Content-Type": "multipart/related; boundary=x"},
    )
    assert [path for path in couch.blobs() if path.parent.name == "spool"] == []
