"""Several processes over one data directory, of which one writes: their life, and what they are together."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from couchreg.app.workers import Workers
from couchreg.config import CannotStart
from tests.app.readers import Reading, clients, head, publish, raw, until, workers_of
from tests.conftest import ServerFactory
from tests.processes import running
from tests.s3_servers import S3Server, new_bucket


@pytest.fixture
async def reading_bucket(
    server: ServerFactory, monkeypatch: pytest.MonkeyPatch, own_s3_server: S3Server
) -> AsyncIterator[Reading]:
    monkeypatch.setattr(Workers, "keeps", staticmethod(lambda own, others: False))
    options = await new_bucket(own_s3_server)
    given = {
        "blobstore": options.address,
        "s3_endpoint": options.endpoint,
        "s3_access_key_id": options.access_key,
        "s3_secret_access_key": options.secret_key,
    }
    async with clients(await server(workers=2, **given)) as found:
        yield found


async def test_a_process_that_dies_is_followed_by_another(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("couchreg.app.workers.FIRST_PAUSE", 0.0)
    await reading.write("/db/a", {"x": 1})
    workers = workers_of(reading.app)
    for signal_number in (signal.SIGKILL, signal.SIGSTOP):
        [process] = workers.processes
        os.kill(process, signal_number)
        # What a stopped one was given and has not read is answered here when it is found out.
        waiting = asyncio.create_task(raw(reading.app.couch_url, head("/db/a", "Connection: close")))
        if signal_number == signal.SIGSTOP:
            await asyncio.sleep(0.1)
            monkeypatch.setattr("couchreg.app.workers.SILENT", -1.0)
            workers.look()
            monkeypatch.setattr("couchreg.app.workers.SILENT", 60.0)
        assert b'"x":1' in await waiting
        await until(lambda old=process: workers.processes not in ([], [old]) and workers.reading == 1)  # type: ignore[misc]
        before = reading.answered
        assert b'"x":1' in await raw(reading.app.couch_url, head("/db/a", "Connection: close"))
        await until(lambda known=before: reading.answered > known)  # type: ignore[misc]


async def test_connections_are_counted_together(reading: Reading) -> None:
    setting = "/_node/_local/_config/chttpd/max_connections_per_address"
    await reading.write(setting, "6")
    host, port = reading.app.couch_url.removeprefix("http://").split(":")
    [reader] = workers_of(reading.app)._readers.values()
    for _ in range(3):
        held = [await asyncio.open_connection(host, int(port)) for _ in range(5)]
        await until(lambda: len(reader.lent) >= 5)  # and the one that writes
        async with asyncio.timeout(60):
            one, other = await asyncio.open_connection(host, int(port))
            assert (await one.read()).startswith(b"HTTP/1.1 503")
        other.close()
        for _, writer in held:
            writer.close()
        await until(lambda: not reader.lent)
    assert (await raw(reading.app.couch_url, head("/_up", "Connection: close"))).startswith(b"HTTP/1.1 200")


async def test_it_is_one_server(reading: Reading) -> None:
    await publish(reading, "bees", "1.0.0")
    for _ in range(10):
        assert (await reading("/bees/1.0.0/words", registry=True))[0] == 200
        assert (await reading("/registry/bees"))[0] == 200
    await until(lambda: reading.answered >= 20)
    found = (await reading("/-/downloads/bees", admin=True, registry=True))[1]
    assert b'"total":10' in found, found
    figures = (await reading("/-/metrics", admin=True, registry=True))[1].decode()
    route = 'route="/{name}/{version}/{path}",method="GET",status="200"'
    assert f'couchreg_requests_total{{door="registry",{route}}} 10' in figures
    assert "couchreg_reading_processes 1" in figures
    stats = (await reading("/_node/_local/_stats/couchdb/httpd_status_codes/200", admin=True))[1]
    assert int(stats.split(b'"value":')[1].split(b",")[0]) >= 10
    health = (await reading("/-/health/ready", admin=True, registry=True))[1]
    assert b'"reading"' in health


async def test_it_ends_as_a_whole(tmp_path: Path) -> None:
    """Cleanly, what is under way included; and when it is killed."""
    data = tmp_path / "data"
    with running(data, "--workers", "3") as one:
        reading = _reading(one.process.pid)
        assert len(reading) == 2
        assert all((data / "spool" / f"reading-{number}").is_dir() for number in (1, 2))
        waiting = [asyncio.create_task(raw(one.couch_url, head("/_up"))) for _ in range(6)]
        await asyncio.sleep(0.3)
        os.kill(one.process.pid, signal.SIGTERM)
        for text in await asyncio.gather(*waiting):
            assert text.startswith(b"HTTP/1.1 200")
        await until(lambda: one.process.poll() is not None)
    assert not [pid for pid in reading if _lives(pid)]
    assert not list((data / "spool").glob("reading-*"))
    with running(data, "--workers", "2") as one:
        [pid] = _reading(one.process.pid)
        one.kill()
        await until(lambda: not _lives(pid))


def _reading(pid: int) -> list[int]:
    """The reading processes of a server."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    program = b"couchreg.cli.reading"
    return [int(one) for one in children if program in Path(f"/proc/{one}/cmdline").read_bytes()]


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_files_come_from_a_bucket(reading_bucket: Reading) -> None:
    await publish(reading_bucket, "bees", "1.0.0")
    for _ in range(3):
        assert (await reading_bucket("/bees/1.0.0/words", registry=True))[1] == b"id,word\n1,one\n"
    await until(lambda: reading_bucket.answered >= 3)
    assert (await reading_bucket("/bees/1.0.0", "DELETE", admin=True, registry=True))[0] == 200
    assert (await reading_bucket("/bees/1.0.0/words", registry=True))[0] == 404


async def test_limits_hold_for_all_processes_together(
    server: ServerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Workers, "keeps", staticmethod(lambda own, others: False))
    app = await server(workers=2, guest_requests=40)
    async with aiohttp.ClientSession() as guest:
        began, statuses = time.monotonic(), []
        for _ in range(60):
            async with guest.get(f"{app.registry_url}/-/packages") as response:
                statuses.append(response.status)
        more = (time.monotonic() - began) * 40 / 60 + 1  # that were allowed meanwhile
    assert 40 <= statuses.count(200) <= 40 + more
    assert set(statuses) == {200, 429}


@pytest.mark.parametrize(
    "given",
    [
        {"docstore": "http://admin:pw@127.0.0.1:1"},
        {"guest_requests": 1},
        {"tls_cert": "/none"},
    ],
)
async def test_what_cannot_be(server: ServerFactory, given: dict[str, Any]) -> None:
    with pytest.raises(CannotStart, match=r"--workers|workers\."):
        await server(workers=2, **given)
