"""Rights as people give and lose them, at a whole server."""

import asyncio
import hashlib
import json
from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from couchreg.app.server import App
from couchreg.auth.users.accounts import Login
from couchreg.cli.main import cli
from couchreg.cli.rebuild import run as rebuild
from couchreg.docstore.base import Edit
from couchreg.errors import Conflict
from couchreg.model.user import SYSTEM
from tests.access.conftest import ADMIN, ANNA, BOB, PASSWORD, Door, secret
from tests.packages import small


async def statuses(door: Door, path: str, *who: str | None) -> list[int]:
    return [(await door.raw("GET", path, auth))[0] for auth in who]


async def test_a_package_is_closed_and_opened_with_its_versions(door: Door) -> None:
    assert (await door.publish(small("bees")))[0] == 201
    paths = ("/bees", "/bees/1.0.0/words", "/-/versions/bees", "/-/package/bees/visibility")
    for path in paths:
        assert await statuses(door, path, None, BOB, ANNA) == [200, 200, 200]
    await door.restrict("bees")
    for path in paths:
        assert await statuses(door, path, None, BOB, ANNA, ADMIN) == [404, 404, 200, 200]
    assert (await door.ask("GET", "/-/package/bees/visibility", ANNA))[1] == {"public": False}
    assert (await door.ask("GET", "/-/search?q=bees", None))[1]["total"] == 0
    await door.restrict("bees", access="public")
    for path in paths:
        assert await statuses(door, path, None, BOB, ANNA) == [200, 200, 200]
    await door.settled()
    assert (await door.ask("GET", "/-/search?q=bees", None))[1]["total"] == 1


async def test_rights_are_the_owners_to_give(door: Door) -> None:
    await door.restrict("bees")
    assert (await door.publish(small("bees")))[0] == 201
    path = "/-/package/bees/collaborators/bob"
    for who, status in ((None, 401), (BOB, 404)):
        assert (await door.ask("PUT", path, who, json={"permissions": "read-only"}))[0] == status
    assert (await door.ask("POST", "/-/package/bees/access", BOB, json={"access": "public"}))[0] == 404
    assert (await door.ask("POST", "/-/package/bees/access", BOB, json={"access": "restricted"}))[0] == 403
    await door.grant("bees", "bob")
    assert await statuses(door, "/bees", None, BOB) == [404, 200]
    assert (await door.ask("PUT", path, BOB, json={"permissions": "read-write"}))[0] == 403
    assert (await door.ask("GET", "/-/package/bees/collaborators", BOB))[1] == {
        "anna": "read-write",
        "bob": "read-only",
    }
    assert (await door.ask("GET", "/-/access", BOB))[1] == {"packages": {"bees": "read-only"}}
    assert (await door.publish(small("bees"), "2.0.0", BOB))[0] == 403
    await door.grant("bees", "bob", "read-write")
    assert (await door.publish(small("bees", "id,word\n3,x\n"), "2.0.0", BOB))[0] == 201
    assert (await door.ask("DELETE", "/bees/2.0.0", BOB))[0] == 403
    assert (await door.ask("PUT", "/-/dist-tags/bees/stable", BOB, json={"version": "1.0.0"}))[0] == 403
    assert (await door.ask("DELETE", path, ANNA))[0] == 200
    assert await statuses(door, "/bees", None, BOB, ANNA) == [404, 404, 200]
    assert (await door.publish(small("bees"), "3.0.0", BOB))[0] == 403


async def test_who_may_publish_deletes_nothing_by_replication(door: Door) -> None:
    """Neither what is there, nor the number of a version that is yet to come."""
    package = small("bees")
    assert (await door.publish(package))[0] == 201
    await door.grant("bees", "bob", "read-write")
    _, there = await door.ask("GET", "/registry/bees@1.0.0", ADMIN, couch=True)
    generation, _, parent = there["_rev"].partition("-")
    history = {"start": int(generation) + 1, "ids": ["f" * 32, parent]}
    gone = {"_id": "bees@1.0.0", "_rev": f"{history['start']}-{'f' * 32}", "_revisions": history}
    blocked = {"_id": "bees@3.0.0", "_rev": "1-" + "a" * 32}
    blocked["couchreg"] = {"hashes": {"data/words.csv": "sha256:" + "0" * 64}, "descriptor": "0" * 64}
    sent = {"new_edits": False, "docs": [{**doc, "_deleted": True} for doc in (gone, blocked)]}
    _, rows = await door.ask("POST", "/registry/_bulk_docs", BOB, couch=True, json=sent)
    assert [(row["id"], row["error"]) for row in rows] == [
        ("bees@1.0.0", "forbidden"),
        ("bees@3.0.0", "forbidden"),
    ]
    assert await statuses(door, "/bees/1.0.0/words", None) == [200]
    assert (await door.publish(small("bees", "id,word\n3,x\n"), "3.0.0"))[0] == 201
    _, rows = await door.ask("POST", "/registry/_bulk_docs", ANNA, couch=True, json=sent)
    assert [row["id"] for row in rows] == ["bees@3.0.0"]  # which has another history by now
    assert await statuses(door, "/bees/1.0.0/words", None) == [404]


async def test_a_restricted_package_is_brought_under_a_name_that_was_closed_first(door: Door) -> None:
    """Version first, as CouchDB sends it; strangers see nothing of it in between."""
    await door.restrict("bees")
    file = {"content_type": "text/csv", "data": b64encode(b"id\n1\n").decode()}
    resource = {"name": "words", "path": "words.csv", "schema": {"fields": [{"name": "id"}]}}
    version = {"_id": "bees@1.0.0", "_rev": "1-" + "c" * 32, "name": "bees", "version": "1.0.0"}
    version |= {"resources": [resource], "_attachments": {"words.csv": file}}
    document = {"_id": "bees", "_rev": "3-" + "a" * 32, "name": "bees", "owners": ["anna"]}
    document["_revisions"] = {"start": 3, "ids": ["a" * 32, "b" * 32, "d" * 32]}
    access = {"restricted": True, "grants": {"bob": "read-only"}}
    for doc, refused in ((version, 0), (document, 1), ({**document, "access": access}, 0)):
        sent = {"new_edits": False, "docs": [doc]}
        status, rows = await door.ask("POST", "/registry/_bulk_docs", ANNA, couch=True, json=sent)
        assert (status, len(rows)) == (201, refused), rows  # what would open the name is refused
        assert await statuses(door, "/bees/1.0.0/words", None, ANNA) == [404, 200]
    assert await statuses(door, "/bees/1.0.0/words", BOB) == [200]
    _, found = await door.ask("GET", "/registry/bees?conflicts=true", ADMIN, couch=True)
    assert (found["_rev"], found["access"], found.get("_conflicts")) == (document["_rev"], access, None)


async def test_rights_come_by_replication_for_those_who_are_there(door: Door) -> None:
    """So nobody takes the names of accounts and groups from others."""
    assert (await door.ask("PUT", "/-/groups/team", ANNA))[0] == 201
    first = {"_id": "bees", "_rev": "1-" + "a" * 32, "name": "bees", "owners": ["anna"]}

    async def reasons(doc: dict[str, Any]) -> list[str]:
        sent = {"new_edits": False, "docs": [doc]}
        status, rows = await door.ask("POST", "/registry/_bulk_docs", ANNA, couch=True, json=sent)
        assert (status, {row["error"] for row in rows} <= {"forbidden"}) == (201, True)
        return [row["reason"] for row in rows]

    for access, expected in (
        (None, "must be an object"),
        ([], "must be an object"),
        ({"grants": {}}, "restricted"),
        ({"restricted": "no", "grants": {}}, "restricted"),
        ({"restricted": True, "grants": ["bob"]}, "grants"),
        ({"restricted": True, "grants": {"bob": "own"}}, "read-only"),
        ({"restricted": True, "grants": {}, "changed": {"at": 1}}, "changed"),
        ({"restricted": False, "grants": dict.fromkeys(map(str, range(1001)), "read-only")}, "1000"),
        ({"restricted": False, "grants": {"user77": "read-only"}}, "user77"),
        ({"restricted": False, "grants": {"group:dreamers": "read-only"}}, "group:dreamers"),
    ):
        [reason] = await reasons({**first, "access": access})
        assert expected in reason
    await door.app.accounts.create("user77", Login(PASSWORD))
    first["access"] = {"restricted": True, "grants": {"bob": "read-only", "group:team": "read-write"}}
    assert await reasons(first) == []
    await door.app.accounts.delete("bob")  # and whom it names already need not be there any more
    history = {"start": 2, "ids": ["b" * 32, "a" * 32]}
    edit = {**first, "_rev": "2-" + "b" * 32, "_revisions": history, "dist-tags": {"next": "2"}}
    assert await reasons(edit) == []


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("access", {"access": "closed"}, 400),
        ("collaborators/nobody", {"permissions": "read-only"}, 404),
        ("collaborators/group:none", {"permissions": "read-only"}, 404),
        ("collaborators/bob", {"permissions": "everything"}, 400),
    ],
)
async def test_what_is_no_right(door: Door, path: str, body: dict[str, str], status: int) -> None:
    await door.restrict("bees")
    method = "POST" if path == "access" else "PUT"
    assert (await door.ask(method, f"/-/package/bees/{path}", ANNA, json=body))[0] == status


async def test_a_name_is_claimed_before_its_first_version(door: Door) -> None:
    await door.restrict("bees")
    assert (await door.publish(small("bees"), auth=BOB))[0] == 403
    assert (await door.publish(small("bees")))[0] == 201
    assert await statuses(door, "/bees", None, BOB, ANNA) == [404, 404, 200]
    for number in range(19):
        await door.restrict(f"empty{number}")
    await door.restrict("empty19")
    found = await door.ask("POST", "/-/package/empty20/access", ANNA, json={"access": "restricted"})
    assert found[0] == 403
    assert (await door.ask("POST", "/-/package/none/access", ANNA, json={"access": "public"}))[0] == 404


async def _rev_of_bees(door: Door) -> str:
    _, document = await door.ask("GET", "/registry/bees", ADMIN, couch=True)
    return str(document["_rev"])


async def test_groups(door: Door) -> None:
    assert (await door.ask("PUT", "/-/groups/curators", ANNA))[0] == 201
    assert (await door.ask("PUT", "/-/groups/curators", BOB))[0] == 409
    assert (await door.ask("PUT", "/-/groups/No%20Name", ANNA))[0] == 400
    await door.restrict("bees")
    assert (await door.publish(small("bees")))[0] == 201
    await door.grant("bees", "group:curators")
    assert await statuses(door, "/bees", BOB) == [404]
    assert (await door.ask("GET", "/-/groups/curators", BOB))[0] == 404
    member = "/-/groups/curators/members/bob"
    assert (await door.ask("PUT", member, BOB, json={}))[0] == 404
    assert (await door.ask("PUT", member, ANNA, json={}))[1]["members"] == ["bob"]
    assert await statuses(door, "/bees", BOB) == [200]
    revs = [await _rev_of_bees(door)]
    for owner in (False, True, False):  # who is in already comes to see nothing
        assert (await door.ask("PUT", member, ANNA, json={"owner": owner}))[0] == 200
        revs.append(await _rev_of_bees(door))
    assert len(set(revs)) == 1
    assert (await door.ask("PUT", "/-/groups/curators/members/admin", BOB, json={}))[0] == 403
    assert [one["name"] for one in (await door.ask("GET", "/-/groups", BOB))[1]["groups"]] == ["curators"]
    assert (await door.ask("DELETE", "/-/groups/curators/members/anna", ANNA))[0] == 403  # the last owner
    assert (await door.ask("DELETE", member, BOB))[0] == 200
    assert await statuses(door, "/bees", BOB) == [404]
    assert (await door.ask("PUT", member, ADMIN, json={"owner": True}))[1]["owners"] == ["anna", "bob"]
    assert await statuses(door, "/bees", BOB) == [200]
    assert (await door.ask("DELETE", "/-/groups/curators", BOB))[0] == 200
    assert await statuses(door, "/bees", BOB) == [404]
    # Whoever makes a group of that name would have its rights.
    assert (await door.ask("PUT", "/-/groups/curators", BOB))[0] == 409


async def test_nobody_comes_to_the_rights_of_an_account_that_has_gone(door: Door) -> None:
    await door.restrict("bees")
    await door.grant("bees", "bob")
    await door.app.accounts.delete("bob")
    with pytest.raises(Conflict):
        await door.app.accounts.create("bob", Login(PASSWORD))


@pytest.mark.directory_only
async def test_a_name_that_has_just_been_given_a_right_is_taken(door: Door) -> None:
    """Though nothing has been read since then."""
    await door.restrict("bees")
    registry = await door.app.store.open("registry")
    [row] = await registry.winners(["bees"], bodies=True)
    assert row is not None
    body = {**row.body, "access": {"restricted": True, "grants": {"carla": "read-only"}}}
    written = await registry.update([Edit("bees", row.rev, False, body)], new_edits=True, user=SYSTEM)
    written.check()
    with pytest.raises(Conflict):
        await door.app.accounts.create("carla", Login(PASSWORD))


async def test_rights_outlive_the_server_its_database_and_its_machine(door: Door, tmp_path: Path) -> None:
    await door.ask("PUT", "/-/groups/curators", ANNA)
    await door.restrict("bees")
    assert (await door.publish(small("bees")))[0] == 201
    await door.grant("bees", "group:curators")
    await door.ask("PUT", "/-/groups/curators/members/bob", ANNA, json={})
    await door.settled()
    settings = door.app.settings
    copy, elsewhere = tmp_path / "backup", tmp_path / "elsewhere"
    done = CliRunner().invoke(cli, ["backup", str(copy), "--data-dir", str(settings.data_dir)])
    assert done.exit_code == 0, done.output
    done = CliRunner().invoke(cli, ["restore", str(copy), "--data-dir", str(elsewhere)])
    assert done.exit_code == 0, done.output

    async def holds(data_dir: Path) -> None:
        door.app = App(replace(settings, data_dir=data_dir))
        await door.app.start()
        try:
            assert await statuses(door, "/bees", None, BOB, ANNA) == [404, 200, 200]
        finally:
            await door.app.stop()

    await door.app.stop()
    await holds(settings.data_dir)
    await holds(elsewhere)
    [file] = (settings.data_dir / "databases").glob("registry@*")
    file.unlink()
    assert (await rebuild(settings)).problems == []
    await holds(settings.data_dir)


async def test_a_live_feed_shows_what_one_may_see_at_the_moment(door: Door) -> None:
    await door.restrict("bees")
    assert (await door.publish(small("bees")))[0] == 201
    assert (await door.publish(small("open")))[0] == 201
    url = f"{door.app.couch_url}/registry/_changes?feed=continuous&since=now&heartbeat=500"
    async with door.session.get(url, headers={"Authorization": BOB}) as feed:

        async def seen(until: str) -> list[str]:
            found: list[str] = []
            async with asyncio.timeout(60):
                while not found or found[-1] != until:
                    line = (await feed.content.readline()).strip()
                    found += [json.loads(line)["id"]] if line else []
            return found

        await door.grant("bees", "bob")
        assert await seen("bees") == ["bees@1.0.0", "bees"]  # which it had gone past
        assert (await door.publish(small("bees", "id,word\n3,x\n"), "2.0.0"))[0] == 201
        assert await seen("bees@2.0.0") == ["bees@2.0.0"]
        assert (await door.ask("DELETE", "/-/package/bees/collaborators/bob", ANNA))[0] == 200
        assert (await door.publish(small("bees", "id,word\n4,x\n"), "3.0.0"))[0] == 201
        assert (await door.publish(small("open", "id,word\n3,x\n"), "2.0.0"))[0] == 201
        assert await seen("open@2.0.0") == ["open@2.0.0"]


async def test_a_restricted_package_stays_so_whoever_writes_its_document(door: Door) -> None:
    await door.restrict("bees")
    assert (await door.publish(small("bees")))[0] == 201
    _, document = await door.ask("GET", "/registry/bees", ADMIN, couch=True)
    silent = {key: value for key, value in document.items() if key != "access"}
    assert (await door.ask("PUT", "/registry/bees", ADMIN, couch=True, json=silent))[0] == 403
    rev = document["_rev"]
    assert (await door.ask("DELETE", f"/registry/bees?rev={rev}", ADMIN, couch=True))[0] == 403
    purge = {"bees": [rev]}
    assert (await door.ask("POST", "/registry/_purge", ADMIN, couch=True, json=purge))[0] == 403
    strange = {**document, "access": "nonsense"}
    assert (await door.ask("PUT", "/registry/bees", ADMIN, couch=True, json=strange))[0] == 201
    assert await statuses(door, "/bees", None, BOB, ADMIN) == [404, 404, 200]


async def test_a_token_for_certain_packages_opens_no_others(door: Door) -> None:
    for name in ("bees", "birds"):
        await door.restrict(name)
        assert (await door.publish(small(name)))[0] == 201
    wanted = {"scope": "read", "packages": ["bee*"]}
    _, made = await door.ask("POST", "/-/tokens", ANNA, json=wanted)
    token = f"Bearer {made['token']}"
    assert [(await door.raw("GET", path, token))[0] for path in ("/bees", "/birds")] == [200, 404]
    about = [(await door.ask("GET", path, token))[1] for path in ("/-/whoami", "/-/user/anna")]
    assert [one["packages"] for one in about] == [["bees"], ["bees"]]
    assert about[0]["roles"] == ["owner:bees"]
    about = [(await door.ask("GET", path, ANNA))[1] for path in ("/-/whoami", "/-/user/anna")]
    assert [one["packages"] for one in about] == [["bees", "birds"], ["bees", "birds"]]
    assert about[0]["roles"] == ["owner:bees", "owner:birds"]


async def test_bytes_of_a_hidden_package_are_not_found_by_their_hash(door: Door) -> None:
    await door.restrict("bees")
    package = secret("bees")
    assert (await door.publish(package))[0] == 201
    await door.settled()
    [(path, data)] = package.files.items()
    announced = {
        "name": "mine",
        "version": "1.0.0",
        "descriptor": json.dumps({**package.members, "name": "mine"}),
        "files": {path: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}},
    }
    asked = [await door.ask("POST", "/-/publishing", who, json=announced) for who in (BOB, ANNA)]
    assert [path in str(one[1].get("missing", one[1])) for one in asked] == [True, False], asked


async def test_caches_for_many_keep_nothing_of_it(door: Door) -> None:
    assert (await door.publish(small("bees")))[0] == 201
    paths = ("bees@1.0.0", "bees@1.0.0/datapackage.json", "bees@1.0.0?open_revs=all", "_all_docs", "_changes")

    async def said(path: str, who: str | None, base: str) -> tuple[bool, bool]:
        headers = {"Authorization": who} if who else {}
        async with door.session.get(f"{base}/registry/{path}", headers=headers) as answer:
            assert answer.status == 200
            found = {name: ", ".join(answer.headers.getall(name, [])) for name in ("Cache-Control", "Vary")}
        return "private" in found["Cache-Control"], "Authorization" in found["Vary"]

    doors = (door.app.couch_url, f"{door.app.registry_url}/_couch")
    assert {await said(path, BOB, base) for base in doors for path in paths} == {(False, False)}
    assert (await door.publish(small("birds")))[0] == 201
    await door.restrict("birds")
    assert {await said(path, None, base) for base in doors for path in paths} == {(False, False)}
    assert {await said(path, ANNA, base) for base in doors for path in paths} == {(True, True)}
    assert {await said(path, ADMIN, doors[0]) for path in paths} == {(True, True)}


async def test_views_of_others_follow_what_is_closed_and_opened(door: Door) -> None:
    views = {"ids": {"map": "function (doc) { emit(doc._id, null); }", "reduce": "_count"}}
    design = {"_id": "_design/all", "views": views}
    assert (await door.ask("PUT", "/registry/_design/all", ADMIN, couch=True, json=design))[0] == 201
    for name in ("bees", "birds"):
        assert (await door.publish(small(name)))[0] == 201

    async def found(who: str | None, query: str = "") -> tuple[list[str], int]:
        path = "/registry/_design/all/_view/ids"
        _, rows = await door.ask("GET", f"{path}?reduce=false{query}", who, couch=True)
        _, counted = await door.ask("GET", f"{path}?{query}", who, couch=True)
        return [row["id"] for row in rows["rows"]], counted["rows"][0]["value"] if counted["rows"] else 0

    every = ["bees", "bees@1.0.0", "birds", "birds@1.0.0"]
    assert await found(None) == await found(ADMIN) == (every, 4)
    await door.restrict("bees")
    assert await found(None) == (every[2:], 2)
    await door.restrict("birds")
    assert await found(None, "&stale=ok") == await found(BOB, "&update=false") == ([], 0)
    assert await found(ADMIN) == (every, 4)
    await door.restrict("bees", access="public")
    assert await found(None) == (every[:2], 2)
    assert (await door.ask("DELETE", "/birds/1.0.0", ANNA))[0] == 200
    await door.restrict("birds", access="public")
    assert await found(BOB) == (every[:3], 3)
