"""Files of another user in a data directory: what the doctor, a start and a rebuild say and leave alone."""

from pathlib import Path

import pytest

from couchreg.app.findings import WRONG, access
from tests import somebody
from tests.cli.conftest import Ran, run
from tests.cli.test_refused import unpacked

NAMES = ["databases/registry@*.db", "databases", "datastore/_registry", "server.sqlite"]


def couchreg(folder: Path, *words: str) -> Ran:
    return run(*words, "--data-dir", str(folder / "data"), cwd=folder, uid=somebody.UID)


@pytest.mark.parametrize("name", NAMES)
def test_a_start_names_what_is_somebody_elses_and_takes_it_for_no_damage(name: str) -> None:
    with somebody.place() as folder:
        [path] = somebody.given(unpacked(folder)).glob(name)
        with somebody.closed(path):
            done = couchreg(folder, "serve", "--port", "0", "--couch-port", "0")
    assert done.status == 2
    [line] = done.err.splitlines()
    assert somebody.remedied(line, path)
    assert "damaged" not in line


@pytest.mark.parametrize("name", [*NAMES, "datastore/small", "datastore/small/1.0.0/data"])
def test_the_doctor_names_it_once_and_calls_it_not_damaged(name: str) -> None:
    with somebody.place() as folder:
        [path] = somebody.given(unpacked(folder)).glob(name)
        with somebody.closed(path):
            done = couchreg(folder, "doctor")
    assert done.status == 1, done
    [line] = [line for line in done.out.splitlines() if line.startswith("wrong")]
    assert somebody.remedied(line, path)
    assert "damaged" not in line


@pytest.mark.parametrize("name", ["databases/registry@*.db", "databases"])
def test_a_rebuild_sets_no_database_aside_that_is_somebody_elses(name: str) -> None:
    with somebody.place() as folder:
        data = somebody.given(unpacked(folder))
        [path], [file] = data.glob(name), data.glob("databases/registry@*.db")
        before = file.read_bytes()
        with somebody.closed(path):
            done = couchreg(folder, "rebuild")
        assert (done.status, done.out) == (2, "")
        assert somebody.remedied(done.err, path)
        assert file.read_bytes() == before
        assert not list(data.glob("databases/*.damaged*"))


def test_root_is_told_of_what_the_owner_of_the_directory_cannot_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root looks at the directory of a server that runs as somebody else."""
    data = unpacked(tmp_path)
    assert list(access(data)) == []
    monkeypatch.setattr("os.geteuid", lambda: 0)
    stat = Path.stat

    class Other:
        st_uid = 12345
        st_mode = 0o100600

    def told(path: Path, **more: bool) -> object:
        return Other if path.name == "server.sqlite" else stat(path, **more)

    monkeypatch.setattr(Path, "stat", told)
    [found] = access(data)
    assert (found.kind, found.path) == (WRONG, data / "server.sqlite")
    assert "It belongs to 12345, and the data directory to" in found.reason
    assert "sudo chown -R" in found.reason
