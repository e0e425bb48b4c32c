"""What commands say where the disk is full or only read, and of files that are somebody else's: one sentence,
with the file and the remedy."""

import errno
import os
import pwd
import zipfile
from pathlib import Path

import pytest

from couchreg.os_errors import sentence
from tests import somebody
from tests.cli.conftest import Ran, run
from tests.crash.faults import Calls, Faults, missing
from tests.forking import Forked, Streams
from tests.processes import environment

DATA = Path(__file__).parents[1] / "data" / "format-1.zip"


def unpacked(folder: Path) -> Path:
    """A data directory that has been used."""
    with zipfile.ZipFile(DATA) as packed:
        packed.extractall(folder)
    (folder / "data").chmod(0o700)
    return folder / "data"


def said(done: Ran, status: int = 1) -> str:
    """The one sentence of a command that has failed."""
    assert done.status == status, done
    [line] = done.err.splitlines()
    assert line.startswith("couchreg: ")
    return line


@pytest.fixture(scope="module")
def backed_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a data directory, `data`, and its backup, `copy`."""
    folder = tmp_path_factory.mktemp("backed-up")
    data = unpacked(folder)
    assert run("backup", str(folder / "copy"), "--data-dir", str(data), cwd=folder).status == 0
    return folder


# -- somebody else's
@pytest.mark.parametrize(
    "name", ["databases/registry@*.db", "server.sqlite", "datastore/_registry", "upload-secret"]
)
def test_a_backup_names_what_is_somebody_elses(name: str) -> None:
    with somebody.place() as folder:
        data = somebody.given(unpacked(folder))
        [path] = data.glob(name)
        with somebody.closed(path):
            done = run("backup", str(folder / "copy"), "--data-dir", str(data), cwd=folder, uid=somebody.UID)
        assert somebody.remedied(said(done), path)


@pytest.mark.parametrize("command", ["backup", "verify", "restore"])
@pytest.mark.parametrize("name", [".", "backup.json", "datastore/_registry"])
def test_a_backup_of_somebody_else_is_named(command: str, name: str) -> None:
    with somebody.place() as folder:
        data, copy = somebody.given(unpacked(folder)), folder / "copy"
        assert run("backup", str(copy), "--data-dir", str(data), cwd=folder, uid=somebody.UID).status == 0
        words = {
            "backup": ("backup", str(copy), "--data-dir", str(data)),
            "verify": ("backup", "verify", str(copy)),
            "restore": ("restore", str(copy), "--data-dir", str(folder / "new")),
        }[command]
        with somebody.closed(copy / name):
            done = run(*words, cwd=folder, uid=somebody.UID)
        if command == "backup" and name == "backup.json":
            assert done.status == 0, "it is replaced, not read"
        else:
            assert somebody.remedied(said(done, done.status or 1), copy / name)


def test_a_folder_that_no_command_may_enter_is_named_and_no_file_in_it() -> None:
    with somebody.place() as folder:
        data = somebody.given(unpacked(folder))
        with somebody.closed(folder):
            done = run("backup", "verify", str(folder / "copy"), cwd=Path("/"), uid=somebody.UID)
            assert somebody.remedied(said(done), folder)
            assert "backup.json" not in done.err
            done = run("doctor", "--data-dir", str(data), cwd=Path("/"), uid=somebody.UID)
            assert somebody.remedied(said(done, 2), folder)
            assert "couchreg.toml" not in done.err


# -- disks
FULL = (errno.ENOSPC, Calls.WRITE)


@pytest.mark.skipif(missing() is not None, reason=str(missing()))
@pytest.mark.parametrize("match", ["/copy/states", "/data/databases"])
def test_a_backup_names_the_file_for_which_a_disk_is_full(tmp_path: Path, match: str) -> None:
    data = unpacked(tmp_path)
    done = failing(tmp_path, FULL, match, "backup", str(tmp_path / "copy"), "--data-dir", str(data))
    line = said(done)
    assert f"{tmp_path}{match}" in line
    assert line.endswith("cannot be written, since the disk is full: make room on it, and do it again.")
    assert not list((tmp_path / "copy" / "states").glob("*/*")), "what was begun takes no room"


@pytest.mark.skipif(missing() is not None, reason=str(missing()))
def test_a_restore_names_the_target(backed_up: Path, tmp_path: Path) -> None:
    copy, new = backed_up / "copy", tmp_path / "new"
    done = failing(tmp_path, FULL, "/new/databases", "restore", str(copy), "--data-dir", str(new))
    assert f"{new}/databases/" in said(done)


@pytest.mark.skipif(missing() is not None, reason=str(missing()))
@pytest.mark.parametrize(
    ("words", "match"),
    [
        (("serve", "--port", "0", "--couch-port", "0"), "/data/server.sqlite"),
        (("rebuild",), "/data/databases/registry@"),
    ],
)
def test_a_full_disk_is_no_damage(tmp_path: Path, words: tuple[str, ...], match: str) -> None:
    data = unpacked(tmp_path)
    done = failing(tmp_path, FULL, match, *words, "--data-dir", str(data))
    assert done.status == 2, done
    line = done.err.splitlines()[-1]
    assert line.startswith(f"couchreg: {tmp_path}{match}")
    assert "The disk is full." in line
    assert "See that this user may write it and that the disk is not full" in line
    assert not any(word in done.err for word in ("Traceback", "damaged", "backup"))
    assert not list(data.glob("databases/*.damaged*"))


def failing(below: Path, fault: tuple[int, Calls], match: str, *arguments: str) -> Ran:
    """A command below which calls fail for what lies in a folder."""
    number, calls = fault
    out, err, place = below / "said.out", below / "said.err", below / "faults"
    for path in (out, err):
        path.unlink(missing_ok=True)
        path.touch()
    with Faults(place, below) as faults:
        faults.rule(0, calls, number, match=match, permille=1000)
        done = Forked(
            arguments, Streams(os.devnull, str(out), str(err)), environment() | faults.environment()
        )
        return Ran(done.wait(120), out.read_text(), err.read_text())


def test_what_is_told_of_an_error() -> None:
    assert sentence(OSError(errno.ECONNREFUSED, "refused")) is None, "no file: it may be a mistake of ours"
    assert sentence(OSError(errno.ENOSPC, "No space left")) == (
        "No space left: make room on it, and do it again."
    )
    copied = OSError(errno.ENOSPC, "No space left", "/from", None, "/to")
    assert "/to cannot be written" in str(sentence(copied))
    assert "/nowhere cannot be used (gone): put it back" in str(
        sentence(FileNotFoundError(errno.ENOENT, "gone", "/nowhere", None, "/"))
    )
    assert str(sentence(OSError(errno.EROFS, "Read-only file system", "/x"))) == (
        "/x cannot be used (Read-only file system): its disk is only read, so have it mounted to be "
        "written, or name another place."
    )
    nowhere = str(sentence(PermissionError(errno.EACCES, "Permission denied", "/backups-that-are-not-there")))
    assert "chown" not in nowhere, "the root of a system is nobody's to take over"
    assert nowhere.endswith(" /backups-that-are-not-there")
    home = Path(pwd.getpwuid(0).pw_dir)
    assert "chown" not in str(sentence(PermissionError(errno.EPERM, "no", str(home / "not-there"))))
    assert "ulimit -n" in str(sentence(OSError(errno.EMFILE, "many", "/x")))
