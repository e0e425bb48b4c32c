"""`_index` over HTTP: making, listing and deleting, and mistakes."""

from tests.http.couch.conftest import Couch
from tests.http.couch.design.mango import made, refused


async def test_indexes_are_made_once_and_deleted(couch: Couch) -> None:
    body = {"index": {"fields": ["a"]}, "ddoc": "x"}
    first = await couch("POST", "/_index", {**body, "name": "one"})
    assert first.json == {"result": "created", "id": "_design/x", "name": "one"}
    made_up = (await couch("POST", "/_index", body)).json
    assert made_up["name"] == "9a41f113295891af7ca2b86bed9909cf5aabc4b2"  # as CouchDB makes it
    assert (await couch("POST", "/_index", body)).json["result"] == "exists"
    listed = (await couch("GET", "/_index?skip=1&limit=1")).json
    assert (listed["total_rows"], [one["name"] for one in listed["indexes"]]) == (3, [made_up["name"]])
    assert (await couch("DELETE", "/_index/x/json/one")).json == {"ok": True}
    assert (await couch("DELETE", "/_index/x/json/one")).status == 404
    assert (await couch("DELETE", f"/_index/_design/x/text/{made_up['name']}")).status == 404
    assert (await couch("DELETE", f"/_index/_design/x/json/{made_up['name']}")).json == {"ok": True}
    assert (await couch("GET", "/_design/x")).json["reason"] == "deleted"
    assert (await couch("POST", "/_index", body)).json["result"] == "created"
    assert (await couch("GET", "/_index?limit=0")).json["error"] == "invalid_list_index_params"


async def test_an_index_has_one_address_and_one_method(couch: Couch) -> None:
    await made(couch, "x", "a")
    for path in ("x", "x/json", "_design/x/json", "x/json/x/y", "_design/x/json/x/y"):
        for method in ("GET", "DELETE", "PUT"):
            found = await couch(method, f"/_index/{path}")
            assert found.status == (405 if path == "_design/x/json" and method != "DELETE" else 404), path
    assert (await couch("GET", "/_index/x/json/x")).headers["Allow"] == "DELETE"


async def test_several_are_deleted_at_once(couch: Couch) -> None:
    await made(couch, "x", "a")
    await made(couch, "y", "a")
    reply = await couch("POST", "/_index", {"index": {"fields": ["b"]}, "ddoc": "y", "name": "z"})
    assert reply.json["result"] == "created"
    deleted = await couch("POST", "/_index/_bulk_delete", {"docids": ["x", "_design/y", "none"], "w": 3})
    assert deleted.json == {
        "success": [{"id": "_design/y", "ok": True}, {"id": "_design/x", "ok": True}],
        "fail": [{"id": "_design/none", "error": "not_found"}],
    }
    assert (await couch("GET", "/_index")).json["total_rows"] == 1
    assert await refused(couch, "/_index/_bulk_delete", {"docids": [None]}) == (
        400,
        "invalid_index_name",
        "Invalid index name: null",
    )


async def test_design_documents_of_others_are_left_alone(couch: Couch) -> None:
    await couch.rev("_design/x", {"views": {"v": {"map": "function(doc) { emit(doc._id); }"}}})
    body = {"index": {"fields": ["a"]}, "ddoc": "x"}
    assert (await refused(couch, "/_index", body))[:2] == (400, "invalid_ddoc_lang")
    await couch.rev("_design/y", {"language": "query", "views": {"v": {"map": {"fields": ["a"]}}}, "more": 1})
    assert (await couch("GET", "/_index")).json["total_rows"] == 1  # a view that is no index
    await couch.rev("_design/z", {"language": "query", "more": 1})
    await couch("POST", "/_index", {**body, "ddoc": "z", "name": "n"})
    assert (await couch("DELETE", "/_index/z/json/n")).json == {"ok": True}
    assert (await couch("GET", "/_design/z")).json["more"] == 1


WRONG_INDEXES = [
    ({}, 400, "missing_required_key"),
    ({"index": 5}, 400, "invalid_index"),
    ({"index": {}}, 400, "missing_required_key"),
    ({"index": {"fields": "a"}}, 400, "invalid_sort_json"),
    ({"index": {"fields": [""]}}, 400, "invalid_sort_field"),
    ({"index": {"fields": ["a"], "more": 1}}, 400, "invalid_key"),
    ({"index": {"fields": ["a"], "partial_filter_selector": {"$bad": 1}}}, 400, "invalid_operator"),
    ({"index": {"fields": ["a"]}, "name": ""}, 400, "invalid_empty_string"),
    ({"index": {"fields": ["a"]}, "ddoc": 1}, 400, "invalid_string"),
    ({"index": {"fields": ["a"]}, "ddoc": "_design/"}, 400, "illegal_docid"),
    ({"index": {"fields": ["a"]}, "w": 0}, 400, "invalid_pos_integer"),
    ({"index": {"fields": ["a"]}, "type": "text"}, 503, "required index service unavailable"),
    ({"index": {}, "type": "nouveau"}, 503, "required index service unavailable"),
    ({"index": {"fields": ["a"]}, "type": "geo"}, 400, "invalid_index"),
    ({"index": {"fields": ["a"]}, "partitioned": 1}, 400, "invalid_partitioned_value"),
    ({"index": {"fields": ["a"]}, "partitioned": True}, 500, "error_saving_ddoc"),
    ([], 400, "bad_request"),
]


async def test_wrong_indexes(couch: Couch) -> None:
    for body, status, error in WRONG_INDEXES:
        assert (await refused(couch, "/_index", body))[:2] == (status, error), body
        assert (await couch("GET", "/_index")).json["total_rows"] == 1
