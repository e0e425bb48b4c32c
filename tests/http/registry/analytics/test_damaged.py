"""Parquet files that are damaged: made again, and nobody who asks is blamed."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from couchreg.analytics import copies
from tests.packages import small
from tests.served import Serve, Served

SQL = {"q": 'SELECT * FROM "small@1.0.0".words'}
BAD = {"q": 'SELECT nothing FROM "small@1.0.0".words'}
FILE = "/-/parquet/small/1.0.0/words.parquet"
VIEWER = "/-/viewer/rows?dataset=small@1.0.0&config=words&split=train&offset=0&length=10"


def cut(path: Path) -> None:
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data[: len(data) // 2])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for place in range(4, len(data) - 8):
        data[place] ^= 255
    path.unlink()
    path.write_bytes(data)


def flip_head(path: Path) -> None:
    """Only what comes before the footer, so that the file can be opened."""
    data = bytearray(path.read_bytes())
    for place in range(4, 40):
        data[place] ^= 255
    path.unlink()
    path.write_bytes(data)


@pytest.fixture
async def served(serve: Serve) -> Served:
    served = await serve(with_tables=True)
    assert (await served.put(small(), "1.0.0"))[0] == 201
    await served.made("small", "1.0.0")
    return served


@pytest.mark.directory_only
@pytest.mark.parametrize("damage", [cut, flip, flip_head, Path.unlink])
async def test_what_is_damaged_is_made_again(
    served: Served,
    damage: Callable[[Path], None],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    [path] = served.datastore.glob("_parquet/small/1.0.0/*.parquet")
    whole = path.read_bytes()
    for ask in (lambda: served.ask("GET", "/-/sql", params=SQL), lambda: served.get(VIEWER)):
        await asyncio.to_thread(damage, path)
        status, answer = await ask()
        assert (status, "made" in answer["reason"]) == (503, True), answer
        await served.made("small", "1.0.0")
        status, answer = await ask()
        assert status == 200, answer
    assert path.read_bytes() == whole
    if damage is not flip_head:  # where the file can be opened, rows may have been sent before
        assert "Traceback" not in capfd.readouterr().err
    lines = [line for line in caplog.messages if "is made again" in line]
    assert len(lines) == 2
    assert all("_parquet/small/1.0.0/words.parquet is lost or damaged" in line for line in lines)


@pytest.mark.directory_only
@pytest.mark.parametrize("damage", [cut, Path.unlink])
async def test_a_file_that_is_cut_off_is_not_sent(served: Served, damage: Callable[[Path], None]) -> None:
    [path] = served.datastore.glob("_parquet/small/1.0.0/*.parquet")
    await asyncio.to_thread(damage, path)
    status, answer = await served.get(FILE)
    assert (status, "made again" in answer["reason"]) == (503, True), answer
    await served.made("small", "1.0.0")
    assert (await served.fetch(FILE))[0] == 200


async def test_a_wrong_statement_reads_no_file_through(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "digests_of_file", None)
    status, answer = await served.ask("GET", "/-/sql", params=BAD)
    assert (status, answer["error"]) == (400, "bad_statement")


@pytest.mark.directory_only
async def test_a_table_whose_source_is_lost_says_so(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    [path] = served.datastore.glob("_parquet/small/1.0.0/*.parquet")
    path.unlink()
    (served.datastore / "small/1.0.0/data/words.csv").unlink()
    assert (await served.ask("GET", "/-/sql", params=SQL))[0] == 503
    [table] = await served.made("small", "1.0.0")
    assert (table["state"], table["reason"]) == (
        "failed",
        "a file that it is made of is lost or damaged in the datastore.",
    )
    assert not any(record.exc_info for record in caplog.records)
    assert any("words.csv is missing" in line for line in caplog.messages)
