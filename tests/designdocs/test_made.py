"""What functions make, on its way to the server."""

import json
from typing import Any

import pytest

from couchreg.designdocs.javascript.failures import said
from couchreg.designdocs.javascript.made import LONGEST, Made, packed, packed_part, read_part, shortened
from couchreg.errors import CouchregError


def text(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("response", "left", "kind", "content"),
    [
        ({"body": 'a "text" of ä\n', "code": 201}, {"code": 201}, "body", 'a "text" of ä\n'.encode()),
        ({"json": [1.0, None], "body": "x", "path": "p"}, {"body": "x", "path": "p"}, "json", b"[1.0,null]"),
        ({"base64": "aGFsbG8=", "other": 1}, {}, "base64", b"hallo"),
        ({"body": 5}, {"body": 5}, "", b""),
        ({"code": 204}, {"code": 204}, "", b""),
        (None, None, "", b""),
        ("text", True, "", b""),
    ],
)  # fmt: skip
def test_content_comes_as_it_is(response: Any, left: Any, kind: str, content: bytes) -> None:
    doc = {"_id": "x", "text": "two\nlines"}
    for answer in ({"response": response}, {"response": response, "type": "text/x", "doc": doc}):
        found = Made.read(packed(text({"ok": answer, "logs": ["a\nb"]})))
        assert found["logs"] == ["a\nb"]
        made = found["ok"]
        assert (made.response, made.kind, made.content) == (left, kind, content)
        assert made.type == answer.get("type")
        assert (json.loads(made.doc) if made.doc else None) == answer.get("doc")


def test_parts_of_lists_come_as_they_are() -> None:
    assert read_part(packed_part(text({"text": 'a\n"b"', "head": {"code": 200}}))) == (
        {"head": {"code": 200}},
        b'a\n"b"',
    )
    assert read_part(packed_part(text({"text": 1}))) == ({}, b"")


@pytest.mark.parametrize(
    "answer",
    [
        {"error": ["word", "x" * 2_000_000]},
        {"error": ["x" * 2_000_000, "reason"]},
        {"error": ["word", {"a": ["\x01" * 2_000_000]}], "logs": ["\x01" * 1000] * 100},
        {"ok": [None, {"word": "forbidden", "reason": '"' * 50_000}] * 100},
        {"ok": [{"word": "forbidden", "reason": ["\x01" * 50_000]}, {"word": "unknown_error"}] * 100},
    ],
)
def test_what_was_thrown_is_cut_off(answer: Any) -> None:
    made = shortened(text(answer))
    assert len(made) <= LONGEST
    found = said(made)
    assert found.get("logs") == answer.get("logs")
    told, thrown = (one.get("ok", one.get("error")) for one in (found, answer))
    for kept, whole in zip(told, thrown, strict=True):
        if isinstance(whole, dict) and "word" in whole:
            assert kept["word"] == whole["word"]
            assert ("reason" in kept) == ("reason" in whole)
        else:
            assert kept == whole or kept.endswith("…")


@pytest.mark.parametrize(
    "answer", [[], 1, {"ok": 1}, {"ok": {}}, {"ok": {"response": {"headers": "x" * LONGEST}}}]
)
def test_what_is_not_as_it_should_be_is_an_error(answer: Any) -> None:
    assert said(packed(text(answer)))["error"][0] in ("unknown_error", "render_error")


def test_broken_base64_is_an_error() -> None:
    assert said(packed(text({"ok": {"response": {"base64": "a"}}})))["error"][0] == "render_error"
    with pytest.raises(CouchregError):
        Made.read(b"[]\n")
