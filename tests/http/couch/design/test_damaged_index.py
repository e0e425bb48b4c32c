"""An index whose file is damaged: nobody gets wrong rows, and it is made again without a hand."""

from pathlib import Path
from typing import Any

import aiohttp
import apsw
import pytest

from couchreg.designdocs.views import index
from tests.app.people import Client
from tests.conftest import ServerFactory

VIEW = "/db/_design/v/_view/n"


async def asked(couch: Client) -> tuple[int, Any]:
    status, answer = await couch("GET", VIEW)
    return status, [row["id"] for row in answer["rows"]] if status == 200 else answer["error"]


async def test_it_is_made_again(
    server: ServerFactory, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = await server()
    async with aiohttp.ClientSession() as session:
        couch = Client(session, app.couch_url)
        await couch("PUT", "/db")
        for number in range(3):
            await couch("PUT", f"/db/{number}", {})
        views = {"n": {"map": "function (doc) { emit(doc._id, 1); }"}}
        assert (await couch("PUT", "/db/_design/v", {"views": views}))[0] == 201
        whole = (200, ["0", "1", "2"])
        assert await asked(couch) == whole

        def damaged(*_: object) -> None:
            raise apsw.CorruptError("database disk image is malformed")

        with monkeypatch.context() as patch:
            patch.setattr(index, "rows_of", damaged)
            assert await asked(couch) == (503, "service_unavailable")
        assert await asked(couch) == whole
    await app.stop()
    [file] = Path(app.settings.data_dir).glob("views/*/*/*.view")
    assert (file.parent.stat().st_mode & 0o777, file.parent.parent.stat().st_mode & 0o777) == (0o700, 0o700)
    for damage in (b"", b"no database at all" * 500):
        file.write_bytes(damage)
        app = await server()
        async with aiohttp.ClientSession() as session:
            assert await asked(Client(session, app.couch_url)) == whole
        await app.stop()
    assert len([line for line in caplog.messages if f"{file} is damaged" in line]) == 2
    assert not any(record.exc_info for record in caplog.records)
