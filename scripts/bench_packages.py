"""One small package in the words of each server: published, and read. For `scripts/bench_publishing`."""

import base64
import hashlib
import io
import json
import os
import tarfile
from typing import Any, Protocol
from urllib.parse import urlsplit

from bench_requests import Connection, Request
from bench_servers import Subject

ROWS = 430  # a table of 10 KB
_LINES = [f"{n},C{n % 50},2026-03-{n % 28 + 1:02},{n / 7:.3f}\n" for n in range(ROWS)]
TABLE = ("id,country,day,value\n" + "".join(_LINES)).encode()
FIELDS = [
    {"name": "id", "type": "integer", "constraints": {"required": True}},
    {"name": "country", "type": "string"},
    {"name": "day", "type": "date"},
    {"name": "value", "type": "number"},
]
SCHEMA = {"fields": FIELDS, "primaryKey": ["id"]}
RESOURCE = {"name": "table", "path": "table.csv", "schema": SCHEMA}
BOUNDARY = "bench-of-packages"


class Peer(Protocol):
    """A server that is measured."""

    name: str
    subject: Subject

    async def prepare(self) -> None:
        """Make ready to publish, and publish the package that is read."""

    def publish(self, name: str) -> Request: ...
    def descriptor(self) -> Request: ...
    def file(self) -> Request: ...
    async def close(self) -> None: ...


class _Peer:
    def __init__(self, name: str, subject: Subject) -> None:
        self.name, self.subject = name, subject
        self.authorization = login_of(subject.url)

    async def prepare(self) -> None:
        await self.send(self.publish("read"))
        await self.send(self.descriptor())
        await self.send(self.file())

    async def send(self, request: Request) -> bytes:
        connection = await Connection.to(self.subject.url)
        try:
            return await connection.send(request)
        finally:
            connection.close()

    async def close(self) -> None:
        """Nothing is left behind."""

    def publish(self, name: str) -> Request:
        raise NotImplementedError

    def descriptor(self) -> Request:
        raise NotImplementedError

    def file(self) -> Request:
        raise NotImplementedError

    def get(self, path: str, authorization: str | None = None) -> Request:
        return request("GET", path, authorization=authorization)


class Couchreg(_Peer):
    """The package as a form."""

    def publish(self, name: str) -> Request:
        descriptor = json.dumps({"name": name, "resources": [RESOURCE]}).encode()
        parts = [("datapackage.json", "application/json", descriptor), ("table.csv", "text/csv", TABLE)]
        body = b"".join(
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{path}"; filename="{path}"\r\n'
            f"Content-Type: {kind}\r\n\r\n".encode()
            + data
            + b"\r\n"
            for path, kind, data in parts
        )
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        return request(
            "PUT", f"/{name}/1.0.0", body + f"--{BOUNDARY}--\r\n".encode(), kind, self.authorization
        )

    def descriptor(self) -> Request:
        return self.get("/read/1.0.0")

    def file(self) -> Request:
        return self.get("/read/1.0.0/table.csv")


class Verdaccio(_Peer):
    """The table in the tarball of an npm package."""

    def __init__(self, name: str, subject: Subject) -> None:
        super().__init__(name, subject)
        self._tarball = tarball()

    async def prepare(self) -> None:
        user = {"name": "bench", "password": "bench-of-packages", "email": "bench@example.org"}
        body = json.dumps(user).encode()
        answer = await self.send(request("PUT", "/-/user/org.couchdb.user:bench", body, "application/json"))
        self.authorization = f"Bearer {json.loads(answer)['token']}"
        await super().prepare()

    def publish(self, name: str) -> Request:
        file = f"{name}-1.0.0.tgz"
        dist = {
            "shasum": hashlib.sha1(self._tarball, usedforsecurity=False).hexdigest(),
            "tarball": f"{self.subject.url}/{name}/-/{file}",
        }
        version = {"name": name, "version": "1.0.0", "description": "a table", "schema": SCHEMA, "dist": dist}
        attached = {
            "content_type": "application/octet-stream",
            "data": base64.b64encode(self._tarball).decode(),
            "length": len(self._tarball),
        }
        members: dict[str, Any] = {"_id": name, "name": name, "dist-tags": {"latest": "1.0.0"}}
        members |= {"versions": {"1.0.0": version}, "_attachments": {file: attached}}
        return request(
            "PUT", f"/{name}", json.dumps(members).encode(), "application/json", self.authorization
        )

    def descriptor(self) -> Request:
        return self.get("/read/1.0.0")

    def file(self) -> Request:
        return self.get("/read/-/read-1.0.0.tgz")


class CouchDB(_Peer):
    """The table as an attachment of a document, both in one request."""

    database = f"/bench-publishing-{os.getpid()}"

    async def prepare(self) -> None:
        await self.send(request("PUT", self.database, authorization=self.authorization))
        await super().prepare()

    def publish(self, name: str) -> Request:
        listed = {"table.csv": {"follows": True, "content_type": "text/csv", "length": len(TABLE)}}
        document = json.dumps({"name": name, "resources": [RESOURCE], "_attachments": listed}).encode()
        mark = f"--{BOUNDARY}".encode()
        body = mark + b"\r\nContent-Type: application/json\r\n\r\n" + document + b"\r\n"
        body += mark + b"\r\n\r\n" + TABLE + b"\r\n" + mark + b"--"
        kind = f'multipart/related; boundary="{BOUNDARY}"'
        return request("PUT", f"{self.database}/{name}@1.0.0", body, kind, self.authorization)

    def descriptor(self) -> Request:
        return self.get(f"{self.database}/read@1.0.0", self.authorization)

    def file(self) -> Request:
        return self.get(f"{self.database}/read@1.0.0/table.csv", self.authorization)

    async def close(self) -> None:
        await self.send(request("DELETE", self.database, authorization=self.authorization))


def request(
    method: str, path: str, body: bytes = b"", kind: str | None = None, authorization: str | None = None
) -> Request:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: */*", f"Content-Length: {len(body)}"]
    lines += [f"Content-Type: {kind}"] if kind else []
    lines += [f"Authorization: {authorization}"] if authorization else []
    return "\r\n".join([*lines, "", ""]).encode() + body


def login_of(url: str) -> str | None:
    parts = urlsplit(url)
    if not parts.username:
        return None
    return "Basic " + base64.b64encode(f"{parts.username}:{parts.password or ''}".encode()).decode()


def tarball() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, data in (
            ("package/package.json", json.dumps(RESOURCE).encode()),
            ("package/table.csv", TABLE),
        ):
            entry = tarfile.TarInfo(f"package/{path}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()
