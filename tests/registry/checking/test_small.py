"""Small tables that are looked at together: what fails for one passes."""

import asyncio
import resource
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from couchreg.blobstore.base import Spooled
from couchreg.blobstore.spool import Spool
from couchreg.registry.checking import small
from couchreg.registry.checking.small import WORKER, SmallTables
from couchreg.sandbox.forks import ForkServer

FIELDS = [{"name": "id", "type": "integer"}, {"name": "v", "type": "string"}]
MEMBERS: dict[str, Any] = {
    "name": "gdp",
    "resources": [{"name": "t", "path": "t.csv", "schema": {"fields": FIELDS}}],
}


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[dict[str, Spooled]]:
    spool = Spool(tmp_path / "spool")
    yield {"t.csv": spool.hold(b"id,v\n1,a\n2,b\n")}
    await spool.close()


async def test_whoever_comes_after_one_for_whom_no_process_could_be_made_is_answered(
    files: dict[str, Spooled], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(small, "PAUSE", 0.1)
    forks = ForkServer([WORKER])
    tables = SmallTables(forks)
    await tables.start()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with asyncio.timeout(60):
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
        try:
            assert await tables.report(MEMBERS, files) is None
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert await tables.report(MEMBERS, files) is None  # within the pause
        await asyncio.sleep(0.2)
        assert await tables.report(MEMBERS, files) is not None
        await tables.close()
        await forks.close()
