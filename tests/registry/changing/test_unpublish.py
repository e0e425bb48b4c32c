"""Deleting versions: gone for readers, remembered by their hashes, and no byte left behind."""

import json
from pathlib import Path

import pytest

from couchreg.docstore.base import Edit
from couchreg.errors import Unavailable
from couchreg.model.user import SYSTEM
from tests.packages import small
from tests.served import ADMIN, ANNA, BOB, Serve, Served


@pytest.fixture
async def annas(serve: Serve) -> Served:
    """A registry in which anna has published three versions of `small` with the same content."""
    served = await serve(validation="off")
    for version in ("1", "2", "3"):
        assert (await served.put(small(), version, auth=ANNA))[0] == 201
    return served


async def delete(served: Served, path: str, auth: str = ANNA) -> tuple[int, object]:
    return await served.ask("DELETE", path, auth=auth)


async def test_a_deleted_version_is_gone_and_the_others_stay(annas: Served) -> None:
    status, answer = await delete(annas, "/small/3")
    assert (status, answer) == (200, {"ok": True, "name": "small", "versions": ["3"]})
    for path in ("/small/3", "/small/3/words", "/small/3/data/words.csv"):
        assert (await annas.get(path))[0] == 404
    assert (await annas.get("/small"))[1]["version"] == "2"
    assert [row["version"] for row in (await annas.get("/-/versions/small"))[1]["versions"]] == ["2", "1"]
    assert (await delete(annas, "/small/3"))[0] == 404


async def test_deleting_the_package_deletes_all_versions_and_keeps_its_owner(annas: Served) -> None:
    assert (await delete(annas, "/small"))[1] == {"ok": True, "name": "small", "versions": ["1", "2", "3"]}
    assert (await annas.get("/small"))[0] == 404
    assert (await annas.get("/-/packages"))[1]["packages"] == []
    assert annas.blobs() == []
    assert (await delete(annas, "/small"))[0] == 404
    assert (await annas.put(small(), "4", auth=BOB))[0] == 403  # the name is still anna's
    assert (await annas.put(small(), "4", auth=ANNA))[0] == 201


async def test_only_owners_and_admins_delete(annas: Served) -> None:
    before = await annas.get("/owner/ls/small")
    for path in ("/small/1", "/small"):
        assert (await delete(annas, path, BOB))[0] == 403
    assert await annas.get("/owner/ls/small") == before
    assert (await annas.get("/small/1"))[0] == 200
    assert (await delete(annas, "/small/1", ADMIN))[0] == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/small/9", 404),
        ("/nothing", 404),
        ("/nothing/1", 404),
        ("/small/latest", 400),
        ("/search", 400),
        ("/No/1", 400),
    ],
)
async def test_what_is_not_there_cannot_be_deleted(annas: Served, path: str, status: int) -> None:
    assert (await delete(annas, path))[0] == status


@pytest.mark.directory_only
async def test_the_bytes_go_unless_something_else_has_them(annas: Served) -> None:
    """The three versions share the descriptor's bytes; each has its own file."""
    shared = [path for path in annas.blobs() if path.startswith("_blobs/")]
    assert len(shared) == 1
    await delete(annas, "/small/1")
    await delete(annas, "/small/2")
    assert annas.blobs() == [*shared, "small/3/data/words.csv"]
    assert (await annas.fetch("/small/3/datapackage.json"))[0] == 200
    await delete(annas, "/small/3")
    assert annas.blobs() == []
    assert [path for path in Path(annas.datastore).rglob("*") if path.name.startswith("small")] == []


@pytest.mark.directory_only
async def test_what_a_mirror_on_this_server_has_stays(annas: Served) -> None:
    mirror = await annas.store.create("mirror")
    revision = await annas.database.revision("small@1")
    body = json.loads(b"{" + revision.members + b"}")
    edit = Edit("small@1", revision.rev, False, body, revision.attachments, (revision.rev[2:],))
    await mirror.update([edit], new_edits=False, user=SYSTEM)
    await delete(annas, "/small")
    assert set(annas.blobs()) == {attachment.key for attachment in revision.attachments}


async def test_the_tombstone_has_hashes_and_nothing_else_of_the_content(annas: Served) -> None:
    await delete(annas, "/small/1")
    [row] = await annas.database.winners(["small@1"], bodies=True)
    assert row is not None
    assert row.deleted
    assert row.members is not None
    own = json.loads(b"{" + row.members + b"}")["couchreg"]
    assert own["publisher"] == own["unpublisher"] == "anna"
    assert list(own["hashes"]) == ["data/words.csv"]
    assert b"word" not in row.members.replace(b"data/words.csv", b"")
    assert row.attachments == ()


async def test_other_content_never_takes_its_place_and_the_same_may(annas: Served) -> None:
    await delete(annas, "/small")
    for other in (small(text="id,word\n1,other\n"), small(title="Other")):
        status, answer = await annas.put(other, "1", auth=ANNA)
        assert (status, answer["error"]) == (409, "conflict")
        assert "deleted" in answer["reason"]
        assert (await annas.put(other, "1", auth=ADMIN))[0] == 409
        assert annas.blobs() == []
    assert (await annas.put(small(), "1", auth=ANNA))[0] == 201
    assert (await annas.fetch("/small/1/words"))[2] == small().files["data/words.csv"]
    await delete(annas, "/small/1")
    assert (await annas.put(small(title="Other"), "1", auth=ANNA))[0] == 409


async def test_of_a_conflict_nothing_comes_up(annas: Served) -> None:
    other = Edit("small@1", "1-" + "0" * 32, False, {"resources": []}, (), ("0" * 32,))
    await annas.database.update([other], new_edits=False, user=SYSTEM)
    assert (await delete(annas, "/small/1"))[0] == 200
    assert (await annas.get("/small/1"))[0] == 404


async def test_tags_and_deprecations_of_a_deleted_version_go_with_it(annas: Served) -> None:
    said = {
        "dist-tags/small/stable": {"version": "1"},
        "dist-tags/small/beta": {"version": "2"},
        "deprecated/small/1": {"message": "old"},
    }
    for path, body in said.items():
        assert (await annas.ask("PUT", f"/-/{path}", auth=ANNA, json=body))[0] == 200
    await delete(annas, "/small/1")
    document = json.loads(b"{" + (await annas.database.revision("small")).members + b"}")
    assert document["dist-tags"] == {"beta": "2"}
    assert "deprecated" not in document


async def test_a_store_that_does_not_answer_leaves_the_bytes_to_the_sweep(
    annas: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def down(key: str) -> bool:
        raise Unavailable("The bucket does not answer.")

    monkeypatch.setattr(annas.registry.attachments, "remove", down)
    assert (await delete(annas, "/small/1"))[0] == 200
    assert (await annas.get("/small/1"))[0] == 404
    assert "left to the sweep" in caplog.text
    monkeypatch.undo()
    assert await annas.registry.attachments.sweep(0, annas.database.referred) == 1
