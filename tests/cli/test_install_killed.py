"""`couchreg install` killed at random moments and repeated ends with a verified folder.

`COUCHREG_CRASH_ROUNDS=50` kills so often; without it a few times.
"""

import hashlib
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

from couchreg import Client
from couchreg.client.lock import LOCK
from tests.cli.conftest import Couchreg
from tests.processes import Server, environment

ROUNDS = int(os.environ.get("COUCHREG_CRASH_ROUNDS", "2"))
FILES, SIZE = 60, 300_000
OLD, NEW = "1.0.0", "2.0.0"


def make(folder: Path, version: str, chance: random.Random) -> Path:
    """A package of which half of the files are the same in all versions."""
    folder.mkdir(parents=True)
    names = [f"f{number}.bin" for number in range(FILES)] + [f"only-{version}.bin"]
    for number, name in enumerate(names):
        seeded = random.Random(number) if number % 2 else chance
        (folder / name).write_bytes(seeded.randbytes(SIZE))
    resources = [{"name": f"r{number}", "path": name} for number, name in enumerate(names)]
    (folder / "datapackage.json").write_text(
        json.dumps({"name": "killed", "version": version, "resources": resources})
    )
    return folder


def tree(folder: Path) -> dict[str, str]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_killed_and_repeated(live: Server, couchreg: Couchreg, tmp_path: Path) -> None:
    seed = int(os.environ.get("COUCHREG_TEST_SEED", random.randrange(1 << 32)))
    print(f"COUCHREG_TEST_SEED={seed}")
    chance = random.Random(seed)
    sources = {version: make(tmp_path / "sources" / version, version, chance) for version in (OLD, NEW)}
    with Client(live.registry_url, user=live.admin[0], password=live.admin[1]) as client:
        for source in sources.values():
            client.publish(source)
    trees = {version: tree(source) for version, source in sources.items()}
    for number in range(ROUNDS):
        project = tmp_path / f"project-{number}"
        begin = time.monotonic()
        installed = couchreg("install", f"killed@{OLD}", "--dir", str(project), "--no-cache")
        usual = time.monotonic() - begin
        assert installed.status == 0, installed.err
        for _ in range(3):
            kill_while_installing(live, project, chance.uniform(0.1, usual), tmp_path)
            check_whole_if_it_says_so(project / "killed", trees)
        done = couchreg("install", f"killed@{NEW}", "--dir", str(project))
        assert done.status == 0, done.err
        assert tree(project / "killed") == trees[NEW]
        locked = json.loads((project / LOCK).read_text())["packages"]["killed"]
        assert {file["path"]: file["hash"] for file in locked["files"]} == {
            path: f"sha256:{digest}" for path, digest in trees[NEW].items()
        }


def kill_while_installing(live: Server, project: Path, seconds: float, home: Path) -> None:
    env = environment(
        COUCHREG_REGISTRY=live.registry_url,
        COUCHREG_CONFIG=str(home / "no-config.toml"),
        COUCHREG_CACHE=str(home / "cache"),
    )
    command = [sys.executable, "-m", "couchreg", "install", f"killed@{NEW}", "--dir", str(project)]
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            process.wait(seconds)  # the moment of the crash: anywhere in it
        except subprocess.TimeoutExpired:
            process.kill()


def check_whole_if_it_says_so(folder: Path, trees: dict[str, dict[str, str]]) -> None:
    """A folder with a datapackage.json is whole."""
    if not (folder / "datapackage.json").exists():
        return
    version = json.loads((folder / "datapackage.json").read_text())["version"]
    assert trees[version].items() <= tree(folder).items()
