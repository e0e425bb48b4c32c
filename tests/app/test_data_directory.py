"""The data directory: readable by its owner alone, and one sentence for whatever is wrong with it."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from couchreg.app import App, build
from couchreg.cli.rebuild import run as rebuild
from couchreg.config import CannotStart, Settings, load
from couchreg.datadir import DataDir, DataDirError
from tests.conftest import ServerFactory


def modes(folder: Path) -> dict[str, int]:
    """Permissions of everything but what is published."""
    found = {}
    for path in (folder, *folder.rglob("*")):
        inside = path.relative_to(folder).parts
        if inside[:1] not in (("datastore",), ("spool",)) or inside == ("spool",):
            found[str(path.relative_to(folder))] = stat.S_IMODE(path.stat().st_mode)
    return found


def is_private(folder: Path) -> bool:
    found = modes(folder)
    return {"server.sqlite", "databases", "upload-secret"} <= found.keys() and not any(
        mode & 0o077 for mode in found.values()
    )


@pytest.fixture
async def data(app: App) -> Path:
    """A data directory that has been used by a server."""
    folder = Path(app.settings.data_dir)
    await app.stop()
    top = {name: mode for name, mode in modes(folder).items() if "/" not in name and name != "search"}
    assert not any(mode & 0o077 for mode in top.values()), top
    assert all(not mode & 0o077 for name, mode in modes(folder).items() if name.startswith("databases"))
    return folder


def settings(folder: Path) -> Settings:
    given = {
        "port": 0,
        "couch_port": 0,
        "data_dir": folder,
        "admin": "admin:secret",
        "password_iterations": 5,
    }
    return load(given, environ={})


async def test_every_start_takes_it_from_others(data: Path, server: ServerFactory) -> None:
    for path in (data, *data.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)
    await server(data_dir=data)
    assert is_private(data)
    assert stat.S_IMODE((data / "datastore").stat().st_mode) == 0o777
    (written,) = (data / "datastore").rglob("owner.json")
    assert stat.S_IMODE(written.stat().st_mode) == 0o666


async def test_others_may_be_let_through_to_the_datastore(data: Path, server: ServerFactory) -> None:
    data.chmod(0o711)
    await server(data_dir=data)
    assert stat.S_IMODE(data.stat().st_mode) == 0o711
    found = modes(data)
    assert not found["search"] & 0o077, "what the search writes meanwhile lies behind its folder"
    assert {name for name, mode in found.items() if mode & 0o077 and not name.startswith("search/")} == {"."}


def garbage(path: Path) -> None:
    path.write_bytes(os.urandom(9000))


def a_file(path: Path) -> None:
    shutil.rmtree(path)
    path.write_bytes(b"x")


FAULTS: dict[str, Callable[[Path], None]] = {
    "server.sqlite": garbage,
    "databases/_users@*": garbage,
    "databases/registry@*": garbage,
    "databases": a_file,
    "datastore": a_file,
    "spool": a_file,
    "upload-secret": lambda path: path.write_bytes(b"short") and None,
}


@pytest.mark.directory_only
@pytest.mark.parametrize("name", FAULTS)
async def test_what_cannot_be_used_is_named_with_a_remedy(data: Path, name: str) -> None:
    [path] = data.glob(name)
    FAULTS[name](path)
    app = build(settings(data))
    with pytest.raises(CannotStart) as refused:
        await app.start()
    assert str(path) in refused.value.reason
    assert any(word in refused.value.reason for word in ("backup", "rebuild", "--data-dir", "remove it"))


@pytest.mark.parametrize("name", ["search", "downloads.sqlite"])
async def test_what_can_be_made_anew_stops_nothing(data: Path, server: ServerFactory, name: str) -> None:
    path = data / name
    if path.is_dir():
        a_file(path)
    else:
        garbage(path)
    app = await server(data_dir=data)
    app.registry.downloads.count("bees", "1.0.0")
    await app.registry.downloads.flush()
    await app.followers["search"].caught_up(await (await app.store.open("registry")).update_seq())


@pytest.mark.directory_only
async def test_a_damaged_registry_is_rebuilt_without_a_hand(data: Path, server: ServerFactory) -> None:
    [file] = (data / "databases").glob("registry@*")
    before = os.urandom(9000)
    file.write_bytes(before)
    done = await rebuild(settings(data))
    assert done.problems == []
    [aside] = (data / "databases").glob("*.damaged")
    assert aside.read_bytes() == before
    await server(data_dir=data)


@pytest.mark.directory_only
async def test_a_damaged_server_file_is_set_aside_by_a_rebuild(data: Path, server: ServerFactory) -> None:
    [registry] = (data / "databases").glob("registry@*")
    before = os.urandom(9000)
    for file in (data / "server.sqlite", registry):
        file.write_bytes(before)
    with pytest.raises(CannotStart, match="couchreg rebuild makes a new one"):
        await build(settings(data)).start()
    done = await rebuild(settings(data))
    assert done.problems == []
    assert (data / "server.sqlite.damaged").read_bytes() == before
    await server(data_dir=data)


NOBODY = 65534
AS_SOMEBODY = f"""
import os, sys
from pathlib import Path
from couchreg.datadir import DataDir, DataDirError
if os.geteuid() == 0:
    os.setgid({NOBODY}), os.setuid({NOBODY})
try: DataDir(Path(sys.argv[1]))
except DataDirError as error: print(error.reason)
"""


def refused(data: str) -> str:
    """What somebody who is not root is told of a data directory."""
    command = [sys.executable, "-c", AS_SOMEBODY, data]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ).stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="needs the right to become somebody else")
@pytest.mark.parametrize("mine", [False, True])
def test_a_directory_of_another_owner(mine: bool) -> None:
    with tempfile.TemporaryDirectory() as data:
        Path(data).chmod(0o755)
        other = Path(data, "datastore" if mine else "server.sqlite")
        other.mkdir(mode=0o755) if mine else other.write_bytes(b"")
        if mine:
            os.chown(data, NOBODY, NOBODY)
        said = refused(data)
    assert "belongs to root" in said
    assert f"{other} cannot be used" in said or (not mine and data in said)
    assert "chown" in said


@pytest.mark.parametrize("name", ["datastore", "databases", "server.sqlite"])
def test_what_its_owner_may_not_write(name: str) -> None:
    with tempfile.TemporaryDirectory() as data:
        Path(data).chmod(0o700)
        path = Path(data, name)
        path.write_bytes(b"") if name.endswith(".sqlite") else path.mkdir()
        path.chmod(0o400 if path.is_file() else 0o500)
        if os.geteuid() == 0:
            for one in (Path(data), path):
                os.chown(one, NOBODY, NOBODY)
        said = refused(data)
        assert path.exists()
    remedy = f"Give yourself the right to write it: chmod -R u+rwX {path}"
    assert said == f"{path} cannot be used: Permission denied. {remedy}\n"


def test_a_datastore_on_a_disk_that_is_only_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "datastore").mkdir()
    flags = os.statvfs_result((*os.statvfs(tmp_path)[:8], os.ST_RDONLY, 255))
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "datastore")
    monkeypatch.setattr(os, "statvfs", lambda _: flags)
    with pytest.raises(DataDirError, match=r"datastore cannot be used: Read-only file system\. .*--data-dir"):
        DataDir(tmp_path)
