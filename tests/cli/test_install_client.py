"""Installing from registries that break off, lie or attack."""

import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from couchreg.client import ClientError, Registry
from couchreg.client.errors import Damaged, Unreachable, UsageError
from couchreg.client.install import PARTS

DATA = bytes(range(256)) * 4096  # 1 MiB
Serve = Callable[[web.Application], Awaitable[Any]]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class FakeRegistry:
    """Serves one version `p@1` with given files, and remembers what was asked."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.hashes = {path: sha256(data) for path, data in files.items()}
        self.cut: dict[str, int] = {}  # path -> bytes after which the connection breaks, once
        self.always_cut = False
        self.ranges = True
        self.asked: list[tuple[str, str | None]] = []
        self.app = web.Application()
        self.app.router.add_get("/p/{version}", self.descriptor)
        self.app.router.add_get("/p/1/{path:.+}", self.file)

    async def descriptor(self, request: web.Request) -> web.Response:
        files = [
            {
                "path": path,
                "bytes": len(data),
                "hash": f"sha256:{self.hashes[path]}",
                "url": "http://192.0.2.1/",
            }
            for path, data in self.files.items()
        ]
        return web.json_response({"name": "p", "version": "1", "resources": [], "couchreg": {"files": files}})

    async def file(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        self.asked.append((path, request.headers.get("Range")))
        data, start = self.files[path], 0
        if self.ranges and "Range" in request.headers:
            start = request.http_range.start or 0
        headers = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if start else {}
        response = web.StreamResponse(status=206 if start else 200, headers=headers)
        response.content_length = len(data) - start
        await response.prepare(request)
        cut = self.cut.get(path) if self.always_cut else self.cut.pop(path, None)
        await response.write(data[start:] if cut is None else data[start : start + cut])
        if cut is not None and request.transport is not None:
            request.transport.close()
        return response


async def install(serve: Serve, fake: FakeRegistry, folder: Path, **options: Any) -> Any:
    server = await serve(fake.app)
    async with Registry(str(server.make_url("/"))) as registry:
        return await registry.install("p", None, folder, **options)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def fake() -> FakeRegistry:
    return FakeRegistry({"datapackage.json": b'{"name": "p"}', "data/a b.csv": DATA, "ü%2F.csv": b"x\n1\n"})


async def test_writes_every_file(aiohttp_server: Serve, fake: FakeRegistry, tmp_path: Path) -> None:
    result = await install(aiohttp_server, fake, tmp_path / "p")
    assert tree(tmp_path / "p") == fake.files
    assert result.version == "1"
    assert set(result.written) == set(fake.files)


async def test_goes_on_where_a_connection_broke(
    aiohttp_server: Serve, fake: FakeRegistry, tmp_path: Path
) -> None:
    fake.cut = {"data/a b.csv": 300_000}
    done: list[int] = []
    await install(aiohttp_server, fake, tmp_path / "p", progress=done.append)
    assert tree(tmp_path / "p") == fake.files
    asked = [wanted for path, wanted in fake.asked if path == "data/a b.csv"]
    assert asked[0] is None
    assert asked[1] is not None
    assert 0 < int(asked[1].removeprefix("bytes=").removesuffix("-")) <= 300_000
    assert sum(done) == sum(map(len, fake.files.values()))


async def test_a_later_run_goes_on_with_what_came(
    aiohttp_server: Serve, fake: FakeRegistry, tmp_path: Path
) -> None:
    fake.cut, fake.always_cut = {"data/a b.csv": 0}, True
    part = tmp_path / "p" / PARTS / f"{sha256(DATA)}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(DATA[:1000])
    with pytest.raises(Unreachable):
        await install(aiohttp_server, fake, tmp_path / "p")
    assert part.read_bytes() == DATA[:1000]
    assert not (tmp_path / "p" / "datapackage.json").exists()
    again = FakeRegistry(fake.files)
    await install(aiohttp_server, again, tmp_path / "p")
    assert ("data/a b.csv", "bytes=1000-") in again.asked
    assert tree(tmp_path / "p") == fake.files


async def test_starts_over_when_ranges_are_not_served(
    aiohttp_server: Serve, fake: FakeRegistry, tmp_path: Path
) -> None:
    fake.ranges, fake.cut = False, {"data/a b.csv": 300_000}
    await install(aiohttp_server, fake, tmp_path / "p")
    assert tree(tmp_path / "p") == fake.files


async def test_a_bad_beginning_is_fetched_again(
    aiohttp_server: Serve, fake: FakeRegistry, tmp_path: Path
) -> None:
    parts = tmp_path / "p" / PARTS
    parts.mkdir(parents=True)
    (parts / f"{sha256(DATA)}.part").write_bytes(b"\0" * (len(DATA) + 10))
    await install(aiohttp_server, fake, tmp_path / "p")
    assert tree(tmp_path / "p") == fake.files


async def test_refuses_bytes_that_were_not_published(
    aiohttp_server: Serve, fake: FakeRegistry, tmp_path: Path
) -> None:
    fake.hashes["data/a b.csv"] = sha256(b"something else")
    with pytest.raises(Damaged, match=r"data/a b\.csv"):
        await install(aiohttp_server, fake, tmp_path / "p")
    assert not (tmp_path / "p" / "data").exists()
    assert not (tmp_path / "p" / "datapackage.json").exists()


@pytest.mark.parametrize(
    "path",
    [
        "../evil",
        "/etc/evil",
        "a/../../evil",
        "c:\\evil",
        "a\\..\\..\\evil",
        "C:evil",
        "a//b",
        "./a",
        "",
        "a\0b",
        "a\nb",
        f"{PARTS}/x.part",
        "_design/x",
    ],
)
async def test_refuses_paths_that_lead_elsewhere(aiohttp_server: Serve, tmp_path: Path, path: str) -> None:
    fake = FakeRegistry({"datapackage.json": b"{}", path: b"evil"})
    with pytest.raises(ClientError):
        await install(aiohttp_server, fake, tmp_path / "deep" / "p")
    assert not tree(tmp_path)
    assert fake.asked == []


@pytest.mark.parametrize("pair", [("data", "data/a"), ("x/y", "x/y/z/w")])
async def test_refuses_a_file_in_the_place_of_a_folder(
    aiohttp_server: Serve, tmp_path: Path, pair: tuple[str, str]
) -> None:
    fake = FakeRegistry({"datapackage.json": b"{}", pair[0]: b"1", pair[1]: b"2"})
    with pytest.raises(Damaged, match="two files"):
        await install(aiohttp_server, fake, tmp_path / "p")


async def test_never_writes_through_a_link_out_of_the_folder(
    aiohttp_server: Serve, fake: FakeRegistry, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "data").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="link"):
        await install(aiohttp_server, fake, tmp_path / "p", force=True)
    assert not tree(tmp_path / "elsewhere")


async def test_keeps_what_is_there_and_replaces_only_by_force(
    aiohttp_server: Serve, fake: FakeRegistry, tmp_path: Path
) -> None:
    await install(aiohttp_server, fake, tmp_path / "p")
    again = FakeRegistry(fake.files)
    result = await install(aiohttp_server, again, tmp_path / "p")
    assert again.asked == []
    assert set(result.kept) == set(fake.files)
    (tmp_path / "p" / "data" / "a b.csv").write_bytes(b"mine")
    with pytest.raises(UsageError, match="--force"):
        await install(aiohttp_server, FakeRegistry(fake.files), tmp_path / "p")
    assert (tmp_path / "p" / "data" / "a b.csv").read_bytes() == b"mine"
    await install(aiohttp_server, FakeRegistry(fake.files), tmp_path / "p", force=True)
    assert tree(tmp_path / "p") == fake.files


async def test_same_bytes_in_two_places(aiohttp_server: Serve, tmp_path: Path) -> None:
    fake = FakeRegistry({"datapackage.json": b"{}", "a": DATA, "b/c": DATA, "empty": b"", "empty2": b""})
    await install(aiohttp_server, fake, tmp_path / "p")
    assert tree(tmp_path / "p") == fake.files


async def test_a_longer_file_than_announced_is_cut_off(aiohttp_server: Serve, tmp_path: Path) -> None:
    fake = FakeRegistry({"datapackage.json": b"{}", "a": DATA})
    described = FakeRegistry({"datapackage.json": b"{}", "a": DATA[:1000]})
    fake.descriptor = described.descriptor  # type: ignore[method-assign]
    fake.app = web.Application()
    fake.app.router.add_get("/p/{version}", described.descriptor)
    fake.app.router.add_get("/p/1/{path:.+}", fake.file)
    with pytest.raises(Damaged, match="longer"):
        await install(aiohttp_server, fake, tmp_path / "p")


async def answering(serve: Serve, status: int, text: str, content_type: str) -> str:
    """The address of a server that answers everything alike."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=text, content_type=content_type, headers={"Retry-After": "7"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    return str((await serve(app)).make_url("/"))


@pytest.mark.parametrize(
    ("status", "text", "kind", "said"),
    [
        (404, '{"error": "not_found", "reason": "missing"}', ClientError, "not a couchreg registry"),
        (404, "<h1>no</h1>", ClientError, "in front of the registry"),
        (200, "<h1>yes</h1>", ClientError, "not a couchreg registry"),
        (200, "[]", ClientError, "not a couchreg registry"),
        (200, "{}", ClientError, "not a couchreg registry"),
        (503, '{"error": "service_unavailable", "reason": "Busy."}', Unreachable, "Busy. Try again in 7"),
        (502, "<h1>bad gateway</h1>", Unreachable, "502"),
    ],
)
async def test_what_a_server_says_is_told_in_plain_words(
    aiohttp_server: Serve, tmp_path: Path, status: int, text: str, kind: type[ClientError], said: str
) -> None:
    content_type = "text/html" if text.startswith("<") else "application/json"
    url = await answering(aiohttp_server, status, text, content_type)
    async with Registry(url) as registry:
        with pytest.raises(kind, match=said):
            await registry.install("nothing", "2", tmp_path / "p")
    assert not (tmp_path / "p").exists()
