"""Documents by id: `_all_docs`, `_design_docs`, `_local_docs`."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from tests.http.couch.conftest import Couch

LETTERS = "abcdef"


@pytest.fixture
async def letters(couch: Couch) -> Couch:
    """The database has documents a to f."""
    await couch("POST", "/_bulk_docs", {"docs": [{"_id": letter, "v": letter} for letter in LETTERS]})
    return couch


def ids(answer: Any) -> str:
    return "".join(row["id"] for row in answer["rows"])


def query(**options: Any) -> str:
    return "&".join(f"{name}={quote(json.dumps(value))}" for name, value in options.items())


async def test_a_row_has_id_key_and_revision(letters: Couch) -> None:
    answer = (await letters("GET", "/_all_docs?limit=1")).json
    assert (answer["total_rows"], answer["offset"]) == (6, 0)
    [row] = answer["rows"]
    assert row == {"id": "a", "key": "a", "value": {"rev": row["value"]["rev"]}}


@pytest.mark.parametrize(
    ("options", "found", "offset"),
    [
        ({"startkey": "b", "endkey": "d"}, "bcd", 1),
        ({"startkey": "b", "endkey": "d", "inclusive_end": False}, "bc", 1),
        ({"start_key": "bb", "end_key": "dd"}, "cd", 2),
        ({"descending": True}, "fedcba", 0),
        ({"descending": True, "startkey": "d", "endkey": "b"}, "dcb", 2),
        ({"descending": True, "startkey": "d", "endkey": "b", "inclusive_end": False}, "dc", 2),
        ({"descending": True, "skip": 1, "limit": 2}, "ed", 1),
        ({"skip": 4, "limit": 9}, "ef", 4),
        ({"skip": 99}, "", 6),
        ({"limit": 0}, "", 0),
        ({"key": "c"}, "c", 2),
        ({"key": "zz"}, "", 6),
        ({"key": None}, "", 0),
        ({"startkey": "d", "endkey": "b"}, "", 3),
        ({"startkey": 3}, "abcdef", 0),
        ({"startkey": {}}, "abcdef", 0),
        ({"endkey": None}, "", 0),
        ({"stable": True, "update": True, "sorted": False, "reduce": False, "unknown": 1}, "abcdef", 0),
    ],
)
async def test_ranges_by_query_or_body(
    letters: Couch, options: dict[str, Any], found: str, offset: int
) -> None:
    by_query = (await letters("GET", f"/_all_docs?{query(**options)}")).json
    by_body = (await letters("POST", "/_all_docs", options)).json
    for answer in (by_query, by_body):
        assert (ids(answer), answer["offset"], answer["total_rows"]) == (found, offset, 6)


async def test_the_query_string_wins_over_the_body(letters: Couch) -> None:
    assert ids((await letters("POST", "/_all_docs?limit=3", {"limit": 1})).json) == "abc"


async def test_documents_can_be_included(letters: Couch) -> None:
    [row] = (await letters("GET", "/_all_docs?include_docs=true&limit=1")).json["rows"]
    assert row["doc"] == {"_id": "a", "_rev": row["value"]["rev"], "v": "a"}


async def test_keys_keep_their_order_and_name_what_is_not_there(letters: Couch) -> None:
    rev = (await letters("GET", "/c")).json["_rev"]
    gone = (await letters("DELETE", f"/c?rev={rev}")).json["rev"]
    keys = ["f", "c", "zz", "a", "f", 5]
    answer = (await letters("POST", "/_all_docs?include_docs=true", {"keys": keys})).json
    assert answer["offset"] is None
    assert [row["key"] for row in answer["rows"]] == keys
    assert answer["rows"][1] == {"id": "c", "key": "c", "value": {"rev": gone, "deleted": True}, "doc": None}
    assert answer["rows"][2] == {"key": "zz", "error": "not_found"}
    assert answer["rows"][3]["doc"]["v"] == "a"
    some = await letters("GET", f"/_all_docs?keys={quote(json.dumps(keys))}&descending=true&skip=2&limit=2")
    assert [row["key"] for row in some.json["rows"]] == ["a", "zz"]


async def test_many_keys_are_looked_up_in_parts(letters: Couch) -> None:
    keys = [LETTERS[number % 6] for number in range(1201)]
    answer = (await letters("POST", "/_all_docs", {"keys": keys})).json
    assert [row["id"] for row in answer["rows"]] == keys


@pytest.mark.parametrize(
    ("text", "error", "reason"),
    [
        ("limit=x", "query_parse_error", 'Invalid value for integer: "x"'),
        ("limit=", "query_parse_error", "Invalid value for integer: []"),
        ("limit=%22a%22", "query_parse_error", 'Invalid value for integer: "\\"a\\""'),
        ("group", "query_parse_error", "Invalid boolean parameter: []"),
        ("sorted=%22a%22", "query_parse_error", 'Invalid boolean parameter: "\\"a\\""'),
        ("limit=%ff", "query_parse_error", 'Invalid value for integer: "?"'),
        ("skip=-1", "query_parse_error", 'Invalid value for positive integer: "-1"'),
        ("descending=maybe", "query_parse_error", 'Invalid boolean parameter: "maybe"'),
        ("update=x", "query_parse_error", "Invalid value for `update`."),
        ("key=%7Bbad", "bad_request", "invalid UTF-8 JSON"),
        ("keys=%5B", "bad_request", "invalid UTF-8 JSON"),
        ("keys=5", "bad_request", "`keys` parameter must be an array."),
        ("reduce=true", "query_parse_error", "Reduce is invalid for map-only views."),
        (
            "keys=%5B%22a%22%5D&key=%22b%22",
            "query_parse_error",
            "`keys` is incompatible with `key`, `start_key` and `end_key`",
        ),
        ("keys=null", "bad_request", "`keys` parameter must be an array."),
        ("partition=x", "query_parse_error", "`partition` parameter is not supported on this db"),
        ("partition=", "illegal_partition", "Partition must not be empty"),
        ("partition=_x", "illegal_partition", "Partition must not start with an underscore"),
        ("partition=a:b", "illegal_partition", "Partition must not contain a colon"),
        (
            "group=false&group_level=1",
            "query_parse_error",
            "Can't specify group=false and group_level>0 at the same time",
        ),
    ],
)
async def test_bad_parameters_are_named(couch: Couch, text: str, error: str, reason: str) -> None:
    reply = await couch("GET", f"/_all_docs?{text}")
    assert (reply.status, reply.json) == (400, {"error": error, "reason": reason})


async def test_conflicts_are_told_with_the_documents(couch: Couch) -> None:
    tree = {"start": 2, "ids": ["b", "r"]}, {"start": 2, "ids": ["c", "r"]}
    await couch.graft(
        {"_id": "a", "_rev": "2-b", "_revisions": tree[0]}, {"_id": "a", "_rev": "2-c", "_revisions": tree[1]}
    )
    for request in [
        ("GET", "/_all_docs?include_docs=true&conflicts=true"),
        ("POST", "/_all_docs?include_docs=true&conflicts=true", {"keys": ["a"]}),
    ]:
        [row] = (await couch(*request)).json["rows"]
        assert row["doc"] == {"_id": "a", "_rev": "2-c", "_conflicts": ["2-b"]}
    [row] = (await couch("GET", "/_all_docs?conflicts=true")).json["rows"]
    assert "doc" not in row


async def test_attachments_come_as_stubs_or_with_their_data(couch: Couch) -> None:
    await couch("PUT", "/a", {"_attachments": {"f": {"content_type": "image/png", "data": "aGVsbG8="}}})
    [row] = (await couch("GET", "/_all_docs?include_docs=true")).json["rows"]
    assert row["doc"]["_attachments"]["f"]["stub"] is True
    [row] = (await couch("GET", "/_all_docs?include_docs=true&attachments=true")).json["rows"]
    assert row["doc"]["_attachments"]["f"]["data"] == "aGVsbG8="


async def test_the_update_sequence_can_be_asked_for(letters: Couch) -> None:
    answer = (await letters("GET", "/_all_docs?update_seq=true&limit=0")).json
    assert answer["update_seq"] == (await letters("GET", "")).json["update_seq"]


async def test_several_queries_in_one_request(letters: Couch) -> None:
    queries = [{}, {"limit": 2}, {"keys": ["f", "a"]}, {"keys": ["b"]}]
    answer = (await letters("POST", "/_all_docs/queries?limit=1", {"queries": queries})).json
    assert [ids(result) for result in answer["results"]] == ["a", "ab", "f", "b"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "POST body must include `queries` parameter."),
        ({"queries": {}}, "`queries` member must be an array."),
        ({"queries": [{"limit": -1}]}, "Invalid value for positive integer: -1"),
        ([], "Request body must be a JSON object"),
    ],
)
async def test_bad_queries_are_refused(couch: Couch, body: Any, reason: str) -> None:
    reply = await couch("POST", "/_all_docs/queries", body)
    assert (reply.status, reply.json["reason"]) == (400, reason)


async def test_design_documents_have_a_list_of_their_own(letters: Couch) -> None:
    for name in "yxz":
        await letters("PUT", f"/_design/{name}", {})
    answer = (await letters("GET", "/_design_docs")).json
    assert (answer["total_rows"], answer["offset"], ids(answer)) == (3, 0, "_design/x_design/y_design/z")
    upwards = (await letters("GET", f"/_design_docs?{query(startkey='_design/y')}")).json
    assert (upwards["offset"], ids(upwards)) == (1, "_design/y_design/z")
    down = (await letters("GET", "/_design_docs?descending=true&limit=1")).json
    assert ids(down) == "_design/z"
    outside = (await letters("POST", "/_design_docs", {"keys": ["a", "_design/x"]})).json
    assert ids(outside) == "_design/x"


async def test_local_documents_have_a_list_without_counts(couch: Couch) -> None:
    for name in "bca":
        await couch("PUT", f"/_local/{name}", {"n": name})
    answer = (await couch("GET", "/_local_docs?include_docs=true&limit=2")).json
    assert (answer["total_rows"], answer["offset"], ids(answer)) == (None, None, "_local/a_local/b")
    assert answer["rows"][0]["doc"] == {"_id": "_local/a", "_rev": "0-1", "n": "a"}
    keys = {"keys": ["_local/c", "_local/none"]}
    rows = (await couch("POST", "/_local_docs", keys)).json["rows"]
    assert rows == [
        {"id": "_local/c", "key": "_local/c", "value": {"rev": "0-1"}},
        {"key": "_local/none", "error": "not_found"},
    ]


async def test_long_answers_are_whole(couch: Couch) -> None:
    docs = [{"_id": f"{number:05}", "text": "x" * 100} for number in range(3000)]
    await couch("POST", "/_bulk_docs", {"docs": docs})
    reply = await couch("GET", "/_all_docs?include_docs=true")
    assert reply.headers["Transfer-Encoding"] == "chunked"
    assert [row["doc"]["_id"] for row in reply.json["rows"]] == [doc["_id"] for doc in docs]


async def test_keys_may_spell_an_id_in_pieces(couch: Couch) -> None:
    rev = await couch.rev("ab", {"n": 1})
    keys = [1, None, True, {"a": 1}, 1.5, [], ["a", 98], ["ab"], [["a"], [[98]]], ["ab", None], [300], [255]]
    found = (await couch("POST", "/_all_docs?include_docs=true", {"keys": keys})).json["rows"]
    spelt = [["a", 98], ["ab"], [["a"], [[98]]]]
    doc = {"_id": "ab", "_rev": rev, "n": 1}
    for key, row in zip(keys, found, strict=True):
        if key in spelt:
            assert row == {"id": key, "key": key, "value": {"rev": rev}, "doc": doc}
        else:
            assert row == {"key": key, "error": "not_found"}
