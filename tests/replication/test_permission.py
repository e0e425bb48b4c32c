"""Who may have things replicated, and where to."""

import asyncio
from typing import Any

import pytest

from tests.conftest import ADMIN
from tests.replication.conftest import Peer

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANNA = ("anna", "pw")


async def people(peer: Peer, **settings: str) -> None:
    user = {"name": "anna", "type": "user", "roles": ["mirrors"], "password": "pw"}
    status, _ = await peer("PUT", "/_users/org.couchdb.user:anna", user)
    assert status in (201, 409)
    for name in ("replicate_roles", "replicate_hosts"):
        await peer.ok("PUT", f"/_node/_local/_config/couchreg/{name}", settings.get(name, ""))


def ends(peer: Peer, **wanted: Any) -> dict[str, Any]:
    auth = {"basic": {"username": "anna", "password": "pw"}}
    source, target = ({"url": f"{peer.url}/{db}", "auth": auth} for db in ("src", "dst"))
    return {"source": source, "target": target, **wanted}


async def opened(peer: Peer) -> None:
    for db in ("src", "dst"):
        await peer.ok("PUT", f"/{db}")
        await peer.ok("PUT", f"/{db}/_security", {"members": {"names": ["anna"]}, "admins": {}})
    await peer.ok("PUT", "/src/a", {})


async def test_it_is_the_administrators_unless_said_otherwise(here: Peer) -> None:
    await people(here)
    status, answer = await here("POST", "/_replicate", ends(here), who=ANNA)
    assert (status, answer["error"]) == (403, "forbidden")
    assert (await here("POST", "/_replicate", ends(here), who=None))[0] == 401


async def test_others_reach_no_private_address_unless_it_is_named(here: Peer) -> None:
    await opened(here)
    await people(here, replicate_roles="mirrors")
    status, answer = await here("POST", "/_replicate", ends(here), who=ANNA)
    assert (status, answer["error"]) == (403, "forbidden")
    assert "private address" in answer["reason"]
    await people(here, replicate_roles="*", replicate_hosts="127.0.0.1")
    status, answer = await here("POST", "/_replicate", ends(here), who=ANNA)
    assert (status, answer["history"][0]["docs_written"]) == (200, 1)


async def test_others_name_no_database_of_this_server_and_no_proxy(here: Peer) -> None:
    await opened(here)
    await people(here, replicate_roles="mirrors", replicate_hosts="127.0.0.1")
    for wrong in ({"source": "_users"}, {"target": "src"}, {"proxy": "http://127.0.0.1:1"}):
        status, _ = await here("POST", "/_replicate", ends(here, **wrong), who=ANNA)
        assert status == 403


async def test_nobody_ends_the_jobs_of_others(here: Peer) -> None:
    await opened(here)
    await people(here, replicate_roles="mirrors", replicate_hosts="127.0.0.1")
    asked = {"source": here.end("src"), "target": here.end("dst"), "continuous": True}
    job = (await here.ok("POST", "/_replicate", asked))["_local_id"]
    cancel = {"cancel": True, "id": job}
    assert (await here("POST", "/_replicate", cancel, who=ANNA))[0] == 401
    assert (await here("POST", "/_replicate", cancel))[0] == 200


async def test_an_owner_ends_their_own(here: Peer) -> None:
    await opened(here)
    await people(here, replicate_roles="mirrors", replicate_hosts="127.0.0.1")
    job = (await here.ok("POST", "/_replicate", ends(here, continuous=True), who=ANNA))["_local_id"]
    assert (await here("POST", "/_replicate", {"cancel": True, "id": job}, who=ANNA))[0] == 200


async def test_replications_end_with_the_account_of_their_owner_and_return_with_it(here: Peer) -> None:
    assert here.app is not None
    standing = here.app.replicator.standing
    await opened(here)
    await people(here, replicate_roles="mirrors", replicate_hosts="127.0.0.1")
    asked = ends(here, continuous=True)
    await here.ok("PUT", "/_replicator/annas", asked | {"owner": "anna"})
    other = ends(here, continuous=True, doc_ids=["a"])
    assert (await here("POST", "/_replicate", other, who=ANNA))[0] < 300
    admins = {"source": here.end("src"), "target": here.end("more"), "create_target": True}
    await here.ok("PUT", "/_replicator/admins", admins | {"continuous": True})
    assert await jobs(here, "annas", "admins", None) == 3
    for disabled, left in ((True, 1), (False, 2)):
        user = await here.ok("GET", "/_users/org.couchdb.user:anna")
        await here.ok("PUT", "/_users/org.couchdb.user:anna", {**user, "disabled": disabled})
        await standing.look()
        assert await jobs(here, "admins", *([] if disabled else ["annas"])) == left
        found = await here.ok("GET", "/_scheduler/docs/_replicator/annas")
        assert ("gone" in str(found["info"])) is disabled
    user = await here.ok("GET", "/_users/org.couchdb.user:anna")
    await here.ok("DELETE", f"/_users/org.couchdb.user:anna?rev={user['_rev']}")
    await standing.look()
    assert await jobs(here, "admins") == 1


async def jobs(peer: Peer, *docs: str | None) -> int:
    """How many there are, once they are of these documents."""
    async with asyncio.timeout(60):
        while True:
            found = (await peer.ok("GET", "/_scheduler/jobs"))["jobs"]
            if {job["doc_id"] for job in found} == set(docs):
                return len(found)
            await asyncio.sleep(0.05)


async def test_replications_do_not_go_on_for_the_next_account_of_the_name(here: Peer) -> None:
    assert here.app is not None
    standing = here.app.replicator.standing
    await opened(here)
    await people(here, replicate_roles="mirrors", replicate_hosts="127.0.0.1")
    await here.ok("PUT", "/_replicator/annas2", ends(here, continuous=True) | {"owner": "anna"})
    asked = ends(here, continuous=True, doc_ids=["a"])
    assert (await here("POST", "/_replicate", asked, who=ANNA))[0] < 300
    assert await jobs(here, "annas2", None) == 2
    user = await here.ok("GET", "/_users/org.couchdb.user:anna")
    await here.ok("PUT", "/_users/org.couchdb.user:anna", {**user, "password": "pw"})
    await here.ok("POST", "/_users/_compact", {})
    await standing.look()
    assert await jobs(here, "annas2", None) == 2  # the same account, with another password
    user = await here.ok("GET", "/_users/org.couchdb.user:anna")
    await here.ok("DELETE", f"/_users/org.couchdb.user:anna?rev={user['_rev']}")
    await people(here, replicate_roles="mirrors", replicate_hosts="127.0.0.1")  # somebody else
    await standing.look()
    assert await jobs(here) == 0
    found = await here.ok("GET", "/_replicator/annas2")
    assert (found["_replication_state"], "gone" in found["_replication_state_reason"]) == ("failed", True)
    again = {name: value for name, value in found.items() if not name.startswith("_replication")}
    await here.ok("PUT", "/_replicator/annas2", again, who=ADMIN)
    assert await jobs(here, "annas2") == 1


async def test_replications_of_a_server_admin_end_with_their_rights(here: Peer) -> None:
    assert here.app is not None
    standing = here.app.replicator.standing
    await opened(here)
    await here.ok("PUT", "/_node/_local/_config/admins/root2", "pw2")
    root = ("root2", "pw2")
    wanted = {"source": here.end("src"), "target": here.end("dst"), "continuous": True}
    status, _ = await here("PUT", "/_replicator/roots", wanted, who=root)
    assert status == 201
    assert (await here("POST", "/_replicate", {**wanted, "doc_ids": ["a"]}, who=root))[0] < 300
    assert await jobs(here, "roots", None) == 2
    await here.ok("PUT", "/_node/_local/_config/admins/root2", "another")
    await standing.look()
    assert await jobs(here, "roots", None) == 2  # still an administrator
    await here.ok("DELETE", "/_node/_local/_config/admins/root2")
    await standing.look()
    assert await jobs(here) == 0
    assert (await here.ok("GET", "/_replicator/roots"))["_replication_state"] == "failed"
