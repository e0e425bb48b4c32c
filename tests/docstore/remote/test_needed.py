"""Which files are needed: nothing is removed that a document has, or may have."""

from typing import Any

import pytest

from couchreg.docstore.base import Database
from couchreg.docstore.optional import referring
from couchreg.docstore.remote import RemoteStore, calls, needed
from couchreg.docstore.remote.asking import DatabaseCalls
from couchreg.errors import NotImplementedHere, Unavailable
from tests.docstore.writing import attachment, edit, put_one, replica, replicate

KEYS = ["k1", "k2", "k3"]


@pytest.fixture(autouse=True)
def certain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No life of the server before this one may have left a write on its way."""
    monkeypatch.setattr(calls, "FIRST_DOUBT", 0)


async def among(database: Database) -> set[str]:
    return await referring(database).referred(KEYS)


async def test_a_file_is_needed_while_a_leaf_has_it(database: Database) -> None:
    assert await among(database) == set()
    files = (attachment("f", key="k1"), attachment("g", key="k2"), attachment("h", key="k2"))
    first = await put_one(database, edit("a", attachments=files))
    await put_one(database, edit("b", attachments=(attachment("f", key="k2"),)))
    assert await among(database) == {"k1", "k2"}
    await replicate(database, replica("a", "1-ff", attachments=(attachment("f", key="k3"),)))
    assert await among(database) == {"k1", "k2", "k3"}
    second = await put_one(database, edit("a", first, v=1))
    assert await among(database) == {"k2", "k3"}
    await put_one(database, edit("a", "1-ff", deleted=True))
    assert await among(database) == {"k2"}
    await put_one(database, edit("a", second, attachments=(attachment("f", key="k1"),)))
    assert await among(database) == {"k1", "k2"}


async def test_where_nobody_is_certain_all_are_needed(database: Database, remote: RemoteStore) -> None:
    assert await among(database) == set()
    remote.calls.doubt()
    assert await among(database) == set(KEYS)


async def test_after_a_write_that_was_sent_twice_all_are_needed(
    database: Database, remote: RemoteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one may be done by a node that has stood still, long after the second was answered."""
    monkeypatch.setattr(calls, "FIRST_WAIT", 0)
    once, sent = calls.CouchCalls._once, list[str]()

    async def done_and_not_answered(self: calls.CouchCalls, *asked: Any) -> calls.CouchAnswer:
        answer = await once(self, *asked)
        if asked[1].endswith("_bulk_docs"):
            sent.append(asked[1])
            if len(sent) == 1:
                raise Unavailable("no answer")
        return answer

    monkeypatch.setattr(calls.CouchCalls, "_once", done_and_not_answered)
    assert await replicate(database, replica("a", "1-ff")) == ["1-ff"]
    assert (len(sent), remote.calls.in_doubt) == (2, True)
    assert await among(database) == set(KEYS)


async def test_where_there_are_too_many_to_know_all_are_needed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(needed, "MOST", 1)
    await put_one(database, edit("a", attachments=(attachment("f", key="x"), attachment("g", key="y"))))
    assert await among(database) == set(KEYS)
    assert await among(database) == set(KEYS)


async def test_what_cannot_be_looked_at_keeps_its_files(database: Database, direct: DatabaseCalls) -> None:
    inline = {"f": {"content_type": "text/plain", "data": "eA=="}}
    (await direct.ask("PUT", "/a", value={"_attachments": inline})).check()
    await replicate(database, replica("a", "1-ff", attachments=(attachment("f", key="k3"),)))
    with pytest.raises(NotImplementedHere):
        await among(database)
