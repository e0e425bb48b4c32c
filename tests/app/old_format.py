"""Makes the data directory that tests of the format open: `python -m tests.app.old_format FILE.zip`.

It is made once for each format, by the couchreg of that time, and kept as it is: never make one of an old
format anew.
"""

import asyncio
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import aiohttp

from couchreg.app import build
from couchreg.config import load
from tests.app.people import Client
from tests.packages import related, small

ADMIN, ANNA = ("admin", "secret"), ("anna", "a long enough one")
DERIVED = ("search", "views", "graphs", "spool", "publishing", "contents.sqlite", "couchreg.lock")


async def fill(session: aiohttp.ClientSession, registry: str, couch: str) -> str:
    """A little of everything; the token of anna."""
    door, documents = Client(session, registry), Client(session, couch)

    async def done(client: Client, method: str, path: str, value: Any = None, who: Any = ANNA) -> Any:
        status, answer = await client(method, path, value, who=who)
        assert status in (200, 201, 202), (path, answer)
        return answer

    await done(door, "PUT", "/adduser/anna", {"name": "anna", "password": ANNA[1]}, None)
    for version in ("1.0.0", "1.1.0", "2.0.0"):
        body, headers = related(small(text=f"id,word\n1,{version}\n"))
        headers["Authorization"] = aiohttp.encode_basic_auth(*ANNA)
        async with session.put(f"{registry}/small/{version}", data=body, headers=headers) as answer:
            assert answer.status == 201, await answer.text()
    await done(door, "PUT", "/-/dist-tags/small/stable", {"version": "1.0.0"})
    await done(door, "PUT", "/-/deprecated/small/1.0.0", {"message": "use 1.1.0"})
    await done(door, "PUT", "/-/yanked/small/1.1.0", {"message": "counted twice"})
    await done(door, "DELETE", "/small/2.0.0")
    await done(documents, "PUT", "/db", None, ADMIN)
    attached = {"a.txt": {"content_type": "text/plain", "data": "YQ=="}}
    await done(documents, "PUT", "/db/doc", {"n": 1, "_attachments": attached}, ADMIN)
    await done(documents, "PUT", "/db/_security", {"members": {"names": ["anna"]}}, ADMIN)
    await done(documents, "PUT", "/_node/_local/_config/vendor/name", "old", ADMIN)
    return str((await done(door, "POST", "/-/tokens", {"scope": "read", "lifetime": None}))["token"])


async def make(data: Path) -> str:
    given = {"data_dir": data, "port": 0, "couch_port": 0, "admin": ":".join(ADMIN), "analytics": "off"}
    app = build(load({**given, "password_iterations": 1000, "validation": "off"}, environ={}))
    await app.start()
    try:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            return await fill(session, app.registry_url, app.couch_url)
    finally:
        await app.stop()


def main(target: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        data = Path(place) / "data"
        token = asyncio.run(make(data))
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
            packed.writestr("token", token)
            for path in sorted(data.rglob("*")):
                if path.is_file() and path.relative_to(data).parts[0] not in DERIVED:
                    packed.write(path, Path("data", path.relative_to(data)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
