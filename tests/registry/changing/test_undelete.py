"""Bringing deleted versions back: same document, same files; until then nobody reads them."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from couchreg.docstore.maintenance.deleted import expire
from couchreg.docstore.maintenance.sweeper import referred
from couchreg.errors import Unavailable
from tests.packages import small
from tests.served import ADMIN, ANNA, BOB, Serve, Served

WORDS = small().files["data/words.csv"]


@pytest.fixture
async def annas(serve: Serve) -> Served:
    """A registry that keeps what is deleted, with two versions of `small`."""
    served = await serve(validation="off", undelete_days=7)
    for version in ("1", "2"):
        assert (await served.put(small(), version, auth=ANNA))[0] == 201
    return served


async def ask(served: Served, method: str, path: str, auth: str = ANNA, **sent: Any) -> tuple[int, Any]:
    return await served.ask(method, path, auth=auth, **sent)


def kept(served: Served) -> list[str]:
    return [path for path in served.blobs() if path.startswith("_deleted/")]


async def test_it_comes_back_as_it_was(annas: Served) -> None:
    before = await annas.get("/small/2")
    sent = await annas.fetch("/small/2/datapackage.json")
    status, answer = await ask(annas, "DELETE", "/small/2")
    assert (status, answer["versions"], answer["until"] > "2026") == (200, ["2"], True)
    assert (await annas.get("/small/2"))[0] == 404
    assert (await annas.fetch("/small/2/data/words.csv"))[0] == 404
    undone = await ask(annas, "POST", "/-/undelete/small/2")
    assert undone == (200, {"ok": True, "name": "small", "versions": ["2"]})
    assert await annas.get("/small/2") == before
    assert (await annas.fetch("/small/2/data/words.csv"))[2] == WORDS
    assert (await annas.fetch("/small/2/datapackage.json"))[2] == sent[2]
    assert (await annas.database.revision("small@2")).rev.startswith("3-")
    assert (await ask(annas, "POST", "/-/undelete/small/2"))[0] == 409
    assert (await ask(annas, "DELETE", "/small/2"))[0] == 200  # and so on
    assert (await ask(annas, "POST", "/-/undelete/small/2"))[0] == 200


@pytest.mark.directory_only
async def test_who_reads_the_files_finds_no_package_meanwhile(annas: Served) -> None:
    await ask(annas, "DELETE", "/small")
    assert {path.split("/")[0] for path in annas.blobs()} == {"_deleted"}
    assert len(kept(annas)) == 6  # of each version its document and two files
    assert not [path for path in kept(annas) if path.endswith("datapackage.json")]
    await ask(annas, "POST", "/-/undelete/small")
    assert kept(annas) == []
    assert [path for path in annas.blobs() if path.startswith("small/")] == [
        "small/1/data/words.csv",
        "small/2/data/words.csv",
    ]


async def test_what_was_said_of_it_is_said_again_where_nothing_else_is(annas: Served) -> None:
    for path, body in (
        ("dist-tags/small/stable", {"version": "2"}),
        ("dist-tags/small/other", {"version": "2"}),
        ("deprecated/small/2", {"message": "old"}),
    ):
        assert (await ask(annas, "PUT", f"/-/{path}", json=body))[0] == 200
    await ask(annas, "DELETE", "/small/2")
    await ask(annas, "PUT", "/-/dist-tags/small/other", json={"version": "1"})
    await ask(annas, "POST", "/-/undelete/small/2")
    assert (await annas.get("/-/dist-tags/small"))[1] == {"latest": "2", "stable": "2", "other": "1"}
    assert (await annas.get("/-/deprecated/small"))[1] == {"2": "old"}
    await ask(annas, "PUT", "/-/yanked/small/1", json={"message": "wrong"})
    await ask(annas, "DELETE", "/small/1")
    await ask(annas, "POST", "/-/undelete/small")
    assert (await annas.get("/-/yanked/small"))[1] == {"1": "wrong"}


async def test_only_owners_and_admins_bring_back(annas: Served) -> None:
    await ask(annas, "DELETE", "/small")
    for path in ("small", "small/1"):
        assert (await ask(annas, "POST", f"/-/undelete/{path}", BOB))[0] == 403
        assert (await ask(annas, "POST", f"/-/undelete/{path}", ""))[0] == 401
    assert (await ask(annas, "POST", "/-/undelete/small/1", ADMIN))[1]["versions"] == ["1"]
    assert (await ask(annas, "POST", "/-/undelete/small", ADMIN))[1]["versions"] == ["2"]


async def test_a_new_owner_does_not_see_what_others_took_away(annas: Served) -> None:
    await ask(annas, "DELETE", "/small/1")
    for what, owner in (("add", "bob"), ("rm", "anna")):
        sent = {"username": owner, "dpkgName": "small"}
        assert (await ask(annas, "POST", f"/owner/{what}", json=sent))[0] in (200, 201)
    for path in ("small", "small/1"):
        status, told = await ask(annas, "POST", f"/-/undelete/{path}", BOB)
        assert (status, "before you owned this package" in told["reason"]) == (403, True)
    await ask(annas, "DELETE", "/small/2", BOB)
    status, told = await ask(annas, "POST", "/-/undelete/small", BOB)  # all that is theirs
    assert (status, told["versions"]) == (200, ["2"])
    assert (await ask(annas, "POST", "/-/undelete/small/1", ANNA))[0] == 403
    assert (await ask(annas, "POST", "/-/undelete/small/1", ADMIN))[0] == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("small/9", 404),
        ("small", 404),
        ("nothing", 404),
        ("nothing/1", 404),
        ("No/1", 400),
        ("small/a b", 400),
    ],
)
async def test_what_is_not_kept_does_not_come_back(annas: Served, path: str, status: int) -> None:
    assert (await ask(annas, "POST", f"/-/undelete/{path}"))[0] == status


async def test_the_same_content_may_be_published_meanwhile_and_other_content_may_not(annas: Served) -> None:
    await ask(annas, "DELETE", "/small/2")
    assert (await annas.put(small(title="Other"), "2", auth=ANNA))[0] == 409
    assert (await annas.put(small(), "2", auth=ANNA))[0] == 201
    assert (await ask(annas, "POST", "/-/undelete/small/2"))[0] == 409
    assert (await annas.fetch("/small/2/words"))[2] == WORDS


@pytest.mark.directory_only
async def test_for_good_keeps_nothing_not_even_from_before(annas: Served) -> None:
    assert (await ask(annas, "DELETE", "/small/2?for-good=maybe"))[0] == 400
    await ask(annas, "DELETE", "/small/2")
    status, answer = await ask(annas, "DELETE", "/small/2?for-good=true")
    assert (status, answer) == (200, {"ok": True, "name": "small", "versions": ["2"]})
    assert kept(annas) == []
    assert (await ask(annas, "DELETE", "/small/2?for-good=true"))[0] == 404
    await ask(annas, "DELETE", "/small?for-good=true")
    assert annas.blobs() == []
    assert (await ask(annas, "POST", "/-/undelete/small"))[0] == 404


async def test_what_was_deleted_is_gone_where_followers_do_not_come_along(
    annas: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    rev = (await annas.database.revision("small@2")).rev

    async def late(_: Any) -> None:
        raise Unavailable("The followers are not there yet.")

    monkeypatch.setattr(annas.registry.unpublisher, "_settled", late)
    assert (await ask(annas, "DELETE", "/small/2"))[0] == 503
    [old] = await annas.database.revisions("small@2", [rev])
    assert old is None


async def test_a_deletion_that_broke_off_is_finished_for_good(
    annas: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    rev = (await annas.database.revision("small@2")).rev

    async def cut(_: Any) -> None:
        raise Unavailable("The power is cut.")

    with monkeypatch.context() as patch:
        patch.setattr(annas.registry.unpublisher, "_compact", cut)
        assert (await ask(annas, "DELETE", "/small/2"))[0] == 503
    assert (await annas.database.revisions("small@2", [rev]))[0] is not None
    assert (await ask(annas, "DELETE", "/small/2?for-good=true"))[0] == 200
    assert await annas.database.revisions("small@2", [rev]) == [None]


async def test_a_yanked_version_that_comes_back_is_yanked_before_it_is_there(
    annas: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await ask(annas, "PUT", "/-/yanked/small/2", json={"message": "wrong"}))[0] == 200
    assert (await ask(annas, "DELETE", "/small/2"))[0] == 200

    async def cut(*_: Any, **__: Any) -> None:
        raise Unavailable("The power is cut.")

    with monkeypatch.context() as patch:
        patch.setattr(annas.registry.undeleter, "_stored", cut)
        assert (await ask(annas, "POST", "/-/undelete/small/2"))[0] == 503
    assert (await annas.get("/small"))[1]["version"] == "1"
    assert (await ask(annas, "POST", "/-/undelete/small/2"))[0] == 200
    assert (await annas.get("/small"))[1]["version"] == "1"
    assert (await annas.get("/-/yanked/small"))[1] == {"2": "wrong"}


async def test_what_was_purged_does_not_come_back(annas: Served) -> None:
    await ask(annas, "DELETE", "/small/2")
    tree = await annas.database.tree("small@2")
    assert tree is not None
    await annas.database.purge({"small@2": [leaf.rev for leaf in tree.leafs()]})
    assert (await ask(annas, "POST", "/-/undelete/small/2"))[0] == 404


@pytest.mark.directory_only
async def test_what_is_kept_goes_when_its_time_is_over_and_not_before(annas: Served) -> None:
    await ask(annas, "DELETE", "/small/1")
    await ask(annas, "DELETE", "/small/2")
    blobs = annas.registry.attachments.blobs
    assert await annas.registry.attachments.sweep(0, lambda keys: referred(annas.store, keys)) == 0
    assert await expire(blobs, 3600) == 0
    [record] = Path(annas.datastore).glob("_deleted/small/1/*/version.json")
    os.utime(record, (time.time() - 7200,) * 2)
    (record.parent.parent / ("f" * 32)).mkdir()
    (record.parent.parent / ("f" * 32) / "0").write_bytes(b"left by a removal that a crash cut off")
    assert await expire(blobs, 3600) == 4
    assert {path.split("/")[2] for path in kept(annas)} == {"2"}
    assert (await ask(annas, "POST", "/-/undelete/small/1"))[0] == 404
    assert (await ask(annas, "POST", "/-/undelete/small/2"))[0] == 200


@pytest.mark.directory_only
async def test_a_version_whose_files_are_lost_can_be_deleted_and_nothing_is_promised(annas: Served) -> None:
    (Path(annas.datastore) / "small/2/data/words.csv").unlink()
    status, answer = await ask(annas, "DELETE", "/small/2")
    assert (status, "until" in answer) == (200, False)
    assert kept(annas) == []


@pytest.mark.directory_only
async def test_nothing_is_deleted_where_nothing_can_be_kept(
    annas: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: Any, **__: Any) -> bool:
        raise Unavailable("No room.")

    with monkeypatch.context() as patched:
        patched.setattr(type(annas.registry.attachments.blobs), "adopt", full)
        assert (await ask(annas, "DELETE", "/small/2"))[0] == 503
    assert kept(annas) == []
    assert (await annas.fetch("/small/2/words"))[2] == WORDS


async def test_a_file_that_cannot_be_put_aside_is_no_promise(
    annas: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(*_: Any, **__: Any) -> bool:
        return False

    with monkeypatch.context() as patched:
        patched.setattr(type(annas.registry.attachments.blobs), "adopt", lost)
        status, answer = await ask(annas, "DELETE", "/small/2")
    assert (status, "until" in answer) == (200, False)
    assert (await ask(annas, "POST", "/-/undelete/small/2"))[0] == 404


async def test_a_server_that_keeps_nothing(serve: Serve) -> None:
    served = await serve(validation="off")
    await served.put(small(), "1", auth=ANNA)
    assert "until" not in (await ask(served, "DELETE", "/small/1"))[1]
    assert (await ask(served, "POST", "/-/undelete/small/1"))[0] == 404
