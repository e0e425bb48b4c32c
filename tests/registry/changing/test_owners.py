"""Owners: who publishes a package first has it, and shares it with whom they like."""

import asyncio
import json

import pytest

from couchreg.docstore.base import Edit
from couchreg.model.user import SYSTEM, User
from tests.packages import small
from tests.served import ADMIN, ANNA, BOB, Serve, Served


@pytest.fixture
async def annas(serve: Serve) -> Served:
    """A registry in which anna has published the package `small`."""
    served = await serve(validation="off")
    assert (await served.put(small(), "1", auth=ANNA))[0] == 201
    return served


async def owners(served: Served, auth: str | None = None) -> object:
    return (await served.ask("GET", "/owner/ls/small", auth=auth))[1]


async def change(served: Served, verb: str, username: object, *, auth: str, package: object = "small") -> int:
    body = {"username": username, "dpkgName": package}
    return (await served.ask("POST", f"/owner/{verb}", auth=auth, json=body))[0]


async def test_whoever_publishes_first_becomes_the_owner(annas: Served) -> None:
    assert await owners(annas) == [{"name": "anna"}]
    document = json.loads(b"{" + (await annas.database.revision("small")).members + b"}")
    assert document["owners"] == ["anna"]


async def test_only_owners_publish(annas: Served) -> None:
    status, answer = await annas.put(small(), "2", auth=BOB)
    assert (status, answer["error"]) == (403, "forbidden")
    assert (await annas.get("/-/versions/small"))[1]["latest"] == "1"
    assert (await annas.put(small(), "1", auth=BOB))[0] == 403  # not even what is there already


async def test_only_owners_change_owners(annas: Served) -> None:
    assert await change(annas, "add", "bob", auth=BOB) == 403
    assert await change(annas, "rm", "anna", auth=BOB) == 403
    assert await owners(annas) == [{"name": "anna"}]


async def test_a_second_owner_may_publish_until_removed(annas: Served) -> None:
    assert await change(annas, "add", "bob", auth=ANNA) == 200
    assert await owners(annas) == [{"name": "anna"}, {"name": "bob"}]
    assert (await annas.put(small(), "2", auth=BOB))[0] == 201
    assert await change(annas, "rm", "bob", auth=ANNA) == 200
    assert (await annas.put(small(), "3", auth=BOB))[0] == 403


async def test_an_owner_may_remove_who_made_it_one(annas: Served) -> None:
    await change(annas, "add", "bob", auth=ANNA)
    assert await change(annas, "rm", "anna", auth=BOB) == 200
    assert (await annas.put(small(), "2", auth=ANNA))[0] == 403


async def test_the_last_owner_stays(annas: Served) -> None:
    for auth in (ANNA, ADMIN):
        assert await change(annas, "rm", "anna", auth=auth) == 403
    assert await owners(annas) == [{"name": "anna"}]


async def test_adding_twice_changes_nothing(annas: Served) -> None:
    await change(annas, "add", "bob", auth=ANNA)
    seq = await annas.database.update_seq()
    assert await change(annas, "add", "bob", auth=ANNA) == 200
    assert await annas.database.update_seq() == seq


@pytest.mark.parametrize(
    ("verb", "username", "package", "status"),
    [
        ("add", "nemo", "small", 404),
        ("rm", "bob", "small", 404),
        ("add", "bob", "nothing", 404),
        ("add", 1, "small", 400),
        ("add", "bob", None, 400),
        ("add", "bob", "No Name", 400),
        ("add", "", "small", 400),
    ],
)
async def test_what_cannot_be_is_said(
    annas: Served, verb: str, username: object, package: object, status: int
) -> None:
    assert await change(annas, verb, username, auth=ANNA, package=package) == status


async def test_owners_of_an_unknown_package_are_not_found(annas: Served) -> None:
    assert (await annas.get("/owner/ls/nothing"))[0] == 404


async def test_a_form_of_somebody_elses_page_changes_nothing(annas: Served) -> None:
    """A browser sends a remembered login along, but cannot say that the body is JSON."""
    body = json.dumps({"username": "bob", "dpkgName": "small"})
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        sent = {"data": body, "headers": {"Content-Type": kind}}
        assert (await annas.ask("POST", "/owner/add", auth=ANNA, **sent))[0] == 415
    assert await owners(annas) == [{"name": "anna"}]


async def test_addresses_are_for_their_owner_and_admins(annas: Served) -> None:
    await change(annas, "add", "bob", auth=ANNA)
    assert await owners(annas, BOB) == [{"name": "anna"}, {"name": "bob", "email": "bob@example.org"}]
    assert [row["email"] for row in await owners(annas, ADMIN)] == ["anna@example.org", "bob@example.org"]  # type: ignore[attr-defined]
    for path in ("/owner/ls/small", "/small", "/small/1", "/-/versions/small"):
        assert b"@example.org" not in (await annas.fetch(path))[2]


async def test_of_two_publishers_of_a_new_name_one_wins_and_of_the_other_nothing_stays(serve: Serve) -> None:
    served = await serve(validation="off")
    mine, yours = small(text="id,word\n1,mine\n"), small(text="id,word\n1,yours\n")
    answers = await asyncio.gather(
        served.put(mine, "1", auth=ANNA),
        served.put(yours, "2", auth=BOB),
        served.put(mine, "3", auth=ANNA),
        served.put(yours, "4", auth=BOB),
    )
    statuses = [status for status, _ in answers]
    winner = "anna" if statuses[0] == 201 else "bob"
    assert statuses == ([201, 403, 201, 403] if winner == "anna" else [403, 201, 403, 201])
    assert await owners(served) == [{"name": winner}]
    won, lost = (["1", "3"], ["2", "4"]) if winner == "anna" else (["2", "4"], ["1", "3"])
    assert [row["version"] for row in (await served.get("/-/versions/small"))[1]["versions"]] == won[::-1]
    assert not [path for path in served.blobs() if path.startswith(tuple(f"small/{v}/" for v in lost))]
    rows = await served.database.winners([f"small@{version}" for version in lost], bodies=False)
    assert rows == [None, None]


async def test_a_claim_that_came_by_another_way_wins(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when two servers share one database: the other's document comes between our look and our write."""
    served = await serve(validation="off")
    update = served.database.update

    async def after_bob(edits: list[Edit], **named: object) -> object:
        monkeypatch.undo()
        await update(
            [Edit("small", None, False, {"name": "small", "owners": ["bob"]})], new_edits=True, user=SYSTEM
        )
        return await update(edits, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(served.database, "update", after_bob)
    assert (await served.put(small(), "1", auth=ANNA))[0] == 403
    assert served.blobs() == []
    assert await served.database.winners(["small@1"], bodies=False) == [None]


async def test_versions_that_came_without_their_package_are_nobodys_to_take(serve: Serve) -> None:
    served = await serve(validation="off")
    await served.database.update(
        [Edit("small@1", None, False, {"resources": []})], new_edits=True, user=SYSTEM
    )
    assert (await served.put(small(), "2", auth=ANNA))[0] == 403
    assert await owners(served) == []
    assert await change(served, "add", "anna", auth=ADMIN) == 200
    assert (await served.put(small(), "2", auth=ANNA))[0] == 201


@pytest.mark.parametrize("members", [{}, {"owners": "bob"}, {"owners": [None, 1, ["bob"]]}])
async def test_a_strange_package_document_gives_nobody_rights(
    serve: Serve, members: dict[str, object]
) -> None:
    served = await serve(validation="off")
    await served.database.update([Edit("small", None, False, members)], new_edits=True, user=SYSTEM)
    assert (await served.put(small(), "1", auth=BOB))[0] == 403
    assert (await served.put(small(), "1", auth=ADMIN))[0] == 201


async def test_the_registrys_database_sees_owners_by_their_roles(annas: Served) -> None:
    known = annas.registry.owners
    assert await known.with_roles(User("anna", ("staff",))) == User("anna", ("staff", "owner:small"))
    await change(annas, "add", "bob", auth=ANNA)
    assert (await known.with_roles(User("bob"))).roles == ("owner:small",)
    await change(annas, "rm", "anna", auth=ANNA)
    assert (await known.with_roles(User("anna"))).roles == ()
    assert await known.with_roles(User()) == User()
    rev = (await annas.database.revision("small")).rev
    await annas.database.update([Edit("small", rev, True, {})], new_edits=True, user=SYSTEM)
    assert (await known.with_roles(User("bob"))).roles == ()
