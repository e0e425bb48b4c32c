"""What a database makes of edits; revisions and outcomes as CouchDB 3.5.0 gave them."""

import asyncio

import msgspec
import pytest

from couchreg.docstore.base import BEGINNING, Database, Stub
from couchreg.docstore.optional import Purged
from couchreg.errors import Conflict, MissingStub, NotFound
from couchreg.model.user import SYSTEM
from tests.docstore.writing import (
    attachment,
    changes,
    edit,
    leafs,
    put,
    put_one,
    replica,
    replicate,
)

FIRST = "1-7a7e4b29f3af401e69b6f86e4c26b727"  # of {"v": 1}


async def test_a_new_document_gets_couchdbs_revision(db: Database) -> None:
    assert await put_one(db, edit("a", v=1)) == FIRST
    found = await db.revision("a")
    assert (found.rev, found.members, found.deleted) == (FIRST, b'"v":1', False)


async def test_an_edit_names_the_leaf_it_replaces(db: Database) -> None:
    first = await put_one(db, edit("a", v=1))
    second = await put_one(db, edit("a", first, v=2))
    for stale in (None, first, "1-00000000000000000000000000000001", "2-00000000000000000000000000000001"):
        with pytest.raises(Conflict):
            await put_one(db, edit("a", stale, v=3))
    assert (await db.revision("a")).rev == second
    assert (await db.revision("a", first)).members == b'"v":1'  # until compaction


async def test_a_revision_without_a_document_conflicts(db: Database) -> None:
    with pytest.raises(Conflict):
        await put_one(db, edit("a", "1-00000000000000000000000000000001", v=1))


async def test_a_deleted_document_is_made_again_on_its_tombstone(db: Database) -> None:
    first = await put_one(db, edit("a", v=1))
    gone = await put_one(db, edit("a", first, deleted=True))
    assert gone == "2-d9b15b235a7d0afdfe6058d5fb8afbd1"
    with pytest.raises(NotFound, match="deleted"):
        await db.revision("a")
    for rev in (first, gone):
        with pytest.raises(Conflict):
            await put_one(db, edit("a", rev, v=2))
    assert await put_one(db, edit("a", v=2)) == "3-67738dadce07b296ee5510c66239e11b"
    info = await db.info()
    assert (info.doc_count, info.doc_del_count) == (1, 0)


async def test_a_tombstone_keeps_its_body(db: Database) -> None:
    rev = await put_one(db, edit("a", deleted=True, v=1))
    assert (await db.revision("a", rev)).members == b'"v":1'
    assert (await db.info()).doc_del_count == 1


async def test_the_second_edit_of_a_document_in_one_call_conflicts(db: Database) -> None:
    same = await put(db, edit("a", v=1), edit("a", v=1), edit("b", v=1))
    assert same[0] == FIRST
    assert isinstance(same[1], Conflict)
    assert same[2] == FIRST
    follow = await put(db, edit("a", FIRST, v=2), edit("a", "2-958e68270d49abb92cbcbd6496b6a267", v=3))
    assert isinstance(follow[0], str)
    assert isinstance(follow[1], Conflict)


async def test_a_losing_leaf_is_edited_too(db: Database) -> None:
    await replicate(db, replica("a", "2-b r", v="b"), replica("a", "2-c r", v="c"))
    third = await put_one(db, edit("a", "2-b", v=3))
    assert await leafs(db, "a") == [third, "2-c"]


async def test_deleting_the_winner_leaves_the_loser(db: Database) -> None:
    await replicate(db, replica("a", "2-b r", v="b"), replica("a", "2-c r", v="c"))
    gone = await put_one(db, edit("a", "2-c", deleted=True))
    assert (await db.revision("a")).rev == "2-b"
    [change] = await changes(db, all_leafs=True)
    assert (change.revs, change.deleted) == (("2-b", gone), False)


async def test_replicated_revisions_stand_as_they_were_made(db: Database) -> None:
    assert await replicate(db, replica("a", "3-c b a", v=1)) == ["3-c"]
    tree = await db.tree("a")
    assert tree is not None
    assert tree.history("3-c") == ["3-c", "2-b", "1-a"]
    with pytest.raises(NotFound, match="missing"):
        await db.revision("a", "2-b")


async def test_a_known_revision_changes_nothing(db: Database) -> None:
    await replicate(db, replica("a", "2-b a", v="first"))
    seq = await db.update_seq()
    assert await replicate(db, replica("a", "2-b a", v="second")) == ["2-b"]
    assert await db.update_seq() == seq
    assert (await db.revision("a")).members == b'"v":"first"'


async def test_a_longer_history_of_a_known_leaf_is_taken(db: Database) -> None:
    await replicate(db, replica("a", "3-c", v=1))
    await replicate(db, replica("a", "3-c b a", v=1))
    tree = await db.tree("a")
    assert tree is not None
    assert tree.history("3-c") == ["3-c", "2-b", "1-a"]


async def test_histories_are_cut_at_the_limit(db: Database) -> None:
    await db.set_setting("revs_limit", 2)
    rev = await put_one(db, edit("a", n=0))
    first = rev
    for n in range(1, 5):
        rev = await put_one(db, edit("a", rev, n=n))
    tree = await db.tree("a")
    assert tree is not None
    assert len(tree.history(rev)) == 2
    assert await db.revisions("a", [first]) == [None]


async def test_a_very_deep_history(db: Database) -> None:
    path = " ".join([f"1500-{1500:032x}", *[f"{n:032x}" for n in range(1499, 0, -1)]])
    await replicate(db, replica("a", path, v=1))
    tree = await db.tree("a")
    assert tree is not None
    assert len(tree.history(f"1500-{1500:032x}")) == 1000


# -- attachments
async def test_a_stub_keeps_the_parents_attachment(db: Database) -> None:
    first = await put_one(db, edit("a", attachments=(attachment("f"),)))
    second = await put_one(db, edit("a", first, attachments=(Stub("f", 1), attachment("g"))))
    found = (await db.revision("a", second)).attachments
    assert [(att.name, att.revpos) for att in found] == [("f", 1), ("g", 2)]


@pytest.mark.parametrize("stub", [Stub("g"), Stub("f", 2)], ids=["unknown", "wrong revpos"])
async def test_a_stub_that_fits_nothing_stops_the_whole_call(db: Database, stub: Stub) -> None:
    first = await put_one(db, edit("a", attachments=(attachment("f"),)))
    with pytest.raises(MissingStub, match=f"Invalid attachment stub in a for {stub.name}"):
        await put(db, edit("b", v=1), edit("a", first, attachments=(stub,)))
    assert await db.tree("b") is None


async def test_a_replicated_stub_finds_the_nearest_stored_ancestor(db: Database) -> None:
    await replicate(db, replica("a", "1-a", attachments=(attachment("f", revpos=1),)))
    await replicate(db, replica("a", "3-c b a", attachments=(Stub("f", 1),)))
    assert (await db.revision("a")).attachments[0].revpos == 1


async def test_a_blob_is_referred_to_while_a_revision_has_it(db: Database) -> None:
    first = await put_one(db, edit("a", attachments=(attachment("f", key="k"), attachment("g", key="k"))))
    assert await db.referred(["k"])
    await put_one(db, edit("a", first, v=1))
    assert await db.referred(["k"])
    await db.compact()
    assert not await db.referred(["k"])


async def test_compaction_of_certain_documents_leaves_the_others(db: Database) -> None:
    for doc_id in ("a", "b"):
        first = await put_one(db, edit(doc_id, attachments=(attachment("f", key=doc_id),)))
        await put_one(db, edit(doc_id, first, v=1))
    await db.compact(["a", "unknown"])
    assert not await db.referred(["a"])
    assert await db.referred(["b"])
    assert (await db.revision("a")).members == b'"v":1'
    assert await db.check() == []


# -- purge
async def test_purging_the_only_leaf_forgets_the_document(db: Database) -> None:
    first = await put_one(db, edit("a", v=1))
    seq = await db.update_seq()
    assert await db.purge({"a": [first], "unknown": ["1-x"]}) == {"a": [first], "unknown": []}
    assert await db.tree("a") is None
    assert await db.update_seq() > seq
    assert (await db.info()).doc_count == 0
    assert await db.purged_infos() == [("a", [first])]


async def test_purging_a_conflict_leaves_the_other_leaf(db: Database) -> None:
    await replicate(db, replica("a", "2-b r", v="b"), replica("a", "2-c r", v="c"))
    assert await db.purge({"a": ["2-c", "1-r"]}) == {"a": ["2-c"]}
    assert await leafs(db, "a") == ["2-b"]
    assert [change.revs for change in await changes(db)] == [("2-b",)]


async def test_remembered_purges_are_limited(db: Database) -> None:
    await db.set_setting("purged_infos_limit", 2)
    revs = [await put_one(db, edit("a", n=0))]
    for n in range(1, 5):
        await db.purge({"a": [revs[-1]]})
        revs.append(await put_one(db, edit("a", n=n)))
    assert await db.purged_infos() == [("a", [revs[2]]), ("a", [revs[3]])]
    assert (await db.info()).purge_seq.number == 4


async def test_purges_since_one_are_told_until_they_are_forgotten(db: Database) -> None:
    await db.set_setting("purged_infos_limit", 2)
    assert await db.purged_since(BEGINNING) == Purged([], await db.purge_seq(), True)
    seqs = [await db.purge_seq()]
    for doc_id in ("a", "b", "b"):
        await db.purge({doc_id: [await put_one(db, edit(doc_id))]})
        seqs.append(await db.purge_seq())
    assert await db.purged_since(seqs[3]) == Purged([], seqs[3], True)
    assert await db.purged_since(seqs[1]) == Purged(["b"], seqs[3], True)
    for since in (BEGINNING, seqs[0], msgspec.structs.replace(seqs[2], incarnation="another")):
        assert await db.purged_since(since) == Purged(["b"], seqs[3], False)
    later = msgspec.structs.replace(seqs[3], number=9)
    assert await db.purged_since(later) == Purged([], seqs[3], False)
    assert await db.parse_since(seqs[2].text) == seqs[2]


async def test_together_means_all_or_none(db: Database) -> None:
    """Those who write in the same moment are not concerned."""
    await put_one(db, edit("a", v=1))
    wanted = [edit("b", v=1), edit("a", v=2), edit("c", v=1)]
    refused, others = await asyncio.gather(
        db.update(wanted, new_edits=True, user=SYSTEM, together=True),
        put(db, edit("d", v=1), edit("a", v=2)),
        return_exceptions=True,
    )
    assert isinstance(refused, Conflict)
    assert isinstance(others, list)
    assert [isinstance(outcome, str) for outcome in others] == [True, False]
    with pytest.raises(Conflict):
        await db.update(wanted, new_edits=True, user=SYSTEM, together=True)
    assert [row and row.id for row in await db.winners(list("abcd"), bodies=False)] == ["a", None, None, "d"]
    assert (await db.info()).doc_count == 2
    written = await db.update([edit("b", v=1), edit("c", v=1)], new_edits=True, user=SYSTEM, together=True)
    assert len({str(outcome) for outcome in written.outcomes}) == 1
    assert written.seq == await db.update_seq()
    assert (await db.info()).doc_count == 4
