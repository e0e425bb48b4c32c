"""Publishing over several requests, as a client does it that is not ours."""

import hashlib
import json
from typing import Any

import aiohttp

from couchreg.app import App

CSV = b"id,word\n1,one\n2,two\n"
FINISHED = ("published", "refused", "failed")


def descriptor(name: str, files: dict[str, bytes], **more: Any) -> str:
    resources = [{"name": f"r{number}", "path": path} for number, path in enumerate(files)]
    return json.dumps({"name": name, "resources": resources, **more})


def announced(files: dict[str, bytes]) -> dict[str, Any]:
    return {
        path: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for path, data in files.items()
    }


class Client:
    """Somebody at the registry door."""

    def __init__(self, app: App, session: aiohttp.ClientSession, login: str) -> None:
        self.app, self.session, self.login = app, session, login
        self.sent = 0  # bytes of bodies

    async def __call__(self, method: str, path: str, value: Any = None, **more: Any) -> tuple[int, Any]:
        body = value if isinstance(value, bytes) or value is None else json.dumps(value).encode()
        kind = {} if isinstance(value, bytes) or value is None else {"Content-Type": "application/json"}
        headers = {"Authorization": self.login, **kind, **more.pop("headers", {})}
        self.sent += len(body or b"")
        url = path if "://" in path else self.app.registry_url + path
        async with self.session.request(method, url, data=body, headers=headers, **more) as response:
            return response.status, await response.json(content_type=None)

    async def begin(self, name: str, version: str, files: dict[str, bytes], **more: Any) -> tuple[int, Any]:
        text = more.pop("descriptor", None) or descriptor(name, files)
        manifest = {"name": name, "version": version, "files": announced(files), "descriptor": text, **more}
        return await self("POST", "/-/publishing", manifest)

    async def send(self, begun: dict[str, Any], files: dict[str, bytes]) -> None:
        for path in begun["missing"]:
            status, answer = await self("PUT", f"{begun['url']}/{path}", files[path])
            assert status == 201, answer

    async def publish(self, name: str, version: str, files: dict[str, bytes]) -> dict[str, Any]:
        status, begun = await self.begin(name, version, files)
        assert status in (200, 201), begun
        await self.send(begun, files)
        status, answer = await self("POST", begun["url"])
        assert status == 201, answer
        return dict(begun)

    async def outcome(self, url: str) -> dict[str, Any]:
        """As the stream of events tells it."""
        headers = {"Authorization": self.login, "Accept": "text/event-stream"}
        async with self.session.get(url, headers=headers) as response:
            assert response.content_type == "text/event-stream"
            text = (await response.read()).decode()
        *_, last = [line for line in text.splitlines() if line.startswith("data: ")]
        found: dict[str, Any] = json.loads(last.removeprefix("data: "))
        assert found["state"] in FINISHED
        return found
