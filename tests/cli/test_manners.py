"""How commands behave towards people: suggestions, sizes, what is new, what a terminal should not get."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from couchreg.cli.showing import human
from tests.answering import Answering, answering
from tests.cli.conftest import Couchreg, run
from tests.processes import Server, environment


@pytest.fixture(scope="module")
def bees(live: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A package in two versions, with all that can be told of one."""
    folder = tmp_path_factory.mktemp("manners")
    (folder / "hives.csv").write_text("hive,bees\n" + "north,40000\n" * 500)
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    (folder / "broken.png").write_bytes(b"\x89PNG")  # without a control character
    (folder / "drawn.svg").write_text("<svg>Größe</svg>")
    (folder / "red.txt").write_text("\u009b31mred")
    descriptor = {
        "name": "manners",
        "title": "Beehives of the valley",
        "description": "word " * 60,
        "dataDependencies": {"flowers": "^1"},
        "resources": [
            {"name": "hives", "path": "hives.csv"},
            {"name": "picture", "path": "picture.png"},
            *({"name": path[:-4], "path": path} for path in ("broken.png", "drawn.svg", "red.txt")),
        ],
    }
    (folder / "datapackage.json").write_text(json.dumps(descriptor))
    admin = {"registry": live.registry_url, "user": live.admin[0], "password": live.admin[1]}
    for version in ("1.0.0", "1.1.0"):
        assert run("publish", "--version", version, cwd=folder, **admin).status == 0
    assert run("deprecate", "manners@1.0.0", "counted twice", cwd=folder, **admin).status == 0
    assert run("dist-tag", "add", "manners@1.0.0", "old", cwd=folder, **admin).status == 0
    return "manners"


def test_info_tells_all_there_is(couchreg: Couchreg, bees: str) -> None:
    told = couchreg("info", f"{bees}@1.0.0").out
    for text in (
        "DEPRECATED: counted twice",
        "owners       admin",
        "dist-tags    latest: 1.1.0, old: 1.0.0",
        "depends on   flowers ^1",
        "versions     1.1.0, 1.0.0",
        "6.0 kB",
        "10 bytes",
    ):
        assert text in told
    assert "DEPRECATED" not in couchreg("info", bees).out


def test_info_tells_of_downloads(couchreg: Couchreg, bees: str) -> None:
    def downloads() -> int:
        told = couchreg("info", bees).out
        found = re.search(r"^ *downloads +(\d+) in the last 30 days$", told, re.MULTILINE)
        return int(found[1]) if found else 0

    before = downloads()
    assert couchreg("cat", f"{bees}/hives").status == 0
    assert downloads() == before + 1


def test_lines_fit_the_terminal(live: Server, bees: str, tmp_path: Path) -> None:
    shown = at_terminal(tmp_path, "info", bees, registry=live.registry_url)
    lines = shown.splitlines()
    assert max(map(len, lines)) <= 60
    assert sum(line.count("word") for line in lines) == 60


def test_what_was_meant(couchreg: Couchreg, bees: str) -> None:
    assert "Did you mean publish?" in couchreg("pubish").err
    absent = couchreg("info", "maners")
    assert (absent.status, f"did you mean {bees}?" in absent.err) == (3, True)
    for command in (["info"], ["install"], ["cat"], ["ls"]):
        ran = couchreg(*command, f"{bees}@1999" + ("/hives" if command == ["cat"] else ""))
        assert ran.status != 0
        assert "1.1.0" in ran.err
        assert "1.0.0" in ran.err
    assert "Did you mean 1.1.0?" in couchreg("info", f"{bees}@1.1.9").err


OF_A_PACKAGE = (
    "versions {}",
    "unpublish {}",  # before it asks whether one is sure
    "unpublish --yes {}",
    "dist-tag ls {}",
    "dist-tag rm {} old",
    "owner ls {}",
    "owner add admin {}",
    "deprecate {} old",
    "access grant admin read {}",
    "access ls {}",
    "trust ls {}",
)
OF_A_VERSION = (
    "unpublish {}",
    "unpublish --yes {}",
    "dist-tag add {} newest",
    "deprecate {} old",
    "yank {} wrong",
)


def test_what_was_meant_by_who_changes_something(live: Server, bees: str, tmp_path: Path) -> None:
    admin = {"registry": live.registry_url, "user": live.admin[0], "password": live.admin[1]}
    for command in OF_A_PACKAGE:
        ran = run(*command.format("maners").split(), cwd=tmp_path, **admin)
        assert (ran.status, f"did you mean {bees}?" in ran.err) == (3, True), command
    for command in OF_A_VERSION:
        ran = run(*command.format(f"{bees}@1.1.9").split(), cwd=tmp_path, **admin)
        assert (ran.status, "Did you mean 1.1.0?" in ran.err) == (3, True), command
    assert run("access", "restricted", "unversioned", "--json", cwd=tmp_path, **admin).status == 0
    for name in (bees, "unversioned"):  # a name that is taken, and has no version yet
        ran = run("owner", "add", "nobody", name, cwd=tmp_path, **admin)
        assert "no user 'nobody'" in ran.err


def test_install_tells_what_changed(couchreg: Couchreg, live: Server, tmp_path: Path) -> None:
    folder = tmp_path / "alone"
    folder.mkdir()
    (folder / "a.csv").write_text("n\n1\n")
    resources = [{"name": "a", "path": "a.csv"}]
    (folder / "datapackage.json").write_text(json.dumps({"name": "alone", "resources": resources}))
    couchreg("publish", "alone", "--version", "1.0.0")
    assert "Installed alone@1.0.0" in couchreg("install", "alone", "--dir", "project").out
    assert couchreg("install", "alone", "--dir", "project").out == "Nothing to do: all of it is there.\n"


def test_another_version_of_the_very_same_bytes_is_told(couchreg: Couchreg, tmp_path: Path) -> None:
    folder = tmp_path / "alike"
    folder.mkdir()
    (folder / "a.csv").write_text("n\n1\n")
    resources = [{"name": "a", "path": "a.csv"}]
    (folder / "datapackage.json").write_text(json.dumps({"name": "alike", "resources": resources}))
    for version in ("1.0.0", "1.1.0"):
        couchreg("publish", "alike", "--version", version)
        told = couchreg("install", "alike@" + version, "--dir", "project").out
        assert f"Installed alike@{version}" in told
    assert couchreg("install", "alike@1.1.0", "--dir", "project").out.startswith("Nothing to do")


def test_binary_data_is_for_no_terminal(live: Server, bees: str, tmp_path: Path, couchreg: Couchreg) -> None:
    for name in ("picture", "broken", "red"):
        shown = at_terminal(tmp_path, "cat", f"{bees}/{name}", registry=live.registry_url)
        assert "is binary" in shown
        assert "PNG" not in shown
        assert "31m" not in shown
    assert "Größe" in at_terminal(tmp_path, "cat", f"{bees}/drawn", registry=live.registry_url)
    assert "north,40000" in at_terminal(tmp_path, "cat", f"{bees}/hives", registry=live.registry_url)


def test_a_bad_name_is_a_wrong_command(couchreg: Couchreg, bees: str) -> None:
    for arguments in (
        ["dist-tag", "add", f"{bees}@1.0.0", "not a tag"],
        ["dist-tag", "add", f"{bees}@1.0.0", "1.0.0"],
        ["adduser", "Not A Name", "--password-stdin"],
    ):
        assert couchreg(*arguments).status == 2


class Proxy(Answering):
    def do_GET(self) -> None:
        if self.path.startswith("/to/"):  # /to/PORT/…
            self._lead(*self.path.split("/")[2:])
            return
        stated = [number for number in (200, 413, 502) if f"/{number}" in self.path]
        status = stated[0] if stated else 403
        self.send_response(status)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<html>Blocked</html>")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.do_GET()

    def _lead(self, port: str, *path: str) -> None:
        self.send_response(301)
        self.send_header("Location", f"http://127.0.0.1:{port}/{'/'.join(path)}")
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def proxy() -> Iterator[str]:
    with answering(Proxy) as url:
        yield url


def test_a_proxy_that_answers_is_named(proxy: str, tmp_path: Path) -> None:
    blocked = run("search", "x", cwd=tmp_path, registry=proxy)
    assert (blocked.status, "in its place" in blocked.err) == (1, True)
    down = run("search", "x", cwd=tmp_path, registry=f"{proxy}/502")
    assert (down.status, "in its place" in down.err) == (7, True)
    page = run("search", "x", cwd=tmp_path, registry=f"{proxy}/200")  # as a network does that wants a login
    assert (page.status, "answers with a page" in page.err, "in its place" in page.err) == (1, True, True)


def test_a_proxy_that_takes_nothing_large_says_so_of_itself(proxy: str, tmp_path: Path) -> None:
    done = run("login", "anna", "--password-stdin", stdin="x\n", cwd=tmp_path, registry=f"{proxy}/413")
    assert (done.status, "no request that large" in done.err, "login?" in done.err) == (1, True, False)


def test_an_address_that_leads_to_another_is_named(proxy: str, live: Server, tmp_path: Path) -> None:
    """As from http: to https:. What needs no login is read all the same."""
    port = live.registry_url.rpartition(":")[2].strip("/")
    moved = {"registry": f"{proxy}/to/{port}", "user": live.admin[0], "password": live.admin[1]}
    assert run("search", "x", cwd=tmp_path, **moved).status == 0
    for words, why in (
        (["whoami"], "login is not sent"),
        (["login", "--password-stdin"], "nothing was sent"),
    ):
        done = run(*words, stdin="x\n", cwd=tmp_path, **moved)
        assert (done.status, why in done.err) == (4, True), done.err
        assert f"leads to http://127.0.0.1:{port}," in done.err


def test_sizes() -> None:
    sizes = {0: "0 bytes", 1: "1 byte", 999: "999 bytes", 1000: "1.0 kB", 4_900_000: "4.9 MB"}
    assert {size: human(size) for size in sizes} == sizes
    assert human(5 * 10**15) == "5000.0 TB"


def test_an_interruption_has_one_word(live: Server, tmp_path: Path) -> None:
    """At a prompt as elsewhere."""
    env = environment(COUCHREG_CONFIG=str(tmp_path / "no-config.toml"), COUCHREG_REGISTRY=live.registry_url)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "couchreg", "login", "anna"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=env, stdin=theirs, stdout=theirs, stderr=theirs
    ) as asked:
        os.close(theirs)
        shown = b""
        while b"Password of anna" not in shown:
            shown += os.read(ours, 65536)
        asked.send_signal(signal.SIGINT)
        while b"Interrupted." not in shown:
            shown += os.read(ours, 65536)
        assert asked.wait(60) == 130
    os.close(ours)
    assert b"Aborted" not in shown


def at_terminal(cwd: Path, *arguments: str, **variables: str) -> str:
    """What a command shows at a terminal 60 characters wide."""
    env = environment(COUCHREG_CONFIG=str(cwd / "no-config.toml"), COLUMNS="60", TERM="dumb")
    env |= {f"COUCHREG_{name.upper()}": value for name, value in variables.items()}
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "couchreg", *arguments]
    with subprocess.Popen(command, cwd=cwd, env=env, stdin=theirs, stdout=theirs, stderr=theirs):
        os.close(theirs)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # Linux says so when the other end is closed
                break
            if not piece:
                break
            shown += piece
    os.close(ours)
    return shown.decode().replace("\r\n", "\n")
