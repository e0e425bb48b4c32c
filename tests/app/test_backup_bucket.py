"""Backups in a bucket: of a server at work, verified, restored, and what becomes of damaged ones."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import CliRunner, Result

from couchreg.app.backup import Done
from couchreg.app.backup_bucket import LISTING, BucketBackup, bucket_backup
from couchreg.blobstore.s3.options import S3Options
from couchreg.blobstore.s3.store import S3BlobStore
from couchreg.cli.main import cli
from couchreg.config import CannotStart, Settings, load
from couchreg.errors import Unavailable
from tests.answering import Answering, answering
from tests.app.test_backup import publish
from tests.conftest import ServerFactory
from tests.s3_servers import S3Server, new_bucket

pytestmark = pytest.mark.directory_only


@pytest.fixture
async def bucket(request: pytest.FixtureRequest) -> S3Options:
    server: S3Server = request.getfixturevalue(getattr(request, "param", "own_s3_server"))
    return replace(await new_bucket(server), prefix="backups/one")


@pytest.fixture
async def objects(bucket: S3Options) -> AsyncIterator[S3BlobStore]:
    store = await S3BlobStore.connect(bucket)
    yield store
    await store.close()


@pytest.fixture
def command(bucket: S3Options) -> Callable[..., Result]:
    env = {
        "COUCHREG_S3_ENDPOINT": bucket.endpoint,
        "COUCHREG_S3_ACCESS_KEY_ID": bucket.access_key,
        "COUCHREG_S3_SECRET_ACCESS_KEY": bucket.secret_key,
    }
    return lambda *words: CliRunner().invoke(cli, [str(word) for word in words], env=env)


def settings(bucket: S3Options, data: Path) -> Settings:
    given = {
        "data_dir": data,
        "s3_endpoint": bucket.endpoint,
        "s3_access_key_id": bucket.access_key,
        "s3_secret_access_key": bucket.secret_key,
    }
    return load(given, environ={})


async def keys(store: S3BlobStore, prefix: str = "") -> set[str]:
    return {blob.key async for blob in store.keys(prefix)}


async def versions(url: str) -> dict[str, bytes]:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{url}/-/versions/small") as answer:
            rows = (await answer.json())["versions"]
        found = {}
        for row in rows:
            async with session.get(f"{url}/small/{row['version']}/data/words.csv") as answer:
                found[row["version"]] = await answer.read()
        return found


@pytest.mark.parametrize("bucket", ["own_s3_server", "rclone_server"], indirect=True)
async def test_a_server_at_work_comes_back_elsewhere(
    server: ServerFactory, bucket: S3Options, objects: S3BlobStore, command: Any, tmp_path: Path
) -> None:
    app = await server(validation="off")
    data, address = app.settings.data_dir, bucket.address
    async with aiohttp.ClientSession() as session:
        for version in ("1.0.0", "2.0.0"):
            await publish(session, app.registry_url, version)
        done = await asyncio.to_thread(command, "backup", address, "--data-dir", data)
        assert done.exit_code == 0, done.output
        first, files = await keys(objects, "states/"), await keys(objects, "datastore/")
        assert "datastore/small/1.0.0/data/words.csv" in files
        await publish(session, app.registry_url, "3.0.0")
    seq = await (await app.store.open("registry")).update_seq()
    await app.followers["datastore"].caught_up(seq)
    again = await asyncio.to_thread(command, "backup", address, "--data-dir", data)
    assert again.exit_code == 0, again.output
    added, kept = [int(word) for word in again.output.splitlines()[1].split() if word.isdecimal()][:2]
    assert 0 < added < kept, "only what is new is put"
    assert added + kept == len(await keys(objects, "datastore/")), "each is counted once"
    assert not first & await keys(objects, "states/"), "the state before is gone"
    assert len(await keys(objects, "manifests/")) == 1
    sound = await asyncio.to_thread(command, "backup", "verify", address)
    assert (sound.exit_code, "is sound" in sound.output) == (0, True), sound.output
    stranger = tmp_path / "stranger"
    await (await server(data_dir=stranger)).stop()
    refused = await asyncio.to_thread(command, "backup", address, "--data-dir", stranger)
    assert "the backup of another registry" in str(refused.exception)
    expected = await versions(app.registry_url)
    await app.stop()
    new = tmp_path / "new"
    restored = await asyncio.to_thread(command, "restore", address, "--data-dir", new)
    assert restored.exit_code == 0, restored.output
    assert new.stat().st_mode & 0o777 == 0o700
    other = await server(data_dir=new, validation="off")
    assert await versions(other.registry_url) == expected
    assert set(expected) == {"1.0.0", "2.0.0", "3.0.0"}


@pytest.fixture
async def backed_up(
    server: ServerFactory, bucket: S3Options, tmp_path: Path
) -> AsyncIterator[tuple[BucketBackup, Path]]:
    app = await server(validation="off")
    async with aiohttp.ClientSession() as session:
        await publish(session, app.registry_url, "1.0.0")
    data = app.settings.data_dir
    await app.stop()
    async with bucket_backup(settings(bucket, data), bucket.address) as found:
        await found.make(data, bytes_at=None)
        yield found, data


async def make(backed_up: tuple[BucketBackup, Path]) -> Done:
    return await backed_up[0].make(backed_up[1], bytes_at=None)


async def test_what_goes_here_goes_there_and_what_is_another_is_put_again(
    backed_up: tuple[BucketBackup, Path], objects: S3BlobStore
) -> None:
    folder = backed_up[1] / "datastore" / "small" / "1.0.0"
    gone, changed = folder / "data" / "words.csv", folder / "datapackage.json"
    gone.unlink()
    size = len(changed.read_bytes())
    changed.unlink()
    changed.write_bytes(b"{" + b" " * (size - 2) + b"}")
    done = await make(backed_up)
    assert (done.copied, done.removed) == (1, 1)
    assert "datastore/small/1.0.0/data/words.csv" not in await keys(objects)
    read = b"".join([chunk async for chunk in objects.open("datastore/small/1.0.0/datapackage.json")])
    assert read == changed.read_bytes()
    done = await make(backed_up)
    assert (done.copied, done.removed) == (0, 0)
    [listing] = [key for key in await keys(objects, "states/") if key.endswith(LISTING)]
    await objects.delete(listing)
    assert (await make(backed_up)).copied == 0, "without the listing all is read and compared"


async def test_of_two_at_once_one_is_told(backed_up: tuple[BucketBackup, Path], objects: S3BlobStore) -> None:
    told = await asyncio.gather(*(make(backed_up) for _ in range(2)), return_exceptions=True)
    lost = [one for one in told if not isinstance(one, Done)]
    assert len(lost) <= 1
    assert all(isinstance(one, CannotStart) and "came first" in one.reason for one in lost)
    manifest = await backed_up[0].manifest()
    assert {f"states/{manifest.state}/{name}" for name in manifest.files} <= await keys(objects, "states/")


async def test_a_backup_that_breaks_off_leaves_the_one_before(
    backed_up: tuple[BucketBackup, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = await backed_up[0].manifest()

    async def broken(self: BucketBackup, number: int, manifest: Any) -> None:
        raise RuntimeError("broken off")

    with monkeypatch.context() as patch:
        patch.setattr(BucketBackup, "_tell", broken)
        with pytest.raises(RuntimeError):
            await make(backed_up)
    assert await backed_up[0].manifest() == made
    assert (await backed_up[0].restore(tmp_path / "new")).databases == len(made.files)


async def test_verifying_names_what_is_wrong(
    backed_up: tuple[BucketBackup, Path], objects: S3BlobStore, command: Any, tmp_path: Path
) -> None:
    state = f"states/{(await backed_up[0].manifest()).state}/server.sqlite"
    for key in (state, "datastore/small/1.0.0/data/words.csv"):
        data = b"".join([chunk async for chunk in objects.open(key)])
        flipped = bytearray(data)
        flipped[len(data) // 2] ^= 255
        for body in (None, bytes(flipped)):
            if body is None:
                await objects.delete(key)
            else:
                await objects.calls("put_object", Key=objects.options.key(key), Body=body)
            done = await asyncio.to_thread(command, "backup", "verify", objects.options.address)
            assert done.exit_code == 1, done.output
            assert ("is missing" if body is None else "other bytes") in done.output
            assert Path(key).name in done.output
            if key == state:
                with pytest.raises(CannotStart, match="Nothing was restored"):
                    await backed_up[0].restore(tmp_path / "new")
                assert not (tmp_path / "new").exists()
        await objects.calls("put_object", Key=objects.options.key(key), Body=data)


async def test_nothing_is_overwritten_and_nothing_believed(
    backed_up: tuple[BucketBackup, Path], bucket: S3Options, tmp_path: Path, command: Any
) -> None:
    with pytest.raises(CannotStart, match="is not empty"):
        await backed_up[0].restore(backed_up[1])
    with pytest.raises(CannotStart, match="There is no couchreg"):
        await backed_up[0].make(tmp_path / "nowhere", bytes_at=None)
    empty = await asyncio.to_thread(command, "backup", "verify", f"s3://{bucket.bucket}/other")
    assert isinstance(empty.exception, CannotStart)
    for inside in (bucket.address, f"{bucket.address}/files", f"s3://{bucket.bucket}"):
        with pytest.raises(CannotStart, match="where the server keeps its files"):
            async with bucket_backup(replace(settings(bucket, tmp_path), blobstore=inside), bucket.address):
                pass


async def test_a_place_that_holds_something_else_is_left_alone(
    server: ServerFactory, bucket: S3Options, objects: S3BlobStore, command: Any
) -> None:
    """As a copy of a datastore: what is not in the data directory would be removed."""
    await objects.calls("put_object", Key=objects.options.key("datastore/other/1.0.0/a.csv"), Body=b"a")
    app = await server(validation="off")
    data = app.settings.data_dir
    done = await asyncio.to_thread(command, "backup", bucket.address, "--data-dir", data)
    assert isinstance(done.exception, CannotStart)
    assert "holds something else (datastore/other/1.0.0/a.csv)" in done.exception.reason
    assert await keys(objects) == {"datastore/other/1.0.0/a.csv"}
    await objects.delete("datastore/other/1.0.0/a.csv")
    async with bucket_backup(settings(bucket, data), bucket.address) as found:
        await found._begin()  # and was broken off
        await objects.calls("put_object", Key=objects.options.key("datastore/small/a"), Body=b"a")
        assert (await found.make(data, bytes_at=None)).removed == 1


async def test_a_bucket_that_cannot_be_asked_is_named(
    bucket: S3Options, tmp_path: Path, command: Any, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "server.sqlite").touch()
    for address in ("s3://", "s3://b?x=1"):
        done = await asyncio.to_thread(command, "backup", address, "--data-dir", tmp_path)
        assert isinstance(done.exception, CannotStart)
        assert address.rstrip("/") in done.exception.reason
    for address in ("S3://bucket", "https://bucket"):
        for words in (["backup", address], ["backup", "verify", address], ["restore", address]):
            done = await asyncio.to_thread(command, *words, "--data-dir", tmp_path)
            assert (done.exit_code, "neither a folder" in done.output) == (2, True)
    away = replace(settings(bucket, tmp_path), s3_endpoint="http://127.0.0.1:1")
    with pytest.raises(Unavailable, match=bucket.address):
        async with bucket_backup(away, bucket.address):
            pass
    assert "tried again" not in caplog.text
    with answering(Nothing) as url:
        other = replace(settings(bucket, tmp_path), s3_endpoint=url)
        with pytest.raises(CannotStart, match="does not speak as S3 does"):
            async with bucket_backup(other, bucket.address):
                pass


class Nothing(Answering):
    """A server of something else."""

    def do_PUT(self) -> None:
        """Without reading what comes, which waits to be asked for."""
        self.close_connection = True
        self.send_response(404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_DELETE = do_PUT
