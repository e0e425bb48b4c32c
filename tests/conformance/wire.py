"""Requests and replies of the corpus: sending exactly the recorded bytes, reading whatever comes back.

Knows the notation of a recorded request (README.md here) and HTTP; comparing is `matching.py`'s.
"""

import base64
import contextlib
import http.client
import json
import re
import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

BODY_KINDS = ("json", "text", "base64", "multipart", "json_lines", "events")
_PLACEHOLDER = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
_PART_HEADERS = {"content-type", "content-disposition", "content-encoding", "content-length", "content-range"}
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")


class Silence(Exception):
    """The server did not finish its answer within the time allowed."""


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]  # by lower-case name
    cookies: list[str]
    body: bytes

    def member(self, where: str) -> Any:
        """A value to remember: a dotted path into the JSON body, `header:NAME` or `cookie:NAME`."""
        kind, _, name = where.partition(":")
        if kind == "header":
            return self.headers[name]
        if kind == "cookie":
            return next(c for c in self.cookies if c.startswith(name + "=")).split(";")[0]
        value = json.loads(self.body)
        for key in where.split("."):
            value = value[int(key)] if isinstance(value, list) else value[key]
        return value


def expand(value: Any, variables: Mapping[str, str]) -> Any:
    """The value with `{name}` replaced in every string, member names among them."""
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda m: variables.get(m[1], m[0]), value)
    if isinstance(value, list):
        return [expand(item, variables) for item in value]
    if isinstance(value, dict):
        return {expand(key, variables): expand(item, variables) for key, item in value.items()}
    return value


def encode(message: Mapping[str, Any]) -> tuple[bytes | None, str | None]:
    """The bytes of a request or part, and the content type it has when none is recorded."""
    if "json" in message:
        text = json.dumps(message["json"], ensure_ascii=False, separators=(",", ":"))
        return text.encode(), "application/json"
    if "text" in message:
        return message["text"].encode(), None
    if "base64" in message:
        return base64.b64decode(message["base64"]), None
    if "multipart" in message:
        spec = message["multipart"]
        kind = spec.get("subtype", "related")
        return _encode_multipart(spec), f'multipart/{kind}; boundary="{spec["boundary"]}"'
    return None, None


def _encode_multipart(spec: Mapping[str, Any]) -> bytes:
    boundary = spec["boundary"].encode()
    out = bytearray(spec.get("preamble", "").encode())
    for part in spec["parts"]:
        data, content_type = encode(part)
        headers = dict(part.get("headers", {}))
        if content_type and "content-type" not in map(str.lower, headers):
            headers["Content-Type"] = content_type
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value is not None)
        out += b"--%b\r\n%b\r\n%b\r\n" % (boundary, head.encode(), data or b"")
    return bytes(out if spec.get("unclosed") else out + b"--" + boundary + b"--")


def decode(data: bytes, content_type: str, kind: str | None = None) -> tuple[str, Any]:
    """(kind, value) of a body, read as `kind` or as its content type says."""
    kind = kind or _kind(data, content_type)
    match kind:
        case "json":
            return kind, json.loads(data)
        case "json_lines":
            return kind, [json.loads(line) for line in data.splitlines() if line.strip()]
        case "events":
            return kind, _events(data.decode())
        case "multipart":
            return kind, _parts(data, content_type)
        case "text":
            text = data.decode()
            return kind, text.rstrip("\n") if content_type.startswith("application/json") else text
    return kind, base64.b64encode(data).decode()


def _kind(data: bytes, content_type: str) -> str:
    plain = content_type.split(";")[0].strip().lower()
    if plain.startswith("multipart/"):
        return "multipart"
    if plain == "application/json":
        return "json"
    try:
        data.decode()
    except UnicodeDecodeError:
        return "base64"
    return "base64" if _CONTROL.search(data) else "text"


def plain_type(content_type: str) -> str:
    """A content type in one spelling, without a multipart boundary."""
    head, *rest = (piece.strip().lower() for piece in content_type.split(";"))
    return "; ".join([head, *(p for p in rest if p and not p.startswith("boundary="))])


def _parts(body: bytes, content_type: str) -> list[dict[str, Any]]:
    found = re.search(r'boundary="?([^";]+)"?', content_type)
    if found is None:
        raise ValueError("multipart without a boundary")
    parts = []
    for chunk in body.split(b"--" + found[1].encode())[1:]:
        if chunk.startswith(b"--"):
            break
        parts.append(_part(chunk))
    return parts


def _part(chunk: bytes) -> dict[str, Any]:
    head, _, data = chunk.partition(b"\r\n\r\n")
    pairs = (line.partition(":") for line in head.decode().split("\r\n"))
    all_headers = {name.lower(): value.strip() for name, colon, value in pairs if colon}
    headers = {name: value for name, value in all_headers.items() if name in _PART_HEADERS}
    kind, value = decode(data.removesuffix(b"\r\n"), headers.get("content-type", ""))
    if kind in ("json", "multipart"):
        headers.pop("content-length", None)
    if "content-type" in headers:
        headers["content-type"] = plain_type(headers["content-type"])
    return {"headers": headers, kind: value}


def _events(text: str) -> list[dict[str, Any]]:
    """Server-sent events without comments and heartbeats."""
    events = []
    for block in re.split(r"\r?\n\r?\n", text):
        pairs = (line.partition(":") for line in block.splitlines())
        event: dict[str, Any] = {name: value.strip() for name, colon, value in pairs if name and colon}
        if "data" in event and event.get("event") != "heartbeat":
            events.append({**event, "data": json.loads(event["data"]) if event["data"] else ""})
    return events


class Client:
    """Sends recorded requests to one server, each on a connection of its own."""

    def __init__(self, base_url: str, admin: tuple[str, str], timeout: float) -> None:
        url = urllib.parse.urlsplit(base_url)
        self.base_url, self.admin, self.timeout = base_url.rstrip("/"), admin, timeout
        self._host, self._port, self._prefix = url.hostname or "", url.port, url.path.rstrip("/")

    def send(
        self,
        recorded: Mapping[str, Any],
        variables: Mapping[str, str],
        passwords: Mapping[str, str] | None = None,
    ) -> Reply:
        request = expand(recorded, variables)
        body, content_type = encode(request)
        headers = {"Accept": "application/json"} | self._authorization(request, variables, passwords or {})
        if body is not None:
            headers |= {"Content-Length": str(len(body)), "Content-Type": content_type or "application/json"}
        elif request["method"] in ("PUT", "POST"):
            headers["Content-Length"] = "0"
        path = self._prefix + request["path"]
        if request.get("query"):
            path += "?" + urllib.parse.urlencode(request["query"], quote_via=urllib.parse.quote)
        headers = _override(headers, request.get("headers", {}))
        return self._exchange(request["method"], path, headers, body, request.get("stop_after", 0))

    def _authorization(
        self, request: Mapping[str, Any], variables: Mapping[str, str], passwords: Mapping[str, str]
    ) -> dict[str, str]:
        who = request.get("auth", "admin")
        if who == "none":
            return {}
        name, password = self.admin if who == "admin" else (variables[who], passwords[who])
        return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}

    def _exchange(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, stop_after: int
    ) -> Reply:
        deadline = time.monotonic() + self.timeout
        connection = http.client.HTTPConnection(self._host, self._port, timeout=self.timeout)
        try:
            response = _ask(connection, method, path, headers, body)
            data = _read(response, connection, deadline, stop_after)
        except TimeoutError:
            raise Silence(f"no complete reply to {method} {path} in {self.timeout:g} s") from None
        finally:
            connection.close()
        replied = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, replied, response.headers.get_all("set-cookie") or [], data)


def _override(headers: dict[str, str], recorded: Mapping[str, str | None]) -> dict[str, str]:
    """Recorded headers replace the usual ones whatever their case; a null removes one."""
    names = {name.lower() for name in recorded}
    kept = {name: value for name, value in headers.items() if name.lower() not in names}
    return kept | {name: value for name, value in recorded.items() if value is not None}


def _ask(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes | None,
) -> http.client.HTTPResponse:
    connection.putrequest(method, path, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value.encode())
    connection.endheaders()
    if body:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # an early answer may be readable
            connection.send(body)
    return connection.getresponse()


def _read(
    response: http.client.HTTPResponse,
    connection: http.client.HTTPConnection,
    deadline: float,
    stop_after: int,
) -> bytes:
    """The whole body, or the first `stop_after` lines of an endless one."""
    data = b""
    while True:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        if connection.sock is not None:
            connection.sock.settimeout(remaining)
        chunk = response.read1(65536)
        if not chunk:
            return data
        data += chunk
        lines = [line for line in data.split(b"\n")[:-1] if line.strip()]
        if stop_after and len(lines) >= stop_after:
            return b"\n".join(lines[:stop_after])
