"""Rows are spelt as CouchDB spells them, whatever ids and revisions are made of."""

import json
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchreg.model.json import quote
from couchreg.wire import rows

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


class Change(NamedTuple):
    id: str
    revs: tuple[str, ...]
    deleted: bool = False


class Row(NamedTuple):
    id: str
    rev: str


@given(TEXT, TEXT)
def test_a_row_of_documents_has_every_string_as_the_model_quotes_it(doc_id: str, rev: str) -> None:
    name = quote(doc_id).decode()
    assert rows.documents([Row(doc_id, rev)]) == [
        f'{{"id":{name},"key":{name},"value":{{"rev":{quote(rev).decode()}}}}}'
    ]


@given(TEXT, st.lists(TEXT, min_size=1, max_size=3), st.booleans())
def test_a_change_has_every_string_as_the_model_quotes_it(doc_id: str, revs: list[str], gone: bool) -> None:
    [text] = rows.changes(['"1-x"'], [Change(doc_id, tuple(revs), gone)])
    listed = ",".join(f'{{"rev":{quote(rev).decode()}}}' for rev in revs)
    tail = ',"deleted":true' if gone else ""
    assert text == f'{{"seq":"1-x","id":{quote(doc_id).decode()},"changes":[{listed}]{tail}}}'


@pytest.mark.parametrize("rev", ['2-a"b', "2-a\\b", "2-a\x01"])
def test_odd_revisions_stay_inside_their_strings(rev: str) -> None:
    [text] = rows.changes(["null"], [Change("a", (rev,))])
    assert json.loads(text) == {"seq": None, "id": "a", "changes": [{"rev": rev}]}


def test_documents_come_last_in_their_rows() -> None:
    texts = rows.documents([Row("a", "1-x"), Row("b", "1-y")])
    listed = rows.BETWEEN.join(rows.with_docs(texts, [b'{"v":1}', b'{"v":2}']))
    whole = json.loads(rows.head(2, 0) + listed + rows.TAIL)
    assert [row["doc"] for row in whole["rows"]] == [{"v": 1}, {"v": 2}]
    assert (whole["total_rows"], whole["offset"]) == (2, 0)


def test_deleted_and_missing_documents_say_so() -> None:
    assert json.loads(rows.deleted(Row("a", "2-x"), with_doc=True)) == {
        "id": "a",
        "key": "a",
        "value": {"rev": "2-x", "deleted": True},
        "doc": None,
    }
    assert json.loads(rows.missing(["odd"])) == {"key": ["odd"], "error": "not_found"}


def test_feeds_end_with_where_to_go_on() -> None:
    answer = json.loads(rows.CHANGES_HEAD + rows.changes_tail("5-x", 2))
    assert answer == {"results": [], "last_seq": "5-x", "pending": 2}
    assert json.loads(rows.last_line("5-x", 2)) == {"last_seq": "5-x", "pending": 2}
