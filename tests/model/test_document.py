"""What a document may look like, in CouchDB's own words (recorded from CouchDB 3.5.0)."""

from typing import Any

import pytest

from couchreg.errors import BadRequest, DocValidation, IllegalDocid
from couchreg.model.document import check_docid, parse

B, A = "0" * 31 + "b", "0" * 31 + "a"
NEEDS_REV = "When `new_edits: false`, the document needs `_rev` or `_revisions` specified"


def test_a_plain_document() -> None:
    value = {"z": 1, "_id": "a", "_rev": "01-ABC", "y": {"_x": 2}}
    parsed = parse(value, new_edits=True)
    assert (parsed.id, parsed.rev, parsed.deleted, parsed.attachments) == ("a", "1-ABC", False, None)
    assert list(parsed.body.items()) == [("z", 1), ("y", {"_x": 2})]
    assert parsed.history == ()
    assert list(value) == ["z", "_id", "_rev", "y"]


def test_the_id_of_the_url_counts() -> None:
    assert parse({"_id": "a"}, new_edits=True, id="b").id == "b"
    with pytest.raises(IllegalDocid):
        parse({}, new_edits=True, id="_b")


def test_members_that_readers_add_are_dropped_and_the_replicators_kept() -> None:
    value = {
        "_revs_info": [],
        "_local_seq": 1,
        "_conflicts": [],
        "_deleted_conflicts": [],
        "_replication_id": "x",
        "_replication_state": "completed",
        "_replication_state_time": "t",
        "_replication_state_reason": "r",
        "_replication_stats": {},
    }
    assert list(parse(value, new_edits=True).body) == list(value)[4:]


@pytest.mark.parametrize("value", [[], 1, "text", None, True, [{}], 1.5])
def test_only_objects_are_documents(value: Any) -> None:
    with pytest.raises(BadRequest, match="Document must be a JSON object"):
        parse(value, new_edits=True)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("_foo", 1),
        ("_ID", 1),
        ("_security", {}),
        ("__proto__", 8),
        ("_", 1),
        ("_deleted", "yes"),
        ("_deleted", 1),
        ("_deleted", None),
        ("_attachments", 1),
        ("_attachments", "x"),
        ("_attachments", []),
        ("_attachments", None),
        ("_attachments", True),
        ("_revisions", 7),
    ],
)
def test_bad_special_members(member: str, value: Any) -> None:
    with pytest.raises(DocValidation) as caught:
        parse({"v": 1, member: value}, new_edits=True)
    assert caught.value.reason == f"Bad special document member: {member}"


@pytest.mark.parametrize("rev", [1, None, [], ["1-abc"], "", "1", "abc", "x-1", "1-" + "x" * 32, {}])
def test_malformed_revs(rev: Any) -> None:
    with pytest.raises(BadRequest) as caught:
        parse({"_rev": rev}, new_edits=True)
    assert caught.value.reason == "Invalid rev format"


@pytest.mark.parametrize(
    ("id", "reason"),
    [
        (None, "Document id must be a string"),
        (1, "Document id must be a string"),
        ("", "Document id must not be empty"),
        ("\ud800", "Document id must be valid UTF-8"),
        ("_x", "Only reserved document ids may start with underscore."),
        ("_design", "Only reserved document ids may start with underscore."),
        ("_design/", "Illegal document id `_design/`"),
        ("_local/", "Illegal document id `_local/`"),
    ],
)
def test_illegal_ids(id: Any, reason: str) -> None:
    with pytest.raises(IllegalDocid) as caught:
        parse({"_id": id}, new_edits=True)
    assert caught.value.reason == reason


def test_legal_ids() -> None:
    for id in ("a", "a/b", "_design/a", "_local/a", "é", "a\x00b", "y" * 10_000):
        check_docid(id)
    check_docid("éé", longest=4)
    with pytest.raises(IllegalDocid, match="Document id is too long"):
        check_docid("éé", longest=3)


def test_the_first_wrong_member_is_named() -> None:
    with pytest.raises(BadRequest, match="Invalid rev format"):
        parse({"_rev": "x", "_foo": 1}, new_edits=True)
    with pytest.raises(DocValidation, match="_foo"):
        parse({"_foo": 1, "_rev": "x"}, new_edits=True)


@pytest.mark.parametrize(
    ("revisions", "reason"),
    [
        ({"ids": [B]}, "_revisions.start isn't an integer."),
        ({"start": "2", "ids": [B, A]}, "_revisions.start isn't an integer."),
        ({"start": 2.0, "ids": [B]}, "_revisions.start isn't an integer."),
        ({"start": 10**5000, "ids": [B]}, "_revisions.start isn't an integer."),
        ({"start": 2, "ids": "x"}, "_revisions.ids isn't a array."),
        ({"start": 2, "ids": [1, 2]}, "RevId isn't a string"),
        ({"start": 2, "ids": ["x" * 32]}, "RevId isn't a valid hexadecimal"),
        ({"start": 0, "ids": []}, NEEDS_REV),
    ],
)
def test_bad_revisions_members(revisions: Any, reason: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse({"_revisions": revisions}, new_edits=False)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("value", "rev", "history"),
    [
        ({"_revisions": {"start": 2, "ids": [B, A]}}, f"2-{B}", (B, A)),
        ({"_rev": f"2-{A}", "_revisions": {"start": 5, "ids": [B, A]}}, f"5-{B}", (B, A)),
        ({"_revisions": {"start": 5, "ids": [B, A]}, "_rev": f"2-{A}"}, f"5-{B}", (B, A)),
        ({"_revisions": {"start": -1, "ids": [B.upper()]}}, f"-1-{B}", (B,)),
        ({"_revisions": {"start": 1, "ids": [B, A]}}, f"1-{B}", (B, A)),
        ({"_rev": f"1-{A.upper()}"}, f"1-{A}", (A,)),
        ({"_rev": "1-"}, "1-", ("",)),
        ({"_rev": "1-abcdefghijklmnop"}, "1-" + b"abcdefghijklmnop".hex(), (b"abcdefghijklmnop".hex(),)),
    ],
)
def test_histories(value: dict[str, Any], rev: str, history: tuple[str, ...]) -> None:
    parsed = parse(value, new_edits=False)
    assert (parsed.rev, parsed.history) == (rev, history)


def test_replicated_documents_need_a_revision() -> None:
    with pytest.raises(BadRequest) as caught:
        parse({"v": 1}, new_edits=False)
    assert caught.value.reason == NEEDS_REV


def test_attachments_are_passed_on_and_what_is_no_object_is_passed_over() -> None:
    parsed = parse({"_deleted": True, "_attachments": {"f": {"stub": True}, "g": 1}}, new_edits=True)
    assert parsed.deleted
    assert parsed.attachments == {"f": {"stub": True}}
