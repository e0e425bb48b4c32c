"""Revision ids are CouchDB's, bit for bit: every vector recorded from CouchDB 3.5.0."""

import json as stdlib
from pathlib import Path
from typing import Any

import pytest

from couchreg.errors import BadRequest
from couchreg.model import etf, json
from couchreg.model.revid import canonical, parse_rev, raw, revision_id

VECTORS = [
    stdlib.loads(line) for line in (Path(__file__).parent / "data/revs.jsonl").read_text("utf-8").splitlines()
]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["rev"][:10])
def test_vector(vector: dict[str, Any]) -> None:
    parent = None if vector["parent"] is None else f"{vector['start']}-{vector['parent']}"
    attachments = [(a["name"], a["content_type"], bytes.fromhex(a["md5"])) for a in vector["attachments"]]
    body = json.decode(vector["body"])
    got = revision_id(deleted=vector["deleted"], parent=parent, body=body, attachments=attachments)
    assert got == vector["rev"]


def test_there_are_vectors() -> None:
    assert len(VECTORS) > 300


@pytest.mark.parametrize(
    ("text", "rev"),
    [
        ("1-abc", (1, "abc")),
        ("01-abc", (1, "abc")),
        ("1-", (1, "")),
        ("-1-abc", None),
        ("+1-abc", (1, "abc")),
        ("3-a-b", (3, "a-b")),
        ("2-ABCDEF0123456789abcdef0123456789", (2, "abcdef0123456789abcdef0123456789")),
        ("2-ABC", (2, "ABC")),
        ("99999999999999999999-abc", (99999999999999999999, "abc")),
    ],
)
def test_parse_rev(text: str, rev: tuple[int, str] | None) -> None:
    if rev is None:
        with pytest.raises(BadRequest, match="Invalid rev format"):
            parse_rev(text)
    else:
        assert parse_rev(text) == rev


@pytest.mark.parametrize(
    "text", ["", "1", "x-1", "1-" + "0" * 31 + "X", "²-a", " 1-a", "1 -a", "1-\ud800", "9" * 1001 + "-"]
)
def test_malformed_revs(text: str) -> None:
    with pytest.raises(BadRequest, match="Invalid rev format"):
        parse_rev(text)


def test_canonical_and_raw() -> None:
    assert canonical("01-ABCDEF0123456789abcdef0123456789") == "1-abcdef0123456789abcdef0123456789"
    assert raw("00" * 16) == bytes(16)
    assert raw("fe") == b"fe"


def test_deep_bodies_hash_the_same_by_either_way() -> None:
    deep: Any = {"a": [1, 2], "b": [[], {}, "x", 300, None, True, False, 1.5]}
    expected = etf.encode(deep)
    for _ in range(50):
        deep = [deep]
        expected = bytearray(b"l\x00\x00\x00\x01") + expected + b"j"
    assert etf.encode(deep) == expected
    for _ in range(5000):
        deep = [deep]
        expected = bytearray(b"l\x00\x00\x00\x01") + expected + b"j"
    assert etf.encode(deep) == expected
