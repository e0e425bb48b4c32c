"""What the doctor says of a data directory whose files are, one after the other, damaged."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest
from click.testing import CliRunner

from couchreg.app.doctor import examine
from couchreg.app.findings import SHOWN, WARNING, WRONG
from couchreg.cli.main import cli
from couchreg.docstore.sqlite import copying
from tests.conftest import ServerFactory
from tests.processes import running

DATABASES = [
    "server.sqlite",
    "contents.sqlite",
    "databases/registry@*",
    "databases/_users@*",
]


@pytest.fixture
async def data(server: ServerFactory) -> Path:
    """Of a server that has stopped."""
    app = await server()
    await app.stop()
    return app.settings.data_dir.absolute()


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for place in range(100, len(data), 7):
        data[place] ^= 255
    path.write_bytes(data)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 + 100)


def empty(path: Path) -> None:
    os.truncate(path, 0)


async def test_nothing_is_said_of_a_directory_in_which_all_is_well(data: Path) -> None:
    assert [finding for finding in examine(data) if "left: make room" not in finding.reason] == []


@pytest.mark.parametrize("damage", [flip, truncate, empty])
async def test_each_damaged_file_is_named_with_a_remedy(data: Path, damage: Callable[[Path], None]) -> None:
    for pattern in DATABASES:
        [path] = [found for found in data.glob(pattern) if found.suffix in (".db", ".sqlite")]
        whole = path.read_bytes()
        damage(path)
        [found] = [finding for finding in examine(data) if finding.kind == WRONG]
        assert found.path == path
        assert any(word in found.reason for word in ("restore", "rebuild", "Stop the server"))
        path.write_bytes(whole)


async def test_what_else_is_wrong_is_told(data: Path) -> None:
    (data / "upload-secret").write_bytes(b"short")
    (data / "couchreg.toml").write_text("port = \n")
    (data / "datastore" / "_datastore").mkdir(exist_ok=True)
    (data / "datastore" / "_datastore" / "owner.json").unlink(missing_ok=True)
    (data / "datastore" / "_datastore" / "owner.json").write_text('{"registry": "another"}')
    (data / "databases" / ".new-01234567.db").touch()
    (data / "search").chmod(0o755)
    found = {finding.path.name: finding for finding in examine(data)}
    assert found["upload-secret"].kind == found["couchreg.toml"].kind == found["owner.json"].kind == WRONG
    assert found[".new-01234567.db"].kind == found["search"].kind == WARNING
    (data / "server.sqlite").unlink()
    assert "missing" in {finding.path.name: finding for finding in examine(data)}["server.sqlite"].reason


async def test_of_a_folder_that_is_none_one_sentence_is_said(tmp_path: Path) -> None:
    [found] = examine(tmp_path / "nowhere")
    assert found.kind == WRONG


def test_the_command_looks_while_a_server_runs_and_changes_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data):
        done = CliRunner().invoke(cli, ["doctor", "--data-dir", str(data), "--blobstore", "directory"])
        assert (done.exit_code, "A server is running here." in done.output) == (0, True), done.output
    (data / "upload-secret").write_bytes(b"")
    done = CliRunner().invoke(cli, ["doctor", "--data-dir", str(data)])
    assert done.exit_code == 1
    assert done.output.startswith("wrong ")


async def test_whoever_else_may_read_a_file_its_damage_is_told(data: Path) -> None:
    truncate(data / "contents.sqlite")
    (data / "contents.sqlite").chmod(0o644)
    kinds = [finding.kind for finding in examine(data) if finding.path.name == "contents.sqlite"]
    assert sorted(kinds) == [WARNING, WRONG]


async def test_of_many_files_that_are_lost_the_first_are_named(data: Path) -> None:
    records = data / "datastore" / "_registry" / "lost"
    records.mkdir(parents=True)
    for number in range(3 * SHOWN):
        (records / f"{number}.json").write_bytes(b"{")
    found = [finding for finding in examine(data) if finding.kind == WRONG]
    assert len(found) == SHOWN + 1
    assert "couchreg datastore check names all" in found[-1].reason


async def test_a_damaged_note_is_no_other_servers(data: Path) -> None:
    (data / "datastore" / "_datastore" / "owner.json").write_bytes(b'{"regis')
    [found] = [finding for finding in examine(data) if finding.kind == WRONG]
    assert "It is damaged. Stop the server and remove it" in found.reason


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (apsw.FullError("full"), "cannot be written, since the disk is full: make room"),
        (apsw.IOError("disk I/O error"), "the disk fails, so look into the system's log"),
        (apsw.BusyError("locked"), "cannot be used (Device or resource busy)"),
    ],
)
async def test_a_disk_that_fails_is_no_damaged_database(
    data: Path, error: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def opened(path: Path) -> Iterator[None]:
        raise error
        yield

    monkeypatch.setattr(copying, "_opened", opened)
    found = [finding.reason for finding in examine(data) if finding.path.suffix == ".db"]
    assert found
    assert all(said in reason and "It is damaged" not in reason for reason in found)
