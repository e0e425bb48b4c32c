"""Documents and their attachments in one body, in and out."""

from base64 import b64encode
from typing import Any

import pytest

from couchreg.model import json
from couchreg.turns import TimeSlice
from couchreg.wire.multipart import End, MultipartParser, PartBegin, PartEnd
from tests.http.couch.conftest import Couch, Reply

RELATED = {"Content-Type": 'multipart/related; boundary="frontier"'}


def related(document: Any, *parts: bytes, end: bytes = b"--") -> bytes:
    head = b"--frontier\r\nContent-Type: application/json\r\n\r\n" + json.encode(document)
    return b"\r\n--frontier".join([head, *(b"\r\n\r\n" + part for part in parts), end])


def follows(length: int, **more: Any) -> dict[str, Any]:
    return {"follows": True, "content_type": "image/png", "length": length, **more}


def parts_of(reply: Reply) -> list[tuple[dict[str, str], bytes]]:
    """Headers and data of the parts of a multipart answer."""
    return read_parts(reply.headers["Content-Type"], reply.body)


def read_parts(kind: str, body: bytes) -> list[tuple[dict[str, str], bytes]]:
    parser = MultipartParser(kind.partition("boundary=")[2].strip('"'))
    found: list[tuple[dict[str, str], bytes]] = []
    for event in [*parser.feed(body), *parser.close()]:
        if isinstance(event, PartBegin):
            found.append((event.headers, b""))
        elif isinstance(event, bytes):
            found[-1] = (found[-1][0], found[-1][1] + event)
        else:
            assert isinstance(event, PartEnd | End)
    return found


async def test_parts_become_attachments_in_their_order(couch: Couch) -> None:
    document = {"v": 1, "_attachments": {"one": follows(5), "in": {"data": "aW4="}, "two": follows(3)}}
    saved = await couch("PUT", "/a", data=related(document, b"first", b"2nd"), headers=RELATED)
    assert saved.status == 201
    read = (await couch("GET", "/a?attachments=true")).json
    assert read["v"] == 1
    data = {name: one["data"] for name, one in read["_attachments"].items()}
    assert data == {"one": b64encode(b"first").decode(), "in": "aW4=", "two": b64encode(b"2nd").decode()}


async def test_the_revision_is_that_of_the_same_document_in_json(couch: Couch) -> None:
    document = {"_attachments": {"f": follows(5)}}
    saved = await couch("PUT", "/a", data=related(document, b"hello"), headers=RELATED)
    inline = {"_attachments": {"f": {"content_type": "image/png", "data": b64encode(b"hello").decode()}}}
    assert saved.json["rev"] == await couch.rev("b", inline)


async def test_an_edit_keeps_stubs_and_takes_parts(couch: Couch) -> None:
    rev = await couch.rev("a", {"_attachments": {"old": {"data": "b2xk"}}})
    document = {"_rev": rev, "_attachments": {"old": {"stub": True}, "new": follows(3)}}
    assert (await couch("PUT", "/a", data=related(document, b"new"), headers=RELATED)).status == 201
    assert ((await couch("GET", "/a/old")).body, (await couch("GET", "/a/new")).body) == (b"old", b"new")


async def test_bodies_that_are_not_what_they_say_leave_nothing(couch: Couch) -> None:
    wrong = {"f": follows(5, digest="md5-kAFQmDzST7DWlj99KOF/cg==")}
    for body, reason in (
        (related({"_attachments": {"f": follows(50)}}, b"hello"), "attachment shorter than expected"),
        (related({"_attachments": {"f": follows(2)}}, b"hello"), "attachment longer than expected"),
        (related({"_attachments": wrong}, b"hello"), "Possible message corruption."),
        (
            related({"_attachments": {"a": follows(2), "f": follows(5)}}, b"hi"),
            "attachment shorter than expected",
        ),
        (b"--frontier\r\nContent-Type: application/json\r\n\r\n{nope\r\n--frontier--", "invalid UTF-8 JSON"),
        (b"--frontier--", "The multipart body has no document"),
        (b"no boundary at all", "The multipart body is cut off"),
        (
            related({"_rev": "1-" + "0" * 32, "_attachments": {"f": follows(5)}}, b"hello"),
            "Document update conflict.",
        ),
    ):
        reply = await couch("PUT", "/a", data=body, headers=RELATED)
        assert (400 <= reply.status < 500, reply.json["reason"]) == (True, reason)
    text = b"--frontier\r\nContent-Type: text/plain\r\n\r\n{}\r\n--frontier--"
    assert (await couch("PUT", "/a", data=text, headers=RELATED)).status == 415
    assert (await couch("GET", "/a")).status == 404
    assert couch.blobs() == []


async def test_small_faults_are_forgiven(couch: Couch) -> None:
    document = {"_attachments": {"f": follows(5)}}
    unclosed = related(document, b"hello", end=b"")
    surplus = related(document, b"hello", b"nobody asked")
    preamble = b"ignored\r\n" + related(document, b"hello") + b"\r\nepilogue"
    for name, body in (("a", unclosed), ("b", surplus), ("c", preamble)):
        assert (await couch("PUT", f"/{name}", data=body, headers=RELATED)).status == 201
        assert (await couch("GET", f"/{name}/f")).body == b"hello"


async def test_a_document_comes_with_its_attachments_behind_it(couch: Couch) -> None:
    rev = await couch.rev(
        "a", {"_attachments": {"f": {"data": "aGVsbG8="}, "t": {"content_type": "text/x", "data": "aGk="}}}
    )
    reply = await couch("GET", "/a?attachments=true", headers={"Accept": "multipart/related"})
    assert reply.etag == f'"{rev}"'
    assert int(reply.headers["Content-Length"]) == len(reply.body)
    (_, document), (f, hello), (t, packed) = parts_of(reply)
    members = json.decode(document)["_attachments"]
    assert members["f"]["follows"] is True
    assert (members["t"]["encoding"], members["t"]["encoded_length"]) == ("gzip", len(packed))
    assert (f["content-disposition"], f["content-length"], hello) == (
        'attachment; filename="f"',
        "5",
        b"hello",
    )
    assert t["content-encoding"] == "gzip"
    head = await couch("HEAD", "/a?attachments=true", headers={"Accept": "multipart/related"})
    assert head.headers["Content-Length"] == str(len(reply.body))
    plain = await couch("GET", f'/a?atts_since=["{rev}"]', headers={"Accept": "*/*"})
    assert plain.headers["Content-Type"] == "application/json"


async def test_open_revs_nests_documents_with_attachments(couch: Couch) -> None:
    await couch.graft(
        {"_id": "a", "_rev": "1-a"},
        {"_id": "a", "_rev": "1-b", "_attachments": {"f": {"data": "aGVsbG8="}}},
    )
    reply = await couch("GET", '/a?open_revs=["1-a","1-b","1-c"]', headers={"Accept": "multipart/mixed"})
    plain, nested, missing = parts_of(reply)
    assert (plain[0]["content-type"], json.decode(plain[1])) == (
        "application/json",
        {"_id": "a", "_rev": "1-a"},
    )
    [document, attachment] = read_parts(nested[0]["content-type"], nested[1])
    assert json.decode(document[1])["_attachments"]["f"]["follows"] is True
    assert attachment[1] == b"hello"
    assert missing == ({"content-type": 'application/json; error="true"'}, b'{"missing":"1-c"}')


async def test_what_goes_out_can_be_put_in_elsewhere(couch: Couch) -> None:
    await couch.store.create("other")
    await (await couch.store.open("other")).set_setting("security", {})
    await couch.rev(
        "a",
        {
            "v": 1,
            "_attachments": {"f": {"data": "aGVsbG8="}, "t": {"content_type": "text/x", "data": "aGk="}},
        },
    )
    sent = await couch("GET", "/a?attachments=true&revs=true", headers={"Accept": "multipart/related"})
    kind = {"Content-Type": sent.headers["Content-Type"]}
    assert (await couch("PUT", "///other/a?new_edits=false", data=sent.body, headers=kind)).status == 201
    here, there = [await couch("GET", f"///{db}/a?attachments=true&revs=true") for db in ("db", "other")]
    assert here.body == there.body


async def test_many_attachments_let_others_have_their_turn(
    couch: Couch, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 300
    files = {f"n{number}": {"data": ""} for number in range(count)}
    assert (await couch("PUT", "/a", json={"_attachments": files})).status == 201
    given = 0

    async def turn(self: TimeSlice) -> None:
        nonlocal given
        given += 1

    monkeypatch.setattr(TimeSlice, "pass_on", turn)
    reply = await couch("GET", "/a?attachments=true", headers={"Accept": "multipart/related"})
    assert len(parts_of(reply)) == 1 + count
    assert given >= count
