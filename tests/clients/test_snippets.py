"""What the page of a version says to copy, copied from there and run as it stands."""

import csv
import html
import json
import re
import shutil
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from couchreg.client import Credentials, publish
from tests.clients.test_node import PACKAGES, hashes
from tests.processes import Server, environment, running

ROWS = len((PACKAGES / "gdp" / "data" / "top-economies.csv").read_text("utf-8").splitlines()) - 1
SNIPPET = re.compile(r"<summary>([^<]+)</summary><pre[^>]*><code>([^<]*)</code>")
# DuckDB reads addresses with an extension that it fetches; here Python gets the bytes for the same statement.
DUCKDB = """
import datetime, sys, duckdb, fsspec
files = fsspec.filesystem("http")
type(files).modified = lambda *_: datetime.datetime(2026, 1, 1)
duckdb.register_filesystem(files)
print(len(duckdb.sql(sys.argv[1]).fetchall()))
"""
POUCHDB = """
const { createHash } = await import("node:crypto");
const sha256 = (data) => createHash("sha256").update(data).digest("hex");
const doc = await mirror.get("gdp@2026", { attachments: true, binary: true });
const hashes = Object.entries(doc._attachments).map(([name, file]) => [name, sha256(file.data)]);
console.log(JSON.stringify(Object.fromEntries(hashes)));
process.exit(0);
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose tables can be asked."""
    folder = tmp_path_factory.mktemp("snippets")
    with running(folder / "data", "--validation", "off", "--analytics", "on") as started:
        yield started


@pytest.fixture(scope="module")
def snippets(live: Server) -> dict[str, str]:
    """By their labels, as a browser shows them."""
    publish(live.registry_url, PACKAGES / "gdp", credentials=Credentials(*live.admin))
    deadline = time.monotonic() + 120
    while b'"pending"' in _get(f"{live.registry_url}/-/parquet/gdp/2026"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    page = _get(f"{live.registry_url}/gdp/2026", Accept="text/html").decode()
    return {html.unescape(label): html.unescape(text) for label, text in SNIPPET.findall(page)}


def _get(address: str, **headers: str) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as answer:
        return bytes(answer.read())


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_each_is_run_here_or_named(snippets: dict[str, str]) -> None:
    run_here = {"couchreg", "curl", "Python", "JavaScript", "PouchDB, with its files", "pandas", "polars"}
    run_here |= {"DuckDB", "SQL on this registry"}
    run_here |= {"R"}
    assert set(snippets) - run_here == {"BibTeX", "CITATION.cff", "RIS", "Badge, as Markdown"}


def test_in_a_shell(snippets: dict[str, str], tmp_path: Path) -> None:
    run(tmp_path, "bash", "-euc", snippets["curl"].replace("curl ", "curl --silent --show-error "))
    assert json.loads((tmp_path / "datapackage.json").read_text())["name"] == "gdp"
    program = f"{sys.executable} -m couchreg "
    run(tmp_path, "bash", "-euc", snippets["couchreg"].replace("couchreg ", program, 1))
    assert (tmp_path / "gdp" / "data" / "gdp.csv").read_bytes() == (
        PACKAGES / "gdp" / "data" / "gdp.csv"
    ).read_bytes()


def test_in_python(snippets: dict[str, str], tmp_path: Path) -> None:
    looks = {"Python": "print(package.resource_names[0])", "pandas": "print(len(table))"}
    looks["polars"] = "print(table.height)"
    found = {
        label: run(tmp_path, sys.executable, "-c", f"{snippets[label]}\n{look}").strip()
        for label, look in looks.items()
    }
    assert found == {"Python": "top-economies", "pandas": str(ROWS), "polars": str(ROWS)}


def test_with_sql(live: Server, snippets: dict[str, str], tmp_path: Path) -> None:
    assert run(tmp_path, sys.executable, "-c", DUCKDB, snippets["DuckDB"]).strip() == "10"
    query = urllib.parse.urlencode({"q": snippets["SQL on this registry"], "format": "csv"})
    assert len(_get(f"{live.registry_url}/-/sql?{query}").decode().splitlines()) == 11


def test_in_r(snippets: dict[str, str], tmp_path: Path) -> None:
    """Where R is; everywhere that what it reads is CSV with a line for each row."""
    [address] = re.findall(r'read\.csv\("(.*?)"\)$', snippets["R"])
    assert len(list(csv.reader(_get(address).decode().splitlines()))) == ROWS + 1
    if shutil.which("Rscript"):
        assert run(tmp_path, "Rscript", "-e", f"{snippets['R']}\ncat(nrow(table))") == str(ROWS)


def test_publishing_as_somebody_new_does(live: Server, tmp_path: Path) -> None:
    """What the first page says, with the passwords that it asks for."""
    folder = tmp_path / "bees-of-nina"
    folder.mkdir()
    (folder / "bees.csv").write_text("year,bees\n2025,4\n")
    page = _get(f"{live.registry_url}/", Accept="text/html").decode()
    [shown] = re.findall(r'aria-label="Publish with the command"><code>([^<]*)</code>', page)
    account, *others = html.unescape(shown).splitlines()
    lines = [
        f"echo 'a long one' | {account} --password-stdin",
        "export COUCHREG_PASSWORD='a long one'",
        *others,
    ]
    program = f'USER=nina\ncouchreg() {{ {sys.executable} -m couchreg "$@"; }}\n'
    run(folder, "bash", "-euc", program + "\n".join(lines))
    assert b"bees.csv" in _get(f"{live.registry_url}/bees-of-nina/0.1.0")


def test_in_javascript(snippets: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(Path(__file__).parent / "node_modules")
    (tmp_path / "fetch.mjs").write_text(snippets["JavaScript"] + "\nconsole.log(descriptor.name);")
    assert run(tmp_path, "node", "fetch.mjs").strip() == "gdp"
    (tmp_path / "mirror.mjs").write_text(snippets["PouchDB, with its files"] + POUCHDB)
    assert json.loads(run(tmp_path, "node", "mirror.mjs").splitlines()[-1]) == hashes("gdp")
