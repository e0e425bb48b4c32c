"""`couchreg serve` as a person meets it: its own process, its words, its exit status."""

import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from couchreg.config import describe
from tests.processes import environment, running


def couchreg(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "couchreg", *words],
        env=environment(**environ),
        timeout=60,
        check=False,
        capture_output=True,
        text=True,
    )


def get(url: str) -> bytes:
    with urllib.request.urlopen(url) as answer:
        data: bytes = answer.read()
    return data


def test_it_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        assert b"Welcome" in get(server.registry_url + "/")
        assert b"Welcome" in get(server.couch_url + "/")
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(30) == 0


def test_what_checks_packages_starts_before_the_first_of_them(tmp_path: Path) -> None:
    with running(tmp_path / "data", program=True) as server:
        tasks = Path(f"/proc/{server.process.pid}/task")
        children = [child for task in tasks.iterdir() for child in (task / "children").read_text().split()]
        commands = [Path(f"/proc/{child}/cmdline").read_bytes() for child in children]
    assert [command for command in commands if b"fork_server" in command] != []


def test_it_starts_again_after_a_kill(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        server.kill()
        with running(tmp_path / "data") as again:
            assert b"Welcome" in get(again.couch_url + "/")


def test_the_password_of_the_first_admin_is_shown_once(tmp_path: Path) -> None:
    shown = [_start_and_end(tmp_path / "data") for _ in range(2)]
    assert ["Admin " in lines for lines in shown] == [True, False]


def _start_and_end(data: Path) -> str:
    command = [sys.executable, "-m", "couchreg", "serve", "--port", "0", "--couch-port", "0"]
    command += ["--data-dir", str(data)]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        shown = ""
        for line in process.stdout:
            shown += line
            if line.startswith("Ready"):
                process.terminate()
    assert process.returncode == 0
    return shown


@pytest.mark.parametrize(
    ("words", "environ", "said"),
    [
        (
            ["--port", "eighty"],
            {},
            "couchreg: The setting --port is wrong: 'eighty' is not a whole number.\n",
        ),
        (
            [],
            {"COUCHREG_PROT": "1"},
            "couchreg: There is no setting for the environment variable COUCHREG_PROT.\n",
        ),
        (
            ["--data-dir", "/dev/null/x"],
            {},
            "couchreg: /dev/null/x cannot be used: Not a directory. "
            "Mend it, or choose another data directory with --data-dir.\n",
        ),
    ],
)
def test_what_stops_the_start_is_one_sentence_and_status_2(
    words: list[str], environ: dict[str, str], said: str
) -> None:
    ended = couchreg("serve", *words, **environ)
    assert (ended.returncode, ended.stderr, ended.stdout) == (2, said, "")


def test_a_taken_port_is_one_sentence_and_status_2(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = couchreg("serve", "--data-dir", str(tmp_path / "data"), "--port", port)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"couchreg: Port {port} of 127.0.0.1 is not available")
    assert ended.stderr.count("\n") == 1


def test_an_unknown_flag_is_refused() -> None:
    ended = couchreg("serve", "--prot", "1")
    assert ended.returncode == 2
    assert "--prot" in ended.stderr


def test_the_help_shows_every_setting() -> None:
    shown = couchreg("serve", "--help").stdout
    assert all(row.flag in shown and row.environment in shown for row in describe())


def test_the_help_of_the_command_names_its_commands_without_importing_them() -> None:
    code = (
        "import sys, couchreg.cli.main as m; m.cli(['--help'], standalone_mode=False);"
        " print('aiohttp' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "serve" in ended.stdout
    assert ended.stdout.strip().endswith("False")
