"""Values that JSON may hold and Python does not like, wherever a request has a place for one: an answer, and
never a failure of the server."""

import pytest

from tests.http.couch.conftest import Couch, Reply

DEEP = 1_100  # more than Python's stack has places
ODD = {
    "digits": b"9" * 5_000,
    "negative": b"-" + b"9" * 5_000,
    "deep list": b"[" * DEEP + b"]" * DEEP,
    "deep object": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "list of digits": b"[" + b"9" * 5_000 + b"]",
    "tiny": b"1e-400",
    "half a pair": b'"\\ud800"',
    "null": b'"a\\u0000b"',
}
MEMBERS = {
    "/_find": "selector fields sort limit skip bookmark use_index execution_stats update r conflicts stable",
    "/_explain": "selector fields sort limit skip bookmark use_index",
    "/_index": "index name ddoc type partial_filter_selector partitioned",
    "/_bulk_docs": "docs new_edits w all_or_nothing",
    "/_bulk_get": "docs",
    "/_all_docs": "keys key startkey endkey limit skip queries include_docs descending",
    "/_all_docs/queries": "queries",
    "/_changes?filter=_doc_ids": "doc_ids",
    "/_changes?filter=_selector": "selector fields",
    "/_revs_diff": "x",
    "/_missing_revs": "x",
    "/_purge": "x",
    "": "_id _rev _deleted _revisions _attachments a",
    "//_replicate": "source target doc_ids selector since_seq continuous cancel filter query_params",
    "//_dbs_info": "keys",
    "//_cluster_setup": "action node_count port",
}
PUTS = [
    "/_security",
    "/_revs_limit",
    "/_purged_infos_limit",
    "/_local/x",
    "/doc",
    "//_node/_local/_config/a/b",
]
LISTS = {"docs": b'[{"id":%b,"rev":%b}]', "queries": b'[{"key":%b,"limit":%b}]'}


def is_failure(reply: Reply) -> bool:
    """Whether the server failed; not where it has no such thing, or says so as CouchDB does."""
    return reply.status >= 500 and reply.status != 501 and b"no_majority" not in reply.body


@pytest.mark.parametrize("odd", ODD)
async def test_an_odd_value_is_answered(couch: Couch, odd: str) -> None:
    value, failed = ODD[odd], []
    for path, members in MEMBERS.items():
        for member in members.split():
            bodies = [b'{"%b":%b}' % (member.encode(), value)]
            bodies.append(b'{"selector":{"a":1},"%b":%b}' % (member.encode(), value))
            if member in LISTS:
                bodies.append(b'{"%b":%b}' % (member.encode(), LISTS[member] % (value, value)))
            for body in (*bodies, value):
                reply = await couch("POST", path, data=body, headers={"Content-Type": "application/json"})
                if is_failure(reply):
                    failed.append((path, body[:60], reply.status, reply.body[:200]))
    for path in PUTS:
        reply = await couch("PUT", path, data=value, headers={"Content-Type": "application/json"})
        if is_failure(reply):
            failed.append((path, value[:60], reply.status, reply.body[:200]))
    assert failed == []


@pytest.mark.parametrize("text", ["9" * 5_000, "-" + "9" * 5_000, "1e400", "[" * DEEP + "]" * DEEP])
async def test_an_odd_parameter_is_answered(couch: Couch, text: str) -> None:
    names = (
        "limit skip key keys startkey endkey descending include_docs since feed style seq_interval timeout"
    )
    names += " heartbeat group_level rev revs open_revs atts_since w r batch new_edits update_seq conflicts"
    failed = []
    for path in (
        "/_all_docs",
        "/_changes",
        "/doc",
        "//_all_dbs",
        "//_db_updates",
        "//_uuids",
        "/_design_docs",
    ):
        for name in [*names.split(), "count", "last-event-id"]:
            reply = await couch("GET", f"{path}?{name}={text}")
            if is_failure(reply):
                failed.append((path, name, reply.status, reply.body[:200]))
    assert failed == []
