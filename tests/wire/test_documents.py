"""Documents as text: many at once are as each by itself."""

from couchreg.wire import documents

NAMES = ("plain", 'a"},{"_id":"b', '},{"_id":', "\\", "\x1b and \x7f", "ü 表", "", '"')


def test_documents_made_together_are_as_each_alone() -> None:
    rows = [(name, f"1-{name}", b'"a":1') for name in NAMES]
    assert documents.plain(rows) == [documents.document(name, rev, False, body) for name, rev, body in rows]
    assert documents.plain(rows[:1]) == [b'{"_id":"plain","_rev":"1-plain","a":1}']
    assert documents.plain([]) == []
