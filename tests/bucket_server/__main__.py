"""`python -m tests.bucket_server DIRECTORY PORT`: prints the port, and serves until it is ended."""

import asyncio
import contextlib
import sys
from pathlib import Path

from aiohttp import web

from tests.bucket_server.door import Door
from tests.bucket_server.objects import Buckets


async def main() -> None:
    door = Door(Buckets(Path(sys.argv[1])))
    runner = web.ServerRunner(web.Server(door.handle), handle_signals=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", int(sys.argv[2]), reuse_address=True)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


with contextlib.suppress(web.GracefulExit):
    asyncio.run(main())
