"""Download counts: what is counted, by which day, and that they outlive a restart."""

from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import apsw
import pytest

from couchreg.errors import BadRequest
from couchreg.registry.reading.counts import Downloads
from couchreg.registry.reading.counts_file import CountsFile
from tests.conftest import ADMIN, ServerFactory
from tests.packages import related, small
from tests.served import Serve, Served


class Clock:
    def __init__(self, text: str) -> None:
        self.now = datetime.fromisoformat(text)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
async def words(serve: Serve) -> Served:
    """`small` in 1.0.0 and 1.1.0, on a day of February."""
    served = await serve(downloads=Downloads(clock=Clock("2026-02-28T23:30:00+00:00")))
    for version in ("1.0.0", "1.1.0"):
        assert (await served.put(small(), version))[0] == 201
    return served


async def test_files_that_are_sent_from_their_beginning_are_counted(words: Served) -> None:
    _, headers, _ = await words.fetch("/small/1.0.0/words")
    await words.fetch("/small/latest/data/words.csv")
    await words.fetch("/small/1.0.0/words", Range="bytes=0-3")
    for uncounted in ({"Range": "bytes=4-"}, {"If_None_Match": headers["ETag"]}, {"Range": "bytes=900-"}):
        await words.fetch("/small/1.0.0/words", **uncounted)
    async with words.client.head(f"{words.url}/small/1.0.0/words"):
        pass
    await words.fetch("/small/1.0.0")
    _, found = await words.get("/-/downloads/small")
    assert found == {
        "name": "small",
        "from": "2026-01-30",
        "to": "2026-02-28",
        "total": 3,
        "versions": [
            {"version": "1.1.0", "total": 1, "days": [{"day": "2026-02-28", "downloads": 1}]},
            {"version": "1.0.0", "total": 2, "days": [{"day": "2026-02-28", "downloads": 2}]},
        ],
    }


async def test_days_are_chosen_and_begin_in_utc(serve: Serve) -> None:
    clock = Clock("2026-03-01T00:30:00+01:00")
    served = await serve(downloads=Downloads(clock=clock))
    await served.put(small(), "1")
    await served.fetch("/small/1/words")
    clock.now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    await served.fetch("/small/1/words")
    _, found = await served.get("/-/downloads/small")
    assert [day["day"] for day in found["versions"][0]["days"]] == ["2026-02-28", "2026-03-01"]
    _, found = await served.get("/-/downloads/small?from=2026-03-01&to=2026-03-01")
    assert found["total"] == 1
    for wrong in ("from=yesterday", "from=2026-03-02", "from=2024-01-01", "to=2026-02-30", "to=0001-01-01x"):
        assert (await served.get(f"/-/downloads/small?{wrong}"))[0] == 400
    assert (await served.get("/-/downloads/small?to=0001-01-01"))[0] == 200
    assert (await served.get("/-/downloads/nothing"))[0] == 404


async def test_counts_of_several_lives_add_up(tmp_path: Path) -> None:
    clock = Clock("2026-03-01T12:00:00+00:00")
    for _ in range(2):
        counts = Downloads(tmp_path / "counts.sqlite", clock=clock)
        counts.start()
        counts.count("small", "1")
        counts.count("other", "1")
        await counts.close()
    counts = Downloads(tmp_path / "counts.sqlite", clock=clock)
    assert [row.downloads for row in await counts.of("small", counts.today, counts.today)] == [2]
    with pytest.raises(BadRequest):
        await counts.of("small", counts.today, clock.now.date().replace(year=2025))
    await counts.close()


async def test_a_restarted_server_still_knows(server: ServerFactory) -> None:
    app = await server()
    login = {"Authorization": aiohttp.encode_basic_auth(*ADMIN)}
    async with aiohttp.ClientSession(headers=login) as client:
        body, headers = related(small())
        async with client.put(f"{app.registry_url}/small/1", data=body, headers=headers) as response:
            assert response.status == 201
        async with client.get(f"{app.registry_url}/small/1/words") as response:
            assert response.status == 200
        await app.stop()
        app = await server()
        async with client.get(f"{app.registry_url}/-/downloads/small") as response:
            assert (await response.json())["total"] == 1
        async with client.get(f"{app.registry_url}/-/followers") as response:
            rows = (await response.json())["followers"]
            assert {row["name"] for row in rows} == {"contents", "datastore", "restricted", "search"}
            assert all(row["problems"] == 0 and row["last_error"] is None for row in rows)


async def test_a_full_disk_does_not_spoil_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    downloads = Downloads(tmp_path / "counts")
    downloads.count("gdp", "1")

    def full(_: object) -> None:
        raise apsw.FullError("database or disk is full")

    monkeypatch.setattr(CountsFile, "add", lambda _, rows: full(rows))
    await downloads.close()
