"""Published files that are lost or damaged in the datastore: what readers get, and what the log says."""

import asyncio
import os
from pathlib import Path

import aiohttp
import msgspec
import pytest

from couchreg.docstore.attachments import lost
from tests.packages import Package, small
from tests.served import ADMIN, Served

WORDS = "/small/1.0.0/data/words.csv"


def large() -> Package:
    """A table that is sent in several pieces."""
    return small(text="id,word\n" + "".join(f"{number},word\n" for number in range(100_000)))


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    assert not any(record.exc_info for record in caplog.records), "no traceback"
    return [record.getMessage() for record in caplog.records if record.name == lost.__name__]


async def cut(served: Served, length: int) -> Path:
    path = served.datastore / WORDS[1:]
    assert path.stat().st_size > length
    await asyncio.to_thread(os.truncate, path, length)
    return path


@pytest.mark.directory_only
async def test_a_file_that_is_cut_off_is_told_of_once_and_read_again_when_it_is_back(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await served.put(small(), "1.0.0"))[0] == 201
    whole = (served.datastore / WORDS[1:]).read_bytes()
    path = await cut(served, 5)
    for address in (WORDS, "/small/1.0.0/words", WORDS):
        status, answer = await served.get(address)
        assert (status, answer["error"]) == (500, "file_corrupt")
        assert "log says what to do" in answer["reason"]
        assert str(served.datastore) not in str(answer)
    status, _, body = await served.fetch(WORDS, Range="bytes=0-3")
    assert (status, body) == (206, whole[:4]), "what is there is read"
    [line] = told(caplog)
    assert "small/1.0.0/data/words.csv is damaged: a reader got 5 bytes" in line
    assert "a file of the package small" in line
    assert "Put it back from a backup" in line
    assert len(served.registry.attachments.lost.told) == 1
    path.write_bytes(whole)
    assert (await served.fetch(WORDS))[2] == whole
    assert not served.registry.attachments.lost.told


@pytest.mark.directory_only
async def test_a_large_file_that_is_cut_off_breaks_off_and_is_told_of(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await served.put(large(), "1.0.0"))[0] == 201
    await cut(served, 600_000)
    async with asyncio.timeout(60):
        with pytest.raises(aiohttp.ClientError):
            await served.fetch(WORDS, Accept_Encoding="identity")
    [line] = told(caplog)
    assert "a reader got 600000 bytes of it" in line


@pytest.mark.directory_only
async def test_a_file_that_is_missing_is_no_404_unless_its_version_has_gone(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await served.put(small(), "1.0.0"))[0] == 201
    version = await served.registry.catalog.version("small", "1.0.0")
    (served.datastore / WORDS[1:]).unlink()
    assert (await served.get(WORDS))[0] == 500
    [line] = told(caplog)
    assert "small/1.0.0/data/words.csv is missing (a file of the package small)" in line
    caplog.clear()
    attachments = served.registry.attachments
    attachments.lost.is_whole(version.files["data/words.csv"].key)
    assert (await served.ask("DELETE", "/small/1.0.0", auth=ADMIN))[0] == 200
    with pytest.raises(Exception, match="missing"):
        await anext(attachments.open(version.files["data/words.csv"]))
    assert told(caplog) == []


async def test_however_many_are_lost_the_log_has_some_lines_an_hour(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await served.put(small(), "1.0.0"))[0] == 201
    version, now = await served.registry.catalog.version("small", "1.0.0"), [0.0]
    found = lost.LostFiles(None, clock=lambda: now[0])
    file = version.files["data/words.csv"]
    for number in range(3 * lost.MOST):
        await found.found(msgspec.structs.replace(file, key=f"a/{number}"), 3)
    assert len(told(caplog)) == lost.MOST + 1
    now[0] += lost.HOUR
    caplog.clear()
    await found.found(file, 3)
    assert len(told(caplog)) == len(found.told) == 1


@pytest.mark.directory_only
async def test_what_lies_in_the_way_of_a_publish_is_told_of(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await served.put(small(), "1.0.0"))[0] == 201
    version = await served.registry.catalog.version("small", "1.0.0")
    key = version.files["datapackage.json"].key
    assert key.startswith("_blobs/")
    (served.datastore / key).unlink()
    (served.datastore / key).write_bytes(b"damaged")
    status, answer = await served.put(small(), "2.0.0")
    assert (status, answer["error"]) == (500, "file_corrupt")
    [line] = told(caplog)
    assert f"{key} is damaged: it has other bytes than its name is the hash of. Remove it" in line
    (served.datastore / key).unlink()
    assert (await served.put(small(), "2.0.0"))[0] == 201


@pytest.mark.directory_only
async def test_a_file_that_the_system_refuses_is_named_in_the_log_alone(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await served.put(small(), "1.0.0"))[0] == 201
    path = served.datastore / WORDS[1:]
    path.unlink()
    path.symlink_to(path)  # as a file of another user would, for root too
    for _ in range(2):
        status, answer = await served.get(WORDS)
        assert (status, answer["error"]) == (503, "service_unavailable")
        assert str(path) not in str(answer)
    [line] = caplog.messages
    assert line.startswith(f"A request failed: {path} cannot be used (Too many levels of symbolic links)")
