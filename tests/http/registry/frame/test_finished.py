"""Finished answers are kept for the next who asks for the same, and say nothing that is not true any more."""

from typing import Any

import aiohttp
import pytest
from multidict import CIMultiDict

from couchreg.errors import Unavailable
from couchreg.http.registry.frame import finished
from couchreg.http.registry.frame.finished import MOST_HEADERS, FinishedAnswers
from couchreg.registry.reading.catalog import Catalog
from tests.served import ADMIN, Serve, Served, serve  # noqa: F401 — a fixture

ADDRESSES = ("/bees", "/bees/1.0.0", "/bees/1.0.0/hives", "/bees/1.0.0/data/hives.csv")
ROWS = b"hive,bees\n" + b"north,40000\n" * 200


async def publish(served: Served, version: str = "1.0.0", rows: bytes = ROWS) -> None:
    form = aiohttp.FormData()
    descriptor = b'{"name": "bees", "resources": [{"name": "hives", "path": "data/hives.csv"}]}'
    for path, data in (("datapackage.json", descriptor), ("data/hives.csv", rows)):
        form.add_field(path, data, filename=path)
    async with served.client.put(
        f"{served.url}/bees/{version}", data=form, headers={"Authorization": ADMIN}
    ) as response:
        assert response.status == 201, await response.text()


class Reads:
    """How often something is read to answer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        read = Catalog.point

        async def point(catalog: Catalog, *args: Any) -> Any:
            self.count += 1
            return await read(catalog, *args)

        monkeypatch.setattr(Catalog, "point", point)


@pytest.fixture
async def served(serve: Serve) -> Served:  # noqa: F811
    started = await serve()
    await publish(started)
    return started


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    return Reads(monkeypatch)


@pytest.mark.parametrize("path", ADDRESSES)
@pytest.mark.parametrize("coding", ["identity", "br, gzip"])
async def test_who_asks_again_gets_the_same_and_nothing_is_read(
    served: Served, reads: Reads, path: str, coding: str
) -> None:
    first = await served.fetch(path, Accept_Encoding=coding)
    before = reads.count
    status, headers, body = await served.fetch(path, Accept_Encoding=coding)
    of_its_moment = {"Date", "X-Request-ID"}
    told = [
        {name: value for name, value in one.items() if name not in of_its_moment}
        for one in (first[1], headers)
    ]
    assert (status, body, reads.count) == (200, first[2], before)
    assert told[0] == told[1]
    assert "Date" in headers


async def test_a_body_is_nothing_plain_and_that_there_is_none_is(served: Served, reads: Reads) -> None:
    for body, more in ((b"", 1), (b"x", 2)):
        before = reads.count
        for _ in range(2):
            sent = {"Content-Length": str(len(body)), "Host": "127.0.0.1"}
            async with served.client.get(
                f"{served.url}/bees/1.0.0",
                headers=sent,
                data=body or None,
                skip_auto_headers=["Content-Type"],
            ) as response:
                assert response.status == 200
        assert reads.count == before + more


async def test_another_host_coding_or_kind_is_another_answer(served: Served) -> None:
    _, _, plain = await served.fetch("/bees/1.0.0", Host="one.example", Accept_Encoding="identity")
    for _ in range(2):
        _, _, other = await served.fetch("/bees/1.0.0", Host="two.example", Accept_Encoding="identity")
        assert b"one.example" in plain
        assert b"two.example" in other
        _, headers, _ = await served.fetch("/bees/1.0.0", Accept="text/html")
        assert headers["Content-Type"].startswith("text/html")


async def test_what_is_written_counts_at_once(served: Served) -> None:
    for _ in range(2):
        assert (await served.get("/bees"))[1]["version"] == "1.0.0"
    await publish(served, "1.1.0", b"hive,bees\n")
    for _ in range(2):
        assert (await served.get("/bees"))[1]["version"] == "1.1.0"
        assert (await served.fetch("/bees/latest/hives"))[2] == b"hive,bees\n"
    async with served.client.delete(f"{served.url}/bees/1.1.0", headers={"Authorization": ADMIN}) as response:
        assert response.status == 200
    assert (await served.get("/bees"))[1]["version"] == "1.0.0"
    assert (await served.get("/bees/1.1.0"))[0] == 404


async def test_a_package_that_is_closed_is_not_there_for_strangers(served: Served) -> None:
    for path in ADDRESSES * 2:
        assert (await served.fetch(path))[0] == 200
    body = {"access": "restricted"}
    address = f"{served.url}/-/package/bees/access"
    async with served.client.post(address, json=body, headers={"Authorization": ADMIN}) as response:
        assert response.status == 200, await response.text()
    for path in ADDRESSES * 2:
        assert (await served.fetch(path))[0] == 404


async def test_who_may_read_the_database_is_asked_each_time(serve: Serve) -> None:  # noqa: F811
    found: list[dict[str, Any]] = [{}]

    async def security() -> dict[str, Any]:
        return found[0]

    served = await serve(services={"security": security})
    await publish(served)
    for path in ADDRESSES * 2:
        assert (await served.fetch(path))[0] == 200
    found[0] = {"members": {"names": ["anna"], "roles": []}}
    for path in ADDRESSES:
        assert (await served.fetch(path))[0] == 401
    found[0] = {}
    assert (await served.fetch("/bees"))[0] == 200


async def test_a_login_that_all_need_is_asked_for_each_time(serve: Serve) -> None:  # noqa: F811
    needed = [False]
    served = await serve(services={"user_required": lambda: needed[0]})
    await publish(served)
    for _ in range(2):
        assert (await served.fetch("/bees/1.0.0"))[0] == 200
    needed[0] = True
    assert (await served.fetch("/bees/1.0.0"))[0] == 401


async def test_what_held_lately_is_sent_while_nobody_can_say_whether_it_does(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(self: Any) -> Any:
        raise Unavailable("The documents cannot be read now.", retry_after=7)

    before = {path: await served.fetch(path) for path in ADDRESSES}
    assert all("Warning" not in headers for _, headers, _ in before.values())
    with monkeypatch.context() as patched:
        patched.setattr(type(served.registry.database), "update_seq", away)
        for path, (_, headers, body) in before.items():
            status, older, found = await served.fetch(path)
            assert (status, found, older["ETag"]) == (200, body, headers["ETag"])
            assert older["Warning"] == (
                '110 couchreg "Response is Stale", 111 couchreg "Revalidation Failed"'
            )
            assert older.getall("Cache-Control") == ["no-store"]
        status, headers, _ = await served.fetch("/bees/1.0.0?meta=false")  # nobody has asked so before
        assert (status, headers["Retry-After"]) == (503, "7")
        patched.setattr(finished, "OLDEST", 0.0)
        assert (await served.fetch("/bees/1.0.0"))[0] == 503
    for path, (_, headers, body) in before.items():
        status, now, found = await served.fetch(path)
        assert (status, found, now.getall("Cache-Control")) == (200, body, headers.getall("Cache-Control"))
        assert "Warning" not in now


async def test_each_download_is_counted(served: Served) -> None:
    before = served.registry.downloads._waiting.total()
    for _ in range(3):
        await served.fetch("/bees/1.0.0/hives")
        await served.fetch("/bees/1.0.0")
    assert served.registry.downloads._waiting.total() == before + 3


async def test_ranges_conditions_and_heads_are_answered_as_ever(served: Served) -> None:
    for _ in range(2):
        _, headers, body = await served.fetch("/bees/1.0.0/hives", Accept_Encoding="identity")
    assert body == ROWS
    status, part, some = await served.fetch(
        "/bees/1.0.0/hives", Accept_Encoding="identity", Range="bytes=0-3"
    )
    assert (status, some, part["Content-Range"]) == (206, b"hive", f"bytes 0-3/{len(ROWS)}")
    status, _, nothing = await served.fetch(
        "/bees/1.0.0/hives", Accept_Encoding="identity", If_None_Match=headers["ETag"]
    )
    assert (status, nothing) == (304, b"")
    async with served.client.head(
        f"{served.url}/bees/1.0.0/hives", headers={"Accept-Encoding": "identity"}
    ) as response:
        assert (response.status, response.headers["Content-Length"]) == (200, str(len(ROWS)))


async def test_who_has_a_login_is_answered_for_themselves(served: Served, reads: Reads) -> None:
    for _ in range(2):
        await served.fetch("/bees/1.0.0")
    before = reads.count
    for _ in range(2):
        async with served.client.get(
            f"{served.url}/bees/1.0.0", headers={"Authorization": ADMIN}
        ) as response:
            assert response.status == 200
    assert reads.count == before + 2


async def test_what_is_kept_is_bounded(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    made, make = list[FinishedAnswers](), FinishedAnswers.__init__

    def bounded(self: FinishedAnswers) -> None:
        make(self, 20_000)
        made.append(self)

    monkeypatch.setattr(FinishedAnswers, "__init__", bounded)
    served = await serve()
    await publish(served)
    for number in range(40):
        assert (await served.fetch(f"/bees/1.0.0?unknown={number}"))[0] == 200
    assert 10_000 < made[0].size <= 20_000
    assert (await served.fetch("/bees/1.0.0?unknown=" + "x" * 3000))[0] == 200
    assert 1 < len(made[0]._found) < 40
    assert all(len(address) < 100 for address, _ in made[0]._found)


async def test_a_request_with_many_headers_is_not_kept(served: Served, reads: Reads) -> None:
    """They take more than the bytes that are counted of them."""
    before = reads.count
    headers = CIMultiDict([("Accept", "*/*")] * MOST_HEADERS)
    for _ in range(3):
        async with served.client.get(f"{served.url}/bees/1.0.0", headers=headers) as response:
            assert response.status == 200
    assert reads.count == before + 3
