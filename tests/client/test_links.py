"""Links that somebody has put into a project: an installation writes through none of them."""

from pathlib import Path

import pytest

from couchreg import Client
from couchreg.client.errors import UsageError
from couchreg.client.lock import LOCK, read_lock, write_lock
from couchreg.client.working import PARTS
from tests.client.conftest import PACKAGES

GDP = (PACKAGES / "gdp" / "data" / "gdp.csv").read_bytes()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COUCHREG_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A folder elsewhere, with a file in it."""
    folder = tmp_path / "elsewhere"
    (folder / "data").mkdir(parents=True)
    (folder / "file").write_text("precious")
    return folder


def untouched(victim: Path) -> bool:
    return sorted(path.name for path in victim.rglob("*")) == ["data", "file"] and (
        (victim / "file").read_text() == "precious"
    )


@pytest.mark.parametrize("place", ["gdp", f"gdp/{PARTS}", "gdp/data"])
def test_a_folder_that_is_a_link(client: Client, project: Path, victim: Path, place: str) -> None:
    (project / place).parent.mkdir(exist_ok=True)
    (project / place).symlink_to(victim)
    for force in (False, True):
        with pytest.raises(UsageError, match=r"link"):
            client.install("gdp", folder=project, force=force)
    assert untouched(victim)
    assert not (project / LOCK).exists()


@pytest.mark.parametrize("name", ["journal", "PART"])
def test_an_unfinished_download_that_is_a_link(
    client: Client, project: Path, victim: Path, name: str
) -> None:
    [entry] = [file for file in client.info("gdp")["couchreg"]["files"] if file["path"] == "data/gdp.csv"]
    part = entry["hash"].removeprefix("sha256:") + ".part"
    (project / "gdp" / PARTS).mkdir(parents=True)
    (project / "gdp" / PARTS / (part if name == "PART" else name)).symlink_to(victim / "file")
    client.install("gdp", folder=project)
    assert untouched(victim)
    assert (project / "gdp" / "data" / "gdp.csv").read_bytes() == GDP


def test_a_file_that_is_a_link(client: Client, project: Path, victim: Path) -> None:
    (project / "gdp" / "data").mkdir(parents=True)
    target = project / "gdp" / "data" / "gdp.csv"
    for there in (victim / "file", PACKAGES / "gdp" / "data" / "gdp.csv"):
        target.symlink_to(there)
        with pytest.raises(UsageError, match="is a link"):
            client.install("gdp", folder=project)
        target.unlink()
    target.symlink_to(victim / "file")
    client.install("gdp", folder=project, force=True)
    assert untouched(victim)
    assert not target.is_symlink()


def test_the_lock_file_is_written_beside_a_link(project: Path, victim: Path) -> None:
    (project / LOCK).symlink_to(victim / "file")
    write_lock(project, {})
    assert untouched(victim)
    assert read_lock(project) == {}
