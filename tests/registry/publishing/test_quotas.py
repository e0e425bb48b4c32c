"""How much one account may publish: what counts, who is refused, and how there is room again."""

import asyncio

import pytest

from couchreg.docstore.base import Edit
from couchreg.model.user import SYSTEM
from tests.packages import Package, small
from tests.served import ADMIN, ANNA, BOB, Serve, Served

LIMIT = 3000


def package(letter: str, name: str = "small") -> Package:
    """Some 1,200 bytes, with its descriptor."""
    return small(name, text=f"id,word\n1,{letter * 1000}\n")


@pytest.fixture
async def served(serve: Serve) -> Served:
    return await serve(validation="off", account_space=LIMIT)


async def space(served: Served, auth: str) -> dict[str, int]:
    return dict((await served.ask("GET", "/-/whoami", auth=auth))[1]["space"])


async def test_who_has_published_so_much_is_told_what_to_do(served: Served) -> None:
    assert await space(served, ANNA) == {"used": 0, "limit": LIMIT}
    for version in ("1", "2"):
        assert (await served.put(package(version), version, auth=ANNA))[0] == 201
    used = (await space(served, ANNA))["used"]
    assert LIMIT // 2 < used < LIMIT
    there = served.blobs()
    status, told = await served.put(package("3"), "3", auth=ANNA)
    assert (status, told["error"], "couchreg unpublish" in told["reason"]) == (413, "too_large", True)
    assert served.blobs() == there
    assert (await served.put(package("2"), "2", auth=ANNA))[0] == 200  # it is there
    assert (await served.put(package("b", "bobs"), "1", auth=BOB))[0] == 201
    for version in ("4", "5", "6"):
        assert (await served.put(package(version), version, auth=ADMIN))[0] == 201
    assert (await space(served, ANNA))["used"] == used
    assert (await served.ask("DELETE", "/small/1", auth=ANNA))[0] == 200
    assert (await served.put(package("3"), "3", auth=ANNA))[0] == 201
    assert await space(served, ANNA) == {"used": used, "limit": LIMIT}


async def test_what_is_announced_is_refused_before_it_is_sent(served: Served) -> None:
    def files(length: int) -> dict[str, dict[str, str | int]]:
        said = {"md5": "0" * 32, "sha256": "0" * 64, "type": "text/csv"}
        return {path: {"length": length, "bytes": length, **said} for path in ("datapackage.json", "a.csv")}

    metadata = {"name": "small", "version": "1"}
    for length, statuses in ((LIMIT, (413, 413)), (LIMIT // 3, (200, 201))):
        sent = {"metadata": metadata, "filedata": files(length)}
        direct = (await served.ask("POST", "/datastore/authorize", auth=ANNA, json=sent))[0]
        sent = {**metadata, "files": files(length)}
        assert (direct, (await served.ask("POST", "/-/publishing", auth=ANNA, json=sent))[0]) == statuses


async def test_what_is_brought_back_needs_room_like_what_is_published(serve: Serve) -> None:
    served = await serve(validation="off", account_space=LIMIT, undelete_days=7)
    for version in ("1", "2"):
        assert (await served.put(package(version), version, auth=ANNA))[0] == 201
    used = (await space(served, ANNA))["used"]
    assert (await served.ask("PUT", "/-/dist-tags/small/first", auth=ANNA, json={"version": "1"}))[0] == 200
    assert (await served.ask("DELETE", "/small/1", auth=ANNA))[0] == 200
    assert (await served.put(package("3"), "3", auth=ANNA))[0] == 201
    status, told = await served.ask("POST", "/-/undelete/small/1", auth=ANNA)
    assert (status, told["error"]) == (413, "too_large"), told
    assert "first" not in (await served.ask("GET", "/-/dist-tags/small"))[1]
    assert await space(served, ANNA) == {"used": used, "limit": LIMIT}
    assert (await served.ask("DELETE", "/small/3", auth=ANNA))[0] == 200
    assert (await served.ask("POST", "/-/undelete/small/1", auth=ANNA))[0] == 200
    assert await space(served, ANNA) == {"used": used, "limit": LIMIT}
    assert (await served.ask("POST", "/-/undelete/small/3", auth=ADMIN))[0] == 200, "administrators have room"


async def test_what_is_written_at_the_same_time_counts(served: Served) -> None:
    sent = [served.put(package(name, name), "1", auth=ANNA) for name in ("a", "b", "c", "d")]
    assert sorted(status for status, _ in await asyncio.gather(*sent)) == [201, 201, 413, 413]


async def test_an_announced_publish_is_refused_where_there_is_no_room_left(serve: Serve) -> None:
    served = await serve(validation="off", account_space=1)
    assert (await served.put(package("1"), "1", auth=ANNA))[0] == 413
    manifest = {"name": "small", "version": "1", "files": {}, "descriptor": '{"name": "small"}'}
    await served.put(package("1"), "1", auth=ADMIN)
    assert (await served.ask("POST", "/-/publishing", auth=BOB, json=manifest))[0] == 403
    assert (await served.ask("POST", "/-/publishing", auth=ADMIN, json=manifest))[0] in (200, 201, 409, 422)


async def test_without_a_limit_nothing_is_counted(serve: Serve) -> None:
    served = await serve(validation="off")
    assert (await served.put(package("1"), "1", auth=ANNA))[0] == 201
    assert "space" not in (await served.ask("GET", "/-/whoami", auth=ANNA))[1]
    assert served.registry.publisher.quotas._versions == {}


async def test_a_document_that_only_the_slow_reader_reads_stops_nobody(served: Served) -> None:
    own = {"x": 10**4000, "yanked": "it is not", "deprecated": "nor this"}
    odd = Edit("odd@1", None, False, {"name": "odd", "version": "1", "couchreg": own})
    (await served.database.update([odd], new_edits=True, user=SYSTEM)).check()
    assert (await served.put(package("1"), "1", auth=ANNA))[0] == 201
    assert (await served.get("/-/versions/odd"))[0] == 200
    assert not {"yanked", "deprecated"} & (await served.get("/odd/1"))[1]["couchreg"].keys()
    assert (await space(served, ANNA))["used"] > 0
