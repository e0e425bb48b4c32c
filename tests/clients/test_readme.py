"""The examples of the README, run as they are printed, against a server of our own."""

import json
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from couchreg.client import Credentials, publish
from tests.clients.test_node import hashes
from tests.processes import Server, environment

ROOT = Path(__file__).parents[2]
PACKAGES = ROOT / "tests" / "data" / "packages"


def example(language: str, live: Server, index: int = 0) -> str:
    """A README's block in a language, with the server's addresses and password in place of its own."""
    readme = (ROOT / "README.md").read_text("utf-8")
    blocks = re.findall(rf"^```{language}\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)
    replaced = blocks[index].replace("admin:PASSWORD", ":".join(live.admin))
    replaced = replaced.replace("http://127.0.0.1:8000", live.registry_url)
    return str(replaced.replace("http://127.0.0.1:5984", live.couch_url))


def run(command: list[str], folder: Path, **more: str) -> "subprocess.CompletedProcess[str]":
    env = environment(**more)
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120)


@pytest.fixture
def gdp(live: Server) -> None:
    publish(live.registry_url, PACKAGES / "gdp", credentials=Credentials(*live.admin))


def test_publishing_with_curl(live: Server, tmp_path: Path) -> None:
    script = example("sh", live).replace("curl ", "curl --silent --show-error ")
    done = run(["bash", "-euo", "pipefail", "-c", script], tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ok"] is True
    with urllib.request.urlopen(f"{live.registry_url}/bees/1.0.0/data/hives.csv") as file:
        assert file.read() == b"hive,bees\nnorth,40000\nsouth,35000"


def test_reading_with_frictionless_and_pandas(live: Server, gdp: None, tmp_path: Path) -> None:
    done = run([sys.executable, "-c", example("python", live)], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "['top-economies', 'gdp']" in done.stdout
    assert re.search(r"Country Name +Country Code +Year +Value", done.stdout)


def test_reading_with_the_client_and_couchreg_urls(live: Server, gdp: None, tmp_path: Path) -> None:
    script = example("python", live, 1)
    done = run([sys.executable, "-c", script], tmp_path, COUCHREG_REGISTRY=live.registry_url)
    assert done.returncode == 0, done.stderr
    assert "'version': '2026'" in done.stdout


def test_every_row_is_read_by_frictionless(live: Server, gdp: None, tmp_path: Path) -> None:
    script = """
import sys
from frictionless import Package
rows = Package(sys.argv[1]).get_resource("gdp").read_rows()
print(len(rows), all(row.valid for row in rows))
"""
    address = f"{live.registry_url}/gdp/2026"
    done = run([sys.executable, "-c", script, address], tmp_path)
    lines = (PACKAGES / "gdp" / "data" / "gdp.csv").read_text("utf-8").splitlines()
    assert done.stdout.split() == [str(len(lines) - 1), "True"], done.stderr


def test_replicating_with_pouchdb(live: Server, gdp: None, tmp_path: Path) -> None:
    """The README's lines, and then a look at what they have mirrored."""
    look = """
mirror.changes({ live: true, since: 0 }).on("change", async ({ id }) => {
  if (id !== "gdp@2026") return;
  const doc = await mirror.get(id, { attachments: true, binary: true });
  const { createHash } = await import("node:crypto");
  const sha256 = (data) => createHash("sha256").update(data).digest("hex");
  const hashes = Object.entries(doc._attachments).map(([name, file]) => [name, sha256(file.data)]);
  console.log(JSON.stringify(Object.fromEntries(hashes)));
  process.exit(0);
});
"""
    (tmp_path / "node_modules").symlink_to(ROOT / "tests" / "clients" / "node_modules")
    (tmp_path / "mirror.mjs").write_text(example("js", live) + look)
    done = run(["node", "mirror.mjs"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == hashes("gdp")


def await_search(live: Server, word: str) -> None:
    """The index follows a publish a moment later."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f'{live.registry_url}/search?keys=["{word}"]') as answer:
            if json.load(answer)["total"]:
                return
        time.sleep(0.05)
    raise AssertionError(f"nothing is found for {word}")


def test_every_route_of_the_seed_with_curl(live: Server, tmp_path: Path) -> None:
    """The README's lines one after the other; each is answered with success and says what it is to say."""
    assert run(["bash", "-euo", "pipefail", "-c", example("sh", live)], tmp_path).returncode == 0
    await_search(live, "beehives")
    quiet = "\ncurl --silent --show-error --fail --write-out '\\n' "
    script = example("sh", live, 1).replace("\ncurl ", quiet)
    done = run(["bash", "-euo", "pipefail", "-c", script], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    latest, exact, *rest = [line for line in done.stdout.splitlines() if line]
    assert json.loads(latest) == json.loads(exact)
    assert json.loads(latest)["resources"][0]["path"] == f"{live.registry_url}/bees/1.0.0/hives"
    assert rest[:3] == ["hive,bees", "north,40000", "south,35000"]
    meta, found, user, added, owners, removed, deleted = [json.loads(line) for line in rest[3:]]
    assert (meta["name"], "data" in meta) == ("hives", False)
    assert [hit["name"] for hit in found["hits"]] == ["bees"]
    assert user["name"] == "anna"
    assert added["owners"] == ["admin", "anna"]
    assert owners == [{"name": "admin"}, {"name": "anna"}]
    assert removed["owners"] == ["admin"]
    assert deleted["versions"] == ["1.0.0"]
