"""Installing several packages together: ranges, dependencies, the lock file, the cache, no network."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from couchreg import Client
from couchreg.client.cache import Cache
from couchreg.client.errors import Damaged, Missing, Unreachable, UsageError
from couchreg.client.lock import LOCK
from couchreg.client.working import PARTS
from tests.client.conftest import write_package

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    monkeypatch.setenv("COUCHREG_CACHE", str(tmp_path / "cache"))
    return Cache()


@pytest.fixture(scope="module", autouse=True)
def published(live: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    """`top` 1.0.0 and 1.1.0 need `middle` ^1, which needs `bottom` ~1.2; `other` needs `bottom` ^2."""
    folder = tmp_path_factory.mktemp("sources")
    with Client(live.registry_url, user=live.admin[0], password=live.admin[1]) as client:
        for version in ("1.2.0", "1.2.7", "1.3.0", "2.0.0"):
            client.publish(write_package(folder / version / "bottom", version, {"a.csv": f"n\n{version}\n"}))
        for name, version, needs in [
            ("middle", "1.4.0", {"bottom": "~1.2"}),
            ("middle", "2.0.0", {"bottom": "^2"}),
            ("top", "1.0.0", {"middle": "^1"}),
            ("top", "1.1.0", {"middle": "^1", "top": "*"}),
            ("other", "1.0.0", {"bottom": "^2"}),
        ]:
            files = {"data/x.csv": f"n\n{version}\n", f"only-{version}.csv": "n\n1\n"}
            source = write_package(folder / name / version / name, version, files, dataDependencies=needs)
            client.publish(source)


def versions(folder: Path) -> dict[str, str]:
    return {name: item["version"] for name, item in lock(folder).items()}


def lock(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / LOCK).read_text())["packages"]
    return found


def check(folder: Path) -> None:
    """Every file of the lock is there with its hash, and nothing else."""
    for name, item in lock(folder).items():
        paths = [path for path in (folder / name).rglob("*") if path.is_file()]
        found = {str(path.relative_to(folder / name)): path for path in paths}
        assert set(found) == {file["path"] for file in item["files"]}
        for file in item["files"]:
            assert file["hash"] == "sha256:" + hashlib.sha256(found[file["path"]].read_bytes()).hexdigest()


def test_a_package_comes_with_all_it_depends_on(client: Client, tmp_path: Path) -> None:
    client.install("top", folder=tmp_path)
    assert versions(tmp_path) == {"top": "1.1.0", "middle": "1.4.0", "bottom": "1.2.7"}
    assert [name for name, item in lock(tmp_path).items() if "wanted" in item] == ["top"]
    check(tmp_path)


def test_the_lock_decides_until_something_else_is_asked_for(client: Client, tmp_path: Path) -> None:
    client.install("top@1.0.0", "bottom@1.2.0", folder=tmp_path)
    assert versions(tmp_path) == {"top": "1.0.0", "middle": "1.4.0", "bottom": "1.2.0"}
    client.install(folder=tmp_path)
    assert versions(tmp_path)["bottom"] == "1.2.0"
    client.install("bottom@^1.2.1 <1.3", folder=tmp_path)
    assert versions(tmp_path) == {"top": "1.0.0", "middle": "1.4.0", "bottom": "1.2.7"}
    assert (tmp_path / "bottom" / "a.csv").read_text() == "n\n1.2.7\n"
    check(tmp_path)


def test_another_version_replaces_the_files_of_the_old_one(client: Client, tmp_path: Path) -> None:
    client.install("top@1.0.0", folder=tmp_path)
    assert (tmp_path / "top" / "only-1.0.0.csv").exists()
    client.install("top@^1", folder=tmp_path)
    assert not (tmp_path / "top" / "only-1.0.0.csv").exists()
    check(tmp_path)


def test_what_a_person_changed_is_not_replaced(client: Client, tmp_path: Path) -> None:
    client.install("top@1.0.0", folder=tmp_path)
    (tmp_path / "top" / "data" / "x.csv").write_text("mine")
    with pytest.raises(UsageError, match="--force"):
        client.install("top@1.1.0", folder=tmp_path)
    assert (tmp_path / "top" / "data" / "x.csv").read_text() == "mine"
    assert versions(tmp_path)["top"] == "1.0.0"
    client.install("top@1.1.0", folder=tmp_path, force=True)
    check(tmp_path)


def test_a_project_names_its_packages_in_its_descriptor(client: Client, tmp_path: Path) -> None:
    needs = {"name": "mine", "resources": [], "dataDependencies": {"middle": "^1"}}
    (tmp_path / "datapackage.json").write_text(json.dumps(needs))
    client.install(folder=tmp_path)
    assert set(versions(tmp_path)) == {"middle", "bottom"}
    with pytest.raises(UsageError, match="nothing to install"):
        client.install(folder=tmp_path / "empty")


def test_ranges_that_contradict_each_other_are_told(client: Client, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"No version of bottom .*~1.2 for middle@1.4.0"):
        client.install("top", "other", folder=tmp_path)
    with pytest.raises(Missing, match=r"No version of bottom satisfies \^7; there are"):
        client.install("bottom@^7", folder=tmp_path)
    with pytest.raises(UsageError, match="range"):
        client.install("bottom@!!", folder=tmp_path)
    assert list(tmp_path.glob(f"*/{PARTS}")) == []


def test_without_a_network_from_the_lock_and_the_cache(client: Client, cache: Cache, tmp_path: Path) -> None:
    client.install("top", "bottom@1.2.0", folder=tmp_path / "first")
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / LOCK).write_bytes((tmp_path / "first" / LOCK).read_bytes())
    with Client(NOWHERE) as offline:
        offline.install(folder=tmp_path / "second", offline=True)
        check(tmp_path / "second")
        with pytest.raises(Unreachable, match="was not installed before"):
            offline.install("other", folder=tmp_path / "second", offline=True)
        with pytest.raises(Unreachable, match="No registry answers"):
            offline.install("other", folder=tmp_path / "second")
    with Client() as same:
        same.install("middle@^1", folder=tmp_path / "third", offline=True)
    assert versions(tmp_path / "third") == {"middle": "1.4.0", "bottom": "1.2.0"}
    cache.trim(0)
    (tmp_path / "fourth").mkdir()
    (tmp_path / "fourth" / LOCK).write_bytes((tmp_path / "first" / LOCK).read_bytes())
    with Client(NOWHERE) as offline, pytest.raises(Unreachable, match="not in the cache"):
        offline.install(folder=tmp_path / "fourth", offline=True)


def test_a_damaged_cache_costs_only_a_download(client: Client, cache: Cache, tmp_path: Path) -> None:
    client.install("top", folder=tmp_path / "first")
    for file in (cache.folder / "files").rglob("*"):
        if file.is_file():
            file.write_bytes(b"damaged")
    client.install("top", folder=tmp_path / "second")
    check(tmp_path / "second")


def test_the_cache_is_bounded(
    client: Client, cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.install("top", folder=tmp_path / "a")
    assert cache.use().files > 0
    client.install("other", folder=tmp_path / "b", cache=Cache(limit=0))
    assert cache.use() == (0, 0)
    monkeypatch.setenv("COUCHREG_CACHE_LIMIT", "lots")
    with pytest.raises(UsageError, match="COUCHREG_CACHE_LIMIT"):
        Cache()


def test_a_lock_that_the_registry_contradicts_is_an_error(client: Client, tmp_path: Path) -> None:
    client.install("bottom@1.2.0", folder=tmp_path)
    text = (tmp_path / LOCK).read_text()
    digest = lock(tmp_path)["bottom"]["files"][0]["hash"]
    (tmp_path / LOCK).write_text(text.replace(digest, "sha256:" + "0" * 64))
    with pytest.raises(Damaged, match="lock file"):
        client.install(folder=tmp_path)
    (tmp_path / LOCK).write_text(text[:100])
    with pytest.raises(UsageError, match="damaged"):
        client.install(folder=tmp_path)


def test_one_installation_at_a_time(client: Client, tmp_path: Path) -> None:
    from couchreg.client.working import at_work

    folder = tmp_path / "bottom"
    with at_work(folder, folder / PARTS), pytest.raises(UsageError, match="Another installation"):
        client.install("bottom", folder=tmp_path)
    client.install("bottom", folder=tmp_path)
    check(tmp_path)
