"""Whatever a client sends, the model answers with a value or with an error of its own."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from couchreg.errors import BadRequest
from couchreg.model import collation, document, etf, json, revid, selector

OPERATORS = [
    *("$lt", "$lte", "$eq", "$ne", "$gte", "$gt", "$in", "$nin", "$all", "$exists", "$type", "$mod"),
    *("$regex", "$size", "$beginsWith", "$text", "$default", "$elemMatch", "$allMatch", "$keyMapMatch"),
    *("$and", "$or", "$nor", "$not", "$where", "$nope"),
]
MEMBERS = ["_id", "_rev", "_deleted", "_attachments", "_revisions", "_conflicts", "_x", "start", "ids", "a"]

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), text
)


def shapes(names: list[str]) -> st.SearchStrategy[Any]:
    """JSON values whose objects have members of these names, or of any."""
    name = st.sampled_from([*names, "a.b", "b"]) | text
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(name, inner, max_size=4),
        max_leaves=12,
    )


documents = st.dictionaries(st.sampled_from(["a", "b", "_id"]), shapes(["x"]))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=40) | st.text('{}[]",:\\ue0123456789-+.truefalsn ', max_size=40).map(str.encode))
def test_any_bytes(data: bytes) -> None:
    try:
        value = json.decode(data)
    except BadRequest:
        return
    again = json.decode(json.encode(value))
    assert json.encode(again) == json.encode(value)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(MEMBERS), shapes(MEMBERS), max_size=5), st.booleans())
def test_any_document(value: Any, new_edits: bool) -> None:
    try:
        parsed = document.parse(value, new_edits=new_edits)
    except BadRequest:
        return
    rev = revid.revision_id(deleted=parsed.deleted, parent=parsed.rev, body=parsed.body, attachments=())
    assert rev.endswith(rev[-32:])
    assert b"{" + json.members(parsed.body) + b"}" == json.encode(parsed.body)


@settings(max_examples=500, deadline=None)
@given(shapes(OPERATORS), st.lists(documents, max_size=3))
def test_any_selector(value: Any, docs: list[dict[str, Any]]) -> None:
    try:
        matches = selector.compile(value)
    except selector.SelectorError:
        return
    for doc in docs:
        assert matches(doc) in (True, False)
    normal = selector.normalize(value)
    assert selector.normalize(normal) == normal or not normal


@settings(max_examples=300, deadline=None)
@given(shapes([]), shapes([]))
def test_any_two_keys(left: Any, right: Any) -> None:
    keys = collation.sort_key(left), collation.sort_key(right)
    assert collation.compare(left, right) == int(keys[0] > keys[1]) - int(keys[0] < keys[1])
    if "-0.0" not in repr(left) and "e-3" not in repr(left):  # shown as 0.0, and read as 0.0
        assert etf.encode(left) == etf.encode(json.decode(json.encode(left)))
