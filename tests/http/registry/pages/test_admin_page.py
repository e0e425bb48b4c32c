"""The page of administrators: what ails, who follows and fails, accounts; and that nobody else sees it."""

import html
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import pytest_asyncio

from couchreg.docstore.base import Edit
from couchreg.followers.loop import Status
from couchreg.followers.problems import Problem
from couchreg.http.registry.frame.health import FAILING, OK, HealthPart
from couchreg.http.registry.frame.overview import DatabaseRow, Overview, QueueRow, ReplicationRow
from couchreg.journal.figures import LongRequest
from couchreg.model.user import SYSTEM
from tests.http.registry.pages.test_account_pages import Person
from tests.http.registry.pages.test_pages import Seen
from tests.served import Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")
EVIL = "<script>alert(1)</script>"
FIGURES = """# TYPE couchreg_registry_documents gauge
couchreg_registry_documents 12345
couchreg_disk_free_bytes{folder="datastore"} 1.5e+09
couchreg_requests_total{door="couch",status="200"} 5
# EOF
"""


async def health() -> Sequence[HealthPart]:
    return [HealthPart("documents", OK), HealthPart("datastore", FAILING, f"It is full. {EVIL}")]


async def followers() -> Sequence[Status]:
    problems = (Problem(f"{EVIL}@1", 3, "1-a", "It is no table.", 1_700_000_000.0),)
    return [Status("search", "working", 5, 12, problems, 2, None)]


async def metrics() -> str:
    return FIGURES


async def overview() -> Overview:
    return Overview(
        [
            ReplicationRow(
                f"https://there.example/{EVIL}", "a", EVIL, "crashing", 1234, None, 0, f"Gone. {EVIL}"
            )
        ],
        7,
        [QueueRow("packages that are checked", 31)],
        [DatabaseRow(EVIL, 12_346, 2, 5_000_000, 3_000_000)],
        8,
        [LongRequest(12.34567, 1_700_000_000.0, "couch", "GET", f"/db/{EVIL}", 200)],
    )


def replicas(detailed: bool) -> list[dict[str, Any]]:
    lag = {"seconds": 7, "documents": 8}
    return [{"source": "https://there.example", "state": "unreachable", "lag": lag, "problem": "No answer."}]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def registry(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    services: dict[str, Any] = {
        "health": health,
        "followers": followers,
        "metrics": metrics,
        "replicas": replicas,
    }
    services |= {"overview": overview}
    async with serving(tmp_path_factory.mktemp("admin")) as serve:
        yield await serve(services=services)


async def test_an_administrator_sees_how_the_server_does(registry: Served) -> None:
    admin = Person(registry)
    assert await admin.log_in("admin") == 303
    assert f'href="{registry.url}/-/admin"' in (await admin.get("/-/account"))[2]
    assert (await admin.get("/-/metrics"))[2] == FIGURES
    status, headers, text = await admin.get("/-/admin")
    assert (status, headers["Cache-Control"]) == (200, "no-store")
    seen = " ".join(html.unescape(re.sub("<[^>]+>", " ", text)).split())
    for words in (
        f"datastore failing It is full. {EVIL}",
        "search working 7 3",
        f"2023-11-14 22:13 {EVIL}@1: It is no table.",
        "https://there.example unreachable No answer. 7 8",
        "Packages and versions 12 345",
        "Room left for datastore 1.5 GB",
        "anna anna@example.org",
    ):
        assert words in seen, (words, seen)
    assert "<script" not in text


async def test_an_account_is_disabled_and_let_in_again(registry: Served) -> None:
    admin, bob = Person(registry), Person(registry)
    assert await admin.log_in("admin") == 303
    assert await bob.log_in("bob") == 303
    await admin.get("/-/admin")
    status, headers, _ = await admin.send("/-/admin", do="disable", name="bob")
    assert (status, headers["Location"]) == (303, f"{registry.url}/-/admin?done=disabled")
    assert (await bob.get("/-/account"))[0] == 303  # the login has ended
    assert await bob.log_in("bob") == 401
    assert "Let in again: bob" in (await admin.get("/-/admin?done=disabled"))[2]
    assert (await admin.send("/-/admin", do="restore", name="bob"))[0] == 303
    assert await bob.log_in("bob") == 303
    assert (await admin.send("/-/admin", do="disable", name="nemo"))[0] == 404
    assert (await admin.send("/-/admin", do="x", name="bob"))[0] == 400


async def test_nobody_else_sees_it(registry: Served) -> None:
    anna = Person(registry)
    status, headers, _ = await anna.get("/-/admin")
    assert (status, headers["Location"]) == (303, f"{registry.url}/-/login?next=/-/admin")
    assert await anna.log_in() == 303
    status, _, text = await anna.get("/-/admin")  # no way round in a circle
    assert (status, "You are not a server admin." in text) == (403, True)
    await anna.get("/-/account")
    assert (await anna.send("/-/admin", do="disable", name="bob"))[0] == 403


async def test_accounts_come_in_pages(registry: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("couchreg.http.registry.pages.admin._ACCOUNTS", 1)
    admin = Person(registry)
    await admin.log_in("admin")
    _, _, text = await admin.get("/-/admin")
    assert "Disable anna" in text
    assert "Disable bob" not in text
    [following] = [link for link in Seen(text).links() if "?start=" in link]
    _, _, text = await admin.get(following.removeprefix(registry.url))
    assert "Disable bob" in text


async def test_a_login_does_not_outlive_that_its_account_was_disabled(registry: Served) -> None:
    admin, bob = Person(registry), Person(registry)
    assert [await admin.log_in("admin"), await bob.log_in("bob")] == [303, 303]
    await admin.get("/-/admin")
    for do in ("disable", "restore"):
        assert (await admin.send("/-/admin", name="bob", do=do))[0] == 303
    assert (await bob.get("/-/account"))[0] != 200
    assert await bob.log_in("bob") == 303


async def test_who_is_in_conflict_is_nobody_and_may_log_in_or_out(registry: Served) -> None:
    anna = Person(registry)
    assert await anna.log_in("anna") == 303
    users = await registry.people.store.open("_users")
    stored = await users.revision("org.couchdb.user:anna")
    other = Edit(stored.id, "1-" + "a" * 32, False, {**stored.body, "roles": ["x"]}, (), ("a" * 32,))
    (await users.update([other], new_edits=False, user=SYSTEM)).check()
    assert (await anna.get("/-/account"))[0] in (303, 401)
    status, _, text = await anna.get("/-/login")
    assert (status, 'name="password"' in text) == (200, True)
    assert (await anna.send("/-/logout"))[0] == 303


async def test_an_administrator_sees_what_is_at_work(registry: Served) -> None:
    admin = Person(registry)
    await admin.log_in("admin")
    _, _, text = await admin.get("/-/admin")
    words = " ".join(Seen(text).text.split())
    for one in (
        "crashing",
        "Gone. <script>",
        "1 234",
        "packages that are checked",
        "12.346",
        "5.0 MB",
    ):
        assert one in words
    assert "… and 7 more." in words
    assert "… and 8 more." in words
    assert EVIL not in text
