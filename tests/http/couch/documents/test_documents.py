"""Single documents: what is written comes back, and who edits what."""

import asyncio

import pytest

from tests.http.couch.conftest import Couch

CONFLICT = {"error": "conflict", "reason": "Document update conflict."}


async def test_a_document_comes_back_as_it_was_written(couch: Couch) -> None:
    body = b'{"z": 1, "a": [1.0, 1e5, 123456789012345678901234567890], "_id": "x", "nested": {"_rev": 1}}'
    saved = await couch("PUT", "/x", data=body)
    assert saved.status == 201
    assert saved.headers["Location"] == f"{couch.url}/db/x"
    rev = saved.json["rev"]
    assert saved.etag == f'"{rev}"'
    read = await couch("GET", "/x")
    assert read.body == (
        b'{"_id":"x","_rev":"%b","z":1,"a":[1.0,100000.0,123456789012345678901234567890],"nested":{"_rev":1}}\n'
        % rev.encode()
    )
    assert read.etag == saved.etag


async def test_an_edit_names_the_revision_it_is_made_of(couch: Couch) -> None:
    first = await couch.rev("a", {"v": 1})
    assert (await couch("PUT", "/a", {"v": 2})).json == CONFLICT
    assert (await couch("PUT", "/a", {"v": 2, "_rev": "1-" + "0" * 32})).status == 409
    second = (await couch("PUT", f"/a?rev={first}", {"v": 2})).json["rev"]
    third = await couch("PUT", "/a", {"v": 3}, headers={"If-Match": f'"{second}"'})
    assert third.json["rev"].startswith("3-")
    disagreeing = await couch("PUT", f"/a?rev={second}", {"_rev": "9-a"})
    assert (
        disagreeing.json["reason"] == "Document rev from request body and query string have different values"
    )


async def test_of_two_edits_at_the_same_time_one_is_refused(couch: Couch) -> None:
    rev = await couch.rev("a", {})
    replies = await asyncio.gather(*(couch("PUT", f"/a?rev={rev}", {"v": v}) for v in range(8)))
    assert sorted(reply.status for reply in replies) == [201] + [409] * 7


async def test_a_deleted_document_is_gone_but_its_revisions_are_not(couch: Couch) -> None:
    rev = await couch.rev("a", {"v": 1})
    gone = await couch("DELETE", f"/a?rev={rev}")
    assert gone.status == 200
    assert (await couch("GET", "/a")).json == {"error": "not_found", "reason": "deleted"}
    assert (await couch("GET", f"/a?rev={gone.json['rev']}")).json["_deleted"] is True
    assert (await couch("GET", f"/a?rev={rev}")).json["v"] == 1
    assert (await couch("GET", "/a?deleted=true")).json["_deleted"] is True
    again = await couch("PUT", "/a", {"v": 2})
    assert again.json["rev"].startswith("3-")


async def test_deleting_needs_the_document_and_its_revision(couch: Couch) -> None:
    assert (await couch("DELETE", "/nothing")).json == {"error": "not_found", "reason": "missing"}
    await couch.rev("a", {})
    assert (await couch("DELETE", "/a")).json == CONFLICT


async def test_a_reader_who_has_it_already_is_told_so(couch: Couch) -> None:
    rev = await couch.rev("a", {})
    same = await couch("GET", "/a", headers={"If-None-Match": f'"x", W/"{rev}"'})
    assert (same.status, same.body, same.etag) == (304, b"", f'"{rev}"')
    assert (await couch("GET", "/a", headers={"If-None-Match": '"other"'})).status == 200


async def test_head_has_the_headers_of_get(couch: Couch) -> None:
    await couch.rev("a", {"v": 1})
    got, head = await couch("GET", "/a"), await couch("HEAD", "/a")
    assert head.body == b""
    own = {"Date": "", "X-Couch-Request-ID": ""}
    assert {**head.headers} | own == {**got.headers} | own
    assert (await couch("HEAD", "/nothing")).status == 404


async def test_what_is_told_of_the_tree_is_told_in_order(couch: Couch) -> None:
    await couch.graft(
        {"_id": "a", "_rev": "2-b", "_revisions": {"start": 2, "ids": ["b", "r"]}, "v": "b"},
        {"_id": "a", "_rev": "2-c", "_revisions": {"start": 2, "ids": ["c", "r"]}, "v": "c"},
        {"_id": "a", "_rev": "3-e", "_revisions": {"start": 3, "ids": ["e", "d", "r"]}, "_deleted": True},
    )
    reply = await couch("GET", "/a?meta=true&revs=true&local_seq=true")
    assert reply.body == (
        b'{"_id":"a","_rev":"2-c","v":"c","_revisions":{"start":2,"ids":["c","r"]},'
        b'"_revs_info":[{"rev":"2-c","status":"available"},{"rev":"1-r","status":"missing"}],'
        b'"_conflicts":["2-b"],"_deleted_conflicts":["3-e"],"_local_seq":1}\n'
    )
    assert "ETag" not in reply.headers


async def test_open_revs_answers_for_each_revision(couch: Couch) -> None:
    await couch.graft({"_id": "a", "_rev": "2-b", "_revisions": {"start": 2, "ids": ["b", "r"]}, "v": 1})
    reply = await couch("GET", '/a?open_revs=["2-b","1-r","7-x"]')
    assert reply.json == [{"ok": {"_id": "a", "_rev": "2-b", "v": 1}}, {"missing": "1-r"}, {"missing": "7-x"}]
    latest = await couch("GET", '/a?open_revs=["1-r"]&latest=true&revs=true')
    assert latest.json[0]["ok"]["_revisions"] == {"start": 2, "ids": ["b", "r"]}
    assert (await couch("GET", '/nothing?open_revs=["1-r"]')).json == [{"missing": "1-r"}]
    assert (await couch("GET", "/nothing?open_revs=all")).status == 404


async def test_a_post_makes_an_id(couch: Couch) -> None:
    ids = [(await couch("POST", "", {"v": v})).json["id"] for v in range(3)]
    assert ids == sorted(set(ids))
    assert all(len(doc_id) == 32 for doc_id in ids)
    assert (await couch("POST", "", data=b"{}", headers={"Content-Type": "text/plain"})).status == 415


async def test_batch_ok_is_accepted_and_there(couch: Couch) -> None:
    assert (await couch("PUT", "/a?batch=ok", {})).json == {"ok": True, "id": "a"}
    assert (await couch("PUT", "/a?batch=ok", {"too": "late"})).status == 202
    assert (await couch("GET", "/a")).status == 200


@pytest.mark.parametrize(
    ("path", "doc_id"),
    [
        ("/a%2Fb", "a/b"),
        ("/a+b", "a b"),
        ("/%E4%B8%AD", "中"),
        ("/a%00b", "a\0b"),
        ("/it's", "it's"),
        ("/a;b", "a;b"),
    ],
)
async def test_ids_are_decoded_as_couchdb_does(couch: Couch, path: str, doc_id: str) -> None:
    assert (await couch("PUT", path, {})).json["id"] == doc_id
    assert (await couch("GET", path)).json["_id"] == doc_id


@pytest.mark.parametrize("path", ["/_x", "/_design", "/_design%2F", "/%FF", "/_local%2F"])
async def test_some_ids_no_document_may_have(couch: Couch, path: str) -> None:
    assert (await couch("PUT", path, {})).status == 400
    assert (await couch("GET", path)).status in (400, 404, 301)


async def test_design_documents_have_a_slash_in_their_address(couch: Couch) -> None:
    saved = await couch("PUT", "/_design%2Fd", {"views": {}})
    assert saved.headers["Location"] == f"{couch.url}/db/_design%2Fd"
    moved = await couch("GET", "/_design%2Fd?revs=true")
    assert (moved.status, moved.headers["Location"]) == (301, f"{couch.url}/db/_design/d?revs=true")
    assert (await couch("GET", "/_design/d")).status == 200


async def test_design_documents_are_checked_whatever_way_they_come(couch: Couch) -> None:
    wrong = {"_id": "_design/d", "views": {"v": {"map": 1}}}
    error = {"error": "invalid_design_doc", "reason": "`views.v.map` field must have string type"}
    assert (await couch("PUT", "/_design/d", wrong)).json == error
    assert (await couch("POST", "", wrong)).json == error
    assert (await couch("POST", "/_bulk_docs", {"docs": [wrong]})).json == [{"id": "_design/d", **error}]
    assert (await couch("GET", "/_design/d")).status == 404


async def test_a_member_who_is_no_admin_writes_no_design_document(couch: Couch) -> None:
    jan = {"Authorization": "jan"}
    assert (await couch("PUT", "/a", {}, headers=jan)).status == 201
    for method, path, extra in (
        ("PUT", "/_design/d", {}),
        ("PUT", "/_design%2Fd", {}),
        ("POST", "", {}),
        ("COPY", "/a", {"Destination": "_design/d"}),
        ("PUT", "/_design%2Fd/file", {}),
    ):
        reply = await couch(method, path, {"_id": "_design/d"}, headers={**jan, **extra})
        assert reply.status == 403, (method, path)
    [row] = (await couch("POST", "/_bulk_docs", {"docs": [{"_id": "_design/d"}]}, headers=jan)).json
    assert row["error"] == "forbidden"
    assert (await couch("GET", "/_design/d")).status == 404


async def test_a_copy_is_a_document_of_its_own(couch: Couch) -> None:
    rev = await couch.rev("a", {"v": 1, "_attachments": {"f": {"data": "aGk="}}})
    copied = await couch("COPY", "/a", headers={"Destination": "b%2Fc"})
    assert (copied.status, copied.json["id"]) == (201, "b/c")
    assert (await couch("GET", "/b%2Fc/f")).body == b"hi"
    over = await couch("COPY", "/a", headers={"Destination": f"b%2Fc?rev={copied.json['rev']}"})
    assert over.json["rev"].startswith("2-")
    assert (await couch("COPY", f"/a?rev={rev}", headers={"Destination": "b%2Fc"})).json == CONFLICT
    assert (await couch("COPY", "/a")).json["reason"] == "Destination header is mandatory for COPY."


async def test_a_replicated_put_says_which_revision_it_is(couch: Couch) -> None:
    reply = await couch(
        "PUT", "/a?new_edits=false", {"_rev": "3-c", "_revisions": {"start": 3, "ids": ["c", "b"]}}
    )
    assert reply.json["rev"] == "3-c"
    assert (await couch("PUT", "/b?new_edits=false", {})).status == 400
    assert (await couch("GET", "/a?revs=true")).json["_revisions"] == {"start": 3, "ids": ["c", "b"]}


async def test_too_large_a_document_is_refused(couch: Couch) -> None:
    await couch.store.set_config("couchdb", "max_document_size", "100")
    refused = await couch("PUT", "/a", {"text": "x" * 200})
    assert (refused.status, refused.json["error"]) == (413, "document_too_large")
    spaced = await couch("PUT", "/a", data=b'{"a":' + b" " * 200 + b"1}")
    assert spaced.status == 201


async def test_a_form_uploads_from_pages_of_this_host_only(couch: Couch) -> None:
    rev = await couch.rev("a", {"v": 1, "_attachments": {"old": {"data": "aGk="}}})
    form = (
        b'--x\r\nContent-Disposition: form-data; name="_rev"\r\n\r\n%b\r\n'
        b'--x\r\nContent-Disposition: form-data; name="_attachments"; filename="f.txt"\r\n'
        b"Content-Type: image/png\r\n\r\nfrom a form\r\n--x--\r\n" % rev.encode()
    )
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert (await couch("POST", "/a", data=form, headers=headers)).json[
        "reason"
    ] == "Referer header required."
    foreign = {**headers, "Referer": "http://elsewhere/page"}
    assert (await couch("POST", "/a", data=form, headers=foreign)).status == 400
    saved = await couch("POST", "/a", data=form, headers={**headers, "Referer": f"{couch.url}/page"})
    assert saved.status == 201
    assert (await couch("GET", "/a/f.txt")).body == b"from a form"
    assert (await couch("GET", "/a/old")).body == b"hi"


async def test_a_revision_that_no_hash_made_does_not_break_headers(couch: Couch) -> None:
    await couch.graft({"_id": "a", "_rev": "1-é\r\nSet-Cookie: x"})
    reply = await couch("GET", "/a")
    assert reply.status == 200
    assert "Set-Cookie" not in reply.headers
    assert (await couch("GET", "/a", headers={"If-None-Match": reply.etag})).status == 304


@pytest.mark.parametrize(("w", "status"), [("0", 201), ("1", 201), ("x", 201), ("2", 202), ("3", 202)])
async def test_more_copies_than_there_are_make_a_write_accepted(couch: Couch, w: str, status: int) -> None:
    accepted = {"accepted": True} if status == 202 else {}
    first = await couch("PUT", f"/a?w={w}", {})
    assert (first.status, first.json["ok"]) == (status, True)
    assert (await couch("POST", f"?w={w}", {"_id": "b"})).status == status
    reply = await couch("POST", f"/_bulk_docs?w={w}", {"docs": [{"_id": "c"}]})
    assert (reply.status, reply.json[0].keys() & {"accepted"}) == (status, accepted.keys())
    assert (await couch("PUT", f"/_local/a?w={w}", {})).status == status
    rev = first.json["rev"]
    put = await couch("PUT", f"/a/f?w={w}&rev={rev}", data=b"x")
    assert put.status == status
    gone = await couch("DELETE", f"/a?w={w}&rev={put.json['rev']}")
    assert gone.status == (202 if status == 202 else 200)
    purged = await couch("POST", f"/_purge?w={w}", {"a": [gone.json["rev"]]})
    assert purged.status == status


async def test_bulk_docs_may_say_in_the_body_how_many_copies(couch: Couch) -> None:
    assert (await couch("POST", "/_bulk_docs", {"docs": [{"_id": "a"}], "w": 3})).status == 202
    assert (await couch("POST", "/_bulk_docs", {"docs": [{"_id": "b"}], "w": "3"})).status == 201
