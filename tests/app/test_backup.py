"""A backup of a server at work, and what becomes of it elsewhere."""

import asyncio
import errno
import fcntl
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import CliRunner, Result

from couchreg.app import backup as backups
from couchreg.app.mirrored_files import Links
from couchreg.cli.main import cli
from couchreg.config import CannotStart
from couchreg.errors import CouchregError
from tests.app.people import Client
from tests.conftest import ServerFactory
from tests.packages import related, small
from tests.processes import ADMIN, Server, running

pytestmark = pytest.mark.directory_only


def command(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words), env={"COUCHREG_VALIDATION": ""})


async def publish(session: aiohttp.ClientSession, url: str, version: str) -> None:
    body, headers = related(small(text=f"id,word\n1,{version}\n"))
    headers["Authorization"] = aiohttp.encode_basic_auth(*ADMIN)
    async with session.put(f"{url}/small/{version}", data=body, headers=headers) as answer:
        assert answer.status == 201, await answer.text()


class Load:
    """Somebody who writes all the time: documents, fifty a second, and versions."""

    def __init__(self, server: Server, session: aiohttp.ClientSession) -> None:
        self.server = server
        self.session = session
        self.written: dict[str, str] = {}  # id -> revision, of what was acknowledged
        self.published: list[str] = []

    async def run(self) -> None:
        couch = Client(self.session, self.server.couch_url)
        for number in range(100_000):
            doc = f"doc-{number}"
            status, answer = await couch("PUT", f"/db/{doc}", {"number": number})
            assert status == 201, answer
            self.written[doc] = answer["rev"]
            if number % 10 == 0:
                await publish(self.session, self.server.registry_url, f"{number}.0.0")
                self.published.append(f"{number}.0.0")
            await asyncio.sleep(0.015)


async def revisions(session: aiohttp.ClientSession, server: Server, database: str) -> dict[str, str]:
    _, found = await Client(session, server.couch_url)("GET", f"/{database}/_all_docs")
    return {row["id"]: row["value"]["rev"] for row in found["rows"]}


async def test_every_write_that_was_acknowledged_before_is_there_elsewhere(tmp_path: Path) -> None:
    data, copy, new = tmp_path / "data", tmp_path / "copy", tmp_path / "new"
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        with running(data) as server:
            await Client(session, server.couch_url)("PUT", "/db")
            load = Load(server, session)
            writing = asyncio.create_task(load.run())
            while len(load.written) < 25:
                await asyncio.sleep(0.01)
            during = 0
            while (
                during < 2
            ):  # the second time there is one already; on a slow machine nothing may come between
                before, published = dict(load.written), list(load.published)
                done = await asyncio.to_thread(command, "backup", str(copy), "--data-dir", str(data))
                assert done.exit_code == 0, done.output
                during += len(load.written) > len(before)
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            packages = await revisions(session, server, "registry")
        sound = await asyncio.to_thread(command, "backup", "verify", str(copy))
        assert (sound.exit_code, "is sound" in sound.output) == (0, True), sound.output
        restored = await asyncio.to_thread(command, "restore", str(copy), "--data-dir", str(new))
        assert restored.exit_code == 0, restored.output
        with running(new) as server:
            documents, versions = [await revisions(session, server, name) for name in ("db", "registry")]
            async with session.get(f"{server.registry_url}/small/0.0.0/data/words.csv") as answer:
                assert await answer.read() == b"id,word\n1,0.0.0\n"
    assert before.items() <= documents.items() <= load.written.items()
    assert {f"small@{version}" for version in published} <= versions.keys()
    assert versions.items() <= packages.items()


@pytest.fixture
async def backed_up(server: ServerFactory, tmp_path: Path) -> tuple[Path, Path]:
    """The data directory of a server that has stopped, and its backup."""
    app = await server(validation="off")
    async with aiohttp.ClientSession() as session:
        for version in ("1.0.0", "2.0.0"):
            await publish(session, app.registry_url, version)
    await app.stop()
    await asyncio.to_thread(backups.back_up, tmp_path / "data", tmp_path / "copy", bytes_at=None)
    return tmp_path / "data", tmp_path / "copy"


async def test_two_do_not_write_one_backup_at_once(backed_up: tuple[Path, Path], tmp_path: Path) -> None:
    data, copy = (str(path) for path in backed_up)
    with backups.held(Path(copy), fcntl.LOCK_EX):
        for words in (
            ("backup", copy, "--data-dir", data),
            ("backup", "verify", copy),
            ("restore", copy, "--data-dir", str(tmp_path / "new")),
        ):
            done = await asyncio.to_thread(command, *words)
            assert isinstance(done.exception, CannotStart), done.output
            assert "by another couchreg backup" in done.exception.reason
    assert not (tmp_path / "new").exists()
    with backups.held(Path(copy), fcntl.LOCK_SH):
        assert (await asyncio.to_thread(command, "backup", "verify", copy)).exit_code == 0
        assert (await asyncio.to_thread(command, "backup", copy, "--data-dir", data)).exit_code != 0
    assert (await asyncio.to_thread(command, "backup", copy, "--data-dir", data)).exit_code == 0


async def test_the_backup_of_another_server_stays_its_own(
    server: ServerFactory, backed_up: tuple[Path, Path], tmp_path: Path
) -> None:
    """Its files would go otherwise: a word mistyped behind --data-dir is enough."""
    other, (_, copy) = tmp_path / "other", backed_up
    await (await server(data_dir=other)).stop()
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    done = await asyncio.to_thread(command, "backup", str(copy), "--data-dir", str(other))
    assert isinstance(done.exception, CannotStart)
    assert "the backup of another registry" in done.exception.reason
    assert {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before
    manifest = json.loads((copy / "backup.json").read_bytes())
    del manifest["registry"]
    (copy / "backup.json").write_text(json.dumps({**manifest, "format": 1}))  # which did not say whose it was
    assert (await asyncio.to_thread(command, "backup", "verify", str(copy))).exit_code == 0
    (copy / "backup.json").write_text("{")
    done = await asyncio.to_thread(command, "backup", str(copy), "--data-dir", str(backed_up[0]))
    assert done.exit_code == 0, "what cannot be read is made again"


async def test_what_a_later_couchreg_backed_up_is_not_laid_out(
    backed_up: tuple[Path, Path], tmp_path: Path
) -> None:
    _, copy = backed_up
    manifest = json.loads((copy / "backup.json").read_bytes())
    text = b'{"format": 99}'
    (copy / "states" / manifest["state"] / "format").write_bytes(text)
    manifest["files"]["format"] = hashlib.sha256(text).hexdigest()
    (copy / "backup.json").write_text(json.dumps(manifest))
    done = await asyncio.to_thread(command, "restore", str(copy), "--data-dir", str(tmp_path / "new"))
    assert isinstance(done.exception, CannotStart)
    assert "format 99 of a later couchreg" in done.exception.reason
    assert not (tmp_path / "new").exists()


async def test_a_folder_that_is_no_backup_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    for words in (("backup", "verify"), ("restore",)):
        done = await asyncio.to_thread(command, *words, str(tmp_path / "other"))
        assert isinstance(done.exception, CannotStart)
    assert list((tmp_path / "other").iterdir()) == []


async def test_files_of_one_disk_are_links_and_what_is_gone_goes(backed_up: tuple[Path, Path]) -> None:
    data, copy = backed_up
    key = "small/1.0.0/data/words.csv"
    assert (copy / "datastore" / key).samefile(data / "datastore" / key)
    (data / "datastore" / key).unlink()
    done = await asyncio.to_thread(backups.back_up, data, copy, bytes_at=None)
    assert (done.copied, done.removed) == (0, 1)
    assert not (copy / "datastore" / key).exists()
    assert len(list((copy / "states").iterdir())) == 1
    assert (copy.stat().st_mode & 0o777, _modes(copy / "states")) == (0o700, {0o600})


def _modes(folder: Path) -> set[int]:
    return {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o700])
async def test_a_folder_that_was_there_is_closed_to_others(
    backed_up: tuple[Path, Path], tmp_path: Path, mode: int
) -> None:
    data, _ = backed_up
    target = tmp_path / "there"
    target.mkdir()
    target.chmod(mode)
    await asyncio.to_thread(backups.back_up, data, target, bytes_at=None)
    assert target.stat().st_mode & 0o777 == 0o700


async def test_no_backup_is_made_where_others_read(
    backed_up: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there").mkdir(mode=0o755)
    monkeypatch.setattr(Path, "chmod", lambda path, mode: None)  # a disk whose mode is that of the mount
    with pytest.raises(CannotStart, match=r"Others may read .*there, and a backup holds secrets: choose"):
        backups.back_up(backed_up[0], tmp_path / "there", bytes_at=None)
    assert list((tmp_path / "there").iterdir()) == []


async def test_a_file_is_counted_once(backed_up: tuple[Path, Path], tmp_path: Path) -> None:
    data, copy = backed_up
    files = len([path for path in (copy / "datastore").rglob("*") if path.is_file()])
    first = await asyncio.to_thread(backups.back_up, data, tmp_path / "anew", bytes_at=None)
    again = await asyncio.to_thread(backups.back_up, data, tmp_path / "anew", bytes_at=None)
    assert (first.copied, first.kept) == (files, 0)
    assert (again.copied, again.kept) == (0, files)


async def test_what_was_begun_on_a_disk_that_is_full_goes(
    backed_up: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, copy = backed_up
    before = backups.read_manifest(copy)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left")

    monkeypatch.setattr(os, "sync", full)
    with pytest.raises(OSError, match="No space left"):
        backups.back_up(data, copy, bytes_at=None)
    assert [path.name for path in (copy / "states").iterdir()] == [before.state]
    assert backups.read_manifest(copy) == before


async def test_on_another_disk_files_that_share_bytes_share_them_in_the_copy(
    backed_up: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, _ = backed_up
    one = data / "datastore" / "small" / "1.0.0" / "data" / "words.csv"
    (data / "datastore" / "small" / "3.0.0").mkdir()
    (data / "datastore" / "small" / "3.0.0" / "words.csv").hardlink_to(one)
    link = os.link

    def other_disk(source: Any, target: Any) -> None:
        if Path(source).is_relative_to(data):
            raise OSError(18, "Invalid cross-device link")
        link(source, target)

    monkeypatch.setattr(os, "link", other_disk)
    done = backups.Done()
    target = tmp_path / "elsewhere"
    for _ in range(2):
        Links(data / "datastore", target).follow(done)
    copy = target / "small" / "1.0.0" / "data" / "words.csv"
    assert copy.read_bytes() == one.read_bytes()
    assert not copy.samefile(one)
    assert copy.samefile(target / "small" / "3.0.0" / "words.csv")
    assert done.copied == done.kept > 5


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.unlink()  # it may be a link to the original
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("pattern", "damage", "told"),
    [
        ("states/*/databases/registry@*.db", _flip, "other bytes than were written"),
        ("states/*/server.sqlite", Path.unlink, "is missing"),
        ("datastore/small/1.0.0/data/words.csv", Path.unlink, "is missing"),
        ("datastore/small/1.0.0/data/words.csv", _flip, "other bytes than its document says"),
    ],
)
async def test_verifying_names_what_is_wrong(
    backed_up: tuple[Path, Path], pattern: str, damage: Any, told: str
) -> None:
    _, copy = backed_up
    [path] = copy.glob(pattern)
    damage(path)
    done = await asyncio.to_thread(command, "backup", "verify", str(copy))
    assert (done.exit_code, told in done.output, path.name in done.output) == (1, True, True), done.output
    assert list(copy.glob(".verify-*")) == []


async def test_nothing_is_overwritten(backed_up: tuple[Path, Path], tmp_path: Path) -> None:
    data, copy = backed_up
    for target in (data, data / "inside", tmp_path):
        with pytest.raises(CannotStart):
            backups.back_up(data, target, bytes_at=None)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("dear")
    with pytest.raises(CannotStart, match="holds something else"):
        backups.back_up(data, tmp_path / "other", bytes_at=None)
    with pytest.raises(CannotStart, match="is not empty"):
        backups.restore(copy, data)
    with pytest.raises(CannotStart, match="is no backup"):
        backups.restore(tmp_path / "other", tmp_path / "new")
    with pytest.raises(CannotStart, match="There is no couchreg"):
        backups.back_up(tmp_path / "nowhere", copy, bytes_at=None)


async def test_a_backup_that_breaks_off_leaves_the_one_before(
    backed_up: tuple[Path, Path], tmp_path: Path
) -> None:
    data, copy = backed_up
    made = backups.read_manifest(copy)
    [path] = (data / "databases").glob("_users@*.db")
    path.write_bytes(b"no database at all")
    with pytest.raises(CouchregError, match=path.name):
        backups.back_up(data, copy, bytes_at=None)
    assert backups.read_manifest(copy) == made
    assert backups.restore(copy, tmp_path / "new").databases == len(made.files)
