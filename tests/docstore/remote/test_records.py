"""Attachments whose records are a member of the document, and what a CouchDB shows of that."""

from typing import Any

import pytest

from couchreg.docstore.base import BEGINNING, Changes, Database, Edit, Range, Stub
from couchreg.docstore.named import NamedDatabase
from couchreg.docstore.remote import RemoteStore
from couchreg.docstore.remote.asking import DatabaseCalls
from couchreg.docstore.remote.records import RECORDS
from couchreg.errors import Conflict, DocValidation, Failure, Forbidden, NotFound, NotImplementedHere
from couchreg.model.user import SYSTEM
from tests.docstore.writing import attachment, changes, edit, put, put_one, replica, replicate, rows


async def stored(direct: DatabaseCalls, doc_id: str, **query: str) -> dict[str, Any]:
    found: dict[str, Any] = await (await direct.ask("GET", "/" + doc_id, query=query)).json()
    return found


async def test_a_couchdb_sees_where_the_bytes_are_and_a_client_does_not(
    database: Database, direct: DatabaseCalls
) -> None:
    file = attachment("f.txt", key="gdp/1/f.txt")
    await put_one(database, edit("a", attachments=(file,), v=1))
    [record] = (await stored(direct, "a"))[RECORDS].items()
    shown = {"content_type": "text/plain", "revpos": 0, "digest": "md5-bW1tbW1tbW1tbW1tbW1tbQ==", "length": 3}
    assert record == ("f.txt", shown | {"sha256": "aa" * 32, "key": "gdp/1/f.txt"})
    for found in (
        await database.revision("a"),
        (await rows(database, bodies=True))[0],
        (await database.winners(["a"], bodies=True))[0],
        (await changes(database, bodies=True))[0],
    ):
        assert found is not None
        assert (found.members, [one.key for one in found.attachments]) == (b'"v":1', ["gdp/1/f.txt"])
        assert found.attachments[0].revpos == 1


async def test_gzip_and_order_are_kept(database: Database) -> None:
    packed = attachment("z")
    packed = type(packed)("z", "text/plain", 2, b"d" * 16, 100, 7, "gzip", "bb" * 32, "k")
    await put_one(database, edit("a", attachments=(packed, attachment("a"))))
    found = (await database.revision("a")).attachments
    assert [one.name for one in found] == ["z", "a"]
    assert found[0] == packed


async def test_no_client_writes_the_member(database: Database) -> None:
    forged = {
        "x": {"content_type": "a", "revpos": 1, "digest": "md5-", "length": 1, "sha256": "", "key": "k"}
    }
    refused, taken = await put(database, Edit("a", None, False, {RECORDS: forged}), edit("b"))
    assert isinstance(refused, DocValidation)
    assert isinstance(taken, str)
    [refused] = await replicate(database, Edit("a", "1-a", False, {RECORDS: forged}, (), ("a",)))
    assert isinstance(refused, DocValidation)
    with pytest.raises(NotFound):
        await database.revision("a")


async def test_a_stub_of_what_is_not_there_is_a_conflict(database: Database) -> None:
    [refused] = await put(database, edit("a", "1-a", attachments=(Stub("f"),)))
    assert isinstance(refused, Conflict)


async def test_what_lies_in_couchdb_itself_is_not_shown_as_if_it_were_nothing(
    database: Database, direct: DatabaseCalls
) -> None:
    inline = {"f": {"content_type": "text/plain", "data": "eA=="}}
    (await direct.ask("PUT", "/a", value={"v": 1, "_attachments": inline})).check()
    with pytest.raises(NotImplementedHere, match="lie in CouchDB itself"):
        await database.revision("a")
    assert [row.members for row in await rows(database, bodies=True)] == [b'"v":1']


async def test_records_that_are_not_ours_are_no_records(database: Database, direct: DatabaseCalls) -> None:
    (await direct.ask("PUT", "/a", value={RECORDS: {"f": {"key": 1}}})).check()
    with pytest.raises(Failure, match="has not written there"):
        await database.revision("a")
    assert [row.attachments for row in await rows(database, bodies=True)] == [()]


async def test_values_come_back_as_they_were_written(database: Database) -> None:
    body = {"a": 1.0, "c": 123456789012345678901234567890, "é": "\0\x7f", "d": [{}, None, "\U0001f600"]}
    await put_one(database, Edit("a", None, False, body))
    assert (await database.revision("a")).body == body
    assert list((await database.revision("a")).body) == list(body)


async def test_notes_are_nobodys_documents(remote: RemoteStore, database: Database) -> None:
    await (await remote.notes("db")).write("tokens", [1])
    with pytest.raises(NotFound):
        await database.local("_local/couchreg:life")
    with pytest.raises(Forbidden):
        await database.update_local("_local/couchreg:life", {})
    assert [row async for chunk in database.all_docs(Range(), bodies=True) for row in chunk] == []
    assert [name for name in await remote.names() if name != "db"] == []


# -- listings
async def test_a_listing_goes_on_where_it_says(database: Database) -> None:
    await put(database, *[edit(doc_id) for doc_id in "abcde"])
    first = [one async for one in database.changes(BEGINNING, limit=2)]
    assert [change.id for one in first for change in one.results] == ["a", "b"]
    place = await database.parse_since(first[-1].last_seq.text)
    rest = [one async for one in database.changes(place)]
    assert [change.id for one in rest for change in one.results] == ["c", "d", "e"]
    assert rest[-1].last_seq == await database.update_seq()
    until = rest[-1].results[0].seq
    some = [one async for one in database.changes(BEGINNING, until=until)]
    assert [change.id for one in some for change in one.results] == ["a", "b", "c"]
    assert some[-1].last_seq == until
    back = [one async for one in database.changes(place, until=until, descending=True)]
    assert [change.id for one in back for change in one.results] == ["c"]
    [nothing] = [one async for one in database.changes(rest[-1].last_seq)]
    assert nothing == Changes([], rest[-1].last_seq)
    assert [await database.pending(seq) for seq in (BEGINNING, place, until)] == [5, 3, 2]


async def test_a_second_write_that_is_refused_takes_the_first_back(
    database: Database, direct: DatabaseCalls
) -> None:
    await put_one(database, edit("b"))
    old = await put_one(database, edit("c", v=1, attachments=(attachment("f"),)))
    gone = await put_one(database, edit("d", deleted=True, why="x"))
    wanted = [edit("a"), edit("c", old, v=2), edit("d", v=3), edit("b")]
    with pytest.raises(Conflict):
        await database.update(wanted, new_edits=True, user=SYSTEM, together=True)
    assert [(row.id, row.members) for row in await rows(database, bodies=True)] == [
        ("b", b""),
        ("c", b'"v":1'),
    ]
    assert [one.name for one in (await database.revision("c")).attachments] == ["f"]
    assert (await stored(direct, "a"))["reason"] == "missing"
    [row] = await database.winners(["d"], bodies=True)
    assert row is not None
    assert (row.deleted, row.members, row.rev != gone) == (True, b'"why":"x"', True)
    both = await database.update([edit("a"), edit("e")], new_edits=True, user=SYSTEM, together=True)
    assert len(both.outcomes) == 2


async def test_several_leafs_and_their_histories(database: Database) -> None:
    await replicate(database, *[replica("a", path, v=path[2]) for path in ("3-c b r", "2-z r", "1-q")])
    await put_one(database, edit("a", "2-z", deleted=True))
    tree = await database.tree("a")
    assert tree is not None
    assert [(leaf.rev, leaf.deleted) for leaf in tree.leafs()][:2] == [("3-c", False), ("1-q", False)]
    assert tree.history("3-c") == ["3-c", "2-b", "1-r"]
    assert await database.tree("none") is None
    [opened] = await database.open_revs([("a", ["2-z", "9-x", "3-c"])], latest=True, histories=True)
    assert [one.revision is None for one in opened] == [False, False, True]
    assert opened[-1].rev == "9-x"
    assert {"3-c", "9-x"} < {one.rev for one in opened}
    assert {one.history[0] for one in opened if one.revision} == {one.rev for one in opened if one.revision}


async def test_a_database_that_is_made_again_begins_another_life(remote: RemoteStore) -> None:
    named = NamedDatabase(remote, "db")
    await remote.create("db")
    before = await named.update_seq()
    await remote.delete("db")
    again = await remote.create("db")
    assert (await named.update_seq()).incarnation == again.life != before.incarnation


async def test_what_the_replicator_says_in_a_document_is_kept(database: Database) -> None:
    said = {"_replication_state": "completed", "_replication_stats": {"docs_read": 1}, "v": 1}
    await put_one(database, Edit("a", None, False, said))
    assert (await database.revision("a")).body == said
    assert (await changes(database, bodies=True))[0].members is not None
    assert [row.body for row in await rows(database, bodies=True)] == [said]


async def test_what_was_edited_is_stored_until_it_is_compacted(database: Database) -> None:
    """Tokens and publishes under way hold on to the revision of an account that they were begun with."""
    first = await put_one(database, edit("a", v=1))
    second = await put_one(database, edit("a", first, v=2))
    found = await database.tree("a")
    assert found is not None
    assert [(node.rev, node.body is not None) for node in found.nodes_of(second)] == [
        (second, True),
        (first, True),
    ]
    await put_one(database, edit("a", second, deleted=True))
    found = await database.tree("a")
    assert found is not None
    assert found.winner().deleted
