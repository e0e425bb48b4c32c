"""Databases that were put back from an older copy, beside the datastore as it is."""

import logging
import shutil
import time

import pytest

from couchreg.app.doctor import examine
from couchreg.cli.rebuild import run
from couchreg.config import CannotStart
from couchreg.docstore.maintenance import sweeper as sweeper_module
from couchreg.docstore.maintenance.audit import Audit
from couchreg.docstore.maintenance.sweeper import Sweeper
from couchreg.errors import Conflict
from couchreg.registry.rebuild.rebuild import Rebuild
from tests.conftest import ServerFactory
from tests.datastore.conftest import Client, Connect


def first_sweep(client: Client) -> Sweeper:
    """What a start does, as if all that is there had been left by a life before."""
    store, attachments = client.app.store, client.app.attachments
    return Sweeper(store, attachments, grace=86_400, begun=time.time() + 60, recorded="registry")


async def test_what_the_copy_lacks_is_not_swept_at_the_start(
    server: ServerFactory, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    first = await server(blobstore="directory")
    assert (await connect(first).publish("gdp", "1", b"a\n1\n"))[0] == 201
    await first.stop()
    data = first.settings.data_dir
    shutil.copytree(data / "databases", data.parent / "copy")
    second = await server(blobstore="directory")
    assert (await connect(second).publish("gdp", "2", b"a\n2\n"))[0] == 201
    await second.stop()
    shutil.rmtree(data / "databases")
    shutil.move(data.parent / "copy", data / "databases")
    client = connect(await server(blobstore="directory"))
    store, attachments = client.app.store, client.app.attachments
    for version in ("", "3"):  # what is published later is known, and does not change that
        if version:
            assert (await client.publish("gdp", version, b"a\n3\n"))[0] == 201
        with caplog.at_level(logging.WARNING):
            assert await first_sweep(client).sweep() == 0
        assert "an older copy" in caplog.text
        caplog.clear()
        with pytest.raises(Conflict, match="couchreg rebuild"):
            await Audit(store, attachments, "registry").gc(0)
    assert (await client.publish("gdp", "2", b"a\n999\n"))[0] == 409  # its place is not free
    assert [path.read_bytes() for path in (data / "datastore/gdp/2").rglob("*.csv")] == [b"a\n2\n"]
    (data / "datastore/gdp/9").mkdir()
    (data / "datastore/gdp/9/t.csv").write_bytes(b"left")
    await Rebuild(await store.open("registry"), attachments.blobs).run()
    assert await first_sweep(client).sweep() == 1
    assert [path.read_bytes() for path in (data / "datastore/gdp/2").rglob("*.csv")] == [b"a\n2\n"]


async def test_what_a_life_before_left_unfinished_is_swept_at_the_start(
    server: ServerFactory, connect: Connect
) -> None:
    client = connect(await server(blobstore="directory"))
    assert (await client.publish("gdp", "1", b"a\n1\n"))[0] == 201
    left = client.app.settings.data_dir / "datastore/gdp/2/t.csv"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"a\n")
    assert await first_sweep(client).sweep() == 1
    assert not left.exists()
    assert await client.bytes("/gdp/1/datapackage.json")


async def test_a_server_without_its_packages_does_not_start(server: ServerFactory, connect: Connect) -> None:
    """Else a version could be published again, with other bytes."""
    first = await server(blobstore="directory")
    assert (await connect(first).publish("gdp", "1", b"a\n1\n"))[0] == 201
    await first.stop()
    [file] = (first.settings.data_dir / "databases").glob("registry@*.db")
    file.rename(file.with_name("kept"))
    told = [finding for finding in examine(first.settings.data_dir) if finding.path == file]
    assert [finding.kind for finding in told] == ["wrong"]
    assert "couchreg rebuild" in told[0].reason
    for _ in range(2):
        with pytest.raises(CannotStart, match="couchreg rebuild"):
            await server(blobstore="directory")
        assert any("couchreg rebuild" in finding.reason for finding in examine(first.settings.data_dir))
    file.with_name("kept").rename(file)
    back = await server(blobstore="directory")  # as it says
    assert await connect(back).bytes("/gdp/1/datapackage.json")
    await back.stop()
    file.unlink()
    done = await run(first.settings)
    assert done.written
    client = connect(await server(blobstore="directory"))
    assert await client.bytes("/gdp/1/datapackage.json")
    assert await client.app.store.missing() == []


async def test_what_is_no_record_stops_no_sweep(server: ServerFactory, connect: Connect) -> None:
    client = connect(await server(blobstore="directory"))
    assert (await client.publish("gdp", "1", b"a\n1\n"))[0] == 201
    data = client.app.settings.data_dir / "datastore"
    (data / "_registry/README.txt").write_text("what lies here")
    (data / "gdp/9").mkdir()
    (data / "gdp/9/t.csv").write_bytes(b"left")
    assert await first_sweep(client).sweep() == 1


async def test_what_was_deleted_is_kept_beside_an_older_copy(server: ServerFactory, connect: Connect) -> None:
    """There its version is live again, and what is kept of it are its only bytes."""
    first = await server(blobstore="directory")
    assert (await connect(first).publish("gdp", "1", b"a\n1\n"))[0] == 201
    await first.stop()
    data = first.settings.data_dir
    shutil.copytree(data / "databases", data.parent / "copy")
    second = connect(await server(blobstore="directory"))
    assert (await second.registry("DELETE", "/gdp/1"))[0] == 200
    await second.app.stop()
    shutil.rmtree(data / "databases")
    shutil.move(data.parent / "copy", data / "databases")
    client = connect(await server(blobstore="directory"))
    sweeper = Sweeper(client.app.store, client.app.attachments, grace=0, recorded="registry", undelete=0)
    await sweeper.sweep()
    kept = [path.read_bytes() for path in (data / "datastore/_deleted").rglob("*") if path.is_file()]
    assert b"a\n1\n" in kept


async def test_records_are_read_only_where_something_would_be_removed(
    server: ServerFactory, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ordinary sweep, each hour, asks for none of them."""
    client = connect(await server(blobstore="directory"))
    assert (await client.publish("gdp", "1", b"a\n1\n"))[0] == 201
    asked: list[str] = []

    async def first_unknown(_: object, name: str, __: object) -> None:
        asked.append(name)

    monkeypatch.setattr(sweeper_module, "first_unknown", first_unknown)
    store, attachments = client.app.store, client.app.attachments
    sweeper = Sweeper(store, attachments, grace=0, recorded="registry", undelete=0)
    assert (await sweeper.sweep(), asked) == (0, [])
    assert (await client.registry("DELETE", "/gdp/1"))[0] == 200
    assert (await sweeper.sweep() > 0, asked) == (True, ["registry"])
