"""adduser, login, logout, whoami, passwd, token, owner and unpublish, as a person and a script use them."""

import json
import os
import pty
import stat
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from tests.cli.conftest import Ran, run
from tests.processes import Server, environment

PASSWORD = "correct horse"
_numbers = count(1)

Command = Callable[..., Ran]


@pytest.fixture
def command(live: Server, tmp_path: Path) -> Command:
    """Runs a command as nobody in particular: the configuration file says who."""

    def ran(*arguments: str, **more: str) -> Ran:
        return run(*arguments, cwd=tmp_path, **({"registry": live.registry_url} | more))

    return ran


@pytest.fixture
def name(command: Command) -> str:
    """A new account, not logged in."""
    made = f"user-{next(_numbers)}"
    done = command("adduser", made, "--email", "u@example.org", "--password-stdin", stdin=f"{PASSWORD}\n")
    assert done.status == 0, done.err
    return made


@pytest.fixture
def user(command: Command, name: str) -> str:
    """A new account, logged in."""
    done = command("login", name, "--password-stdin", stdin=f"{PASSWORD}\n")
    assert (done.status, name in done.out) == (0, True), done.err
    return name


def package(folder: Path, version: str = "1.0.0") -> str:
    folder.mkdir(exist_ok=True)
    fields = [{"name": "n", "type": "integer"}]
    resource = {"name": "r", "path": "r.csv", "schema": {"fields": fields}}
    descriptor = {"name": folder.name, "version": version, "resources": [resource]}
    (folder / "datapackage.json").write_text(json.dumps(descriptor))
    (folder / "r.csv").write_text("n\n1\n")
    return str(folder)


def test_a_login_leaves_a_token_for_its_owner_only_and_no_password(
    command: Command, user: str, tmp_path: Path
) -> None:
    file = tmp_path / "no-config.toml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert PASSWORD not in file.read_text()
    assert 'token = "couchreg_' in file.read_text()
    assert command("whoami").out == f"{user}\n"
    about = command("whoami", "--json").json
    assert (about["name"], about["token"]["scope"]) == (user, "admin")


def test_after_logging_out_the_token_is_worth_nothing(command: Command, user: str, tmp_path: Path) -> None:
    file = tmp_path / "no-config.toml"
    token = file.read_text().partition('token = "')[2].partition('"')[0]
    assert command("whoami", token=token).status == 0
    assert command("logout").status == 0
    assert "token" not in file.read_text()
    assert command("whoami", token=token).status == 4
    assert command("whoami").status == 4
    assert command("logout").status == 2


def test_a_wrong_password_logs_nobody_in(command: Command, name: str, tmp_path: Path) -> None:
    done = command("login", name, "--password-stdin", "--json", stdin="wrong\n")
    assert (done.status, done.json["error"]) == (4, "unauthorized")
    assert not (tmp_path / "no-config.toml").exists()


def test_passwd_takes_the_old_password(command: Command, name: str) -> None:
    assert command("passwd", name, "--password-stdin", stdin="wrong\nnew\n").status == 4
    assert command("passwd", name, "--password-stdin", stdin=f"{PASSWORD}\nnew\n").status == 0
    assert command("whoami", user=name, password=PASSWORD).status == 4
    assert command("whoami", user=name, password="new").status == 0


def test_a_taken_name_is_refused(command: Command, name: str) -> None:
    done = command("adduser", name, "--password-stdin", stdin="other\n")
    assert (done.status, "taken" in done.err) == (5, True)


def test_without_a_terminal_the_way_is_told(command: Command) -> None:
    done = command("adduser", "nobody")
    assert (done.status, "--password-stdin" in done.err) == (2, True)
    assert command("passwd", "nobody", "--password-stdin").status == 2


def test_tokens_are_made_listed_used_and_revoked(command: Command, user: str, tmp_path: Path) -> None:
    options = ["--scope", "publish", "--package", f"{user}-*", "--days", "7", "--label", "ci"]
    done = command("token", "create", *options)
    assert done.status == 0, done.err
    token = done.out.strip()
    listed = command("token", "ls", "--json").json
    [row] = [row for row in listed if row["label"] == "ci"]
    assert (row["scope"], row["packages"]) == ("publish", [f"{user}-*"])
    assert row["expires"] is not None
    shown = command("token", "ls").out
    assert row["id"] in shown
    assert token not in shown
    folder = package(tmp_path / f"{user}-data")
    assert command("publish", folder, token=token).status == 0
    assert command("publish", package(tmp_path / "elsewhere"), token=token).status == 4
    assert command("token", "create", "--scope", "admin", token=token).status == 4
    assert command("token", "revoke", row["id"]).status == 0
    assert command("publish", folder, token=token).status == 4


def test_owners_are_listed_added_and_removed(command: Command, user: str, tmp_path: Path) -> None:
    data = f"{user}-data"
    assert command("publish", package(tmp_path / data)).status == 0
    assert command("adduser", f"{user}-friend", "--password-stdin", stdin="friend\n").status == 0
    assert command("owner", "add", f"{user}-friend", data).status == 0
    assert command("owner", "ls", data).out == f"{user} <u@example.org>\n{user}-friend\n"
    friend = {"user": f"{user}-friend", "password": "friend"}
    assert command("publish", package(tmp_path / data, "2.0.0"), **friend).status == 0
    assert command("owner", "rm", f"{user}-friend", data, "--json").json["owners"] == [user]
    assert command("publish", package(tmp_path / data, "3.0.0"), **friend).status == 4
    assert command("owner", "rm", user, data).status == 4
    assert command("owner", "add", "nobody-of-this-name", data).status == 3


def test_versions_are_deleted_one_by_one_or_all_when_said(
    command: Command, user: str, tmp_path: Path
) -> None:
    data = f"{user}-data"
    for version in ("1.0.0", "2.0.0", "3.0.0"):
        command("publish", package(tmp_path / data, version))
    refused = command("unpublish", f"{data}@3.0.0")
    assert (refused.status, f"{data}@3.0.0 for good" in refused.err) == (2, True)
    assert command("unpublish", f"{data}@3.0.0", "--yes").out == f"Deleted {data}@3.0.0\n"
    assert command("info", data, "--json").json["version"] == "2.0.0"
    assert command("unpublish", data).status == 2
    assert command("unpublish", data, "--yes", "--json").json["versions"] == ["1.0.0", "2.0.0"]
    assert command("info", data).status == 3


def test_at_a_terminal_the_password_is_not_shown(live: Server, name: str, tmp_path: Path) -> None:
    master, slave = pty.openpty()
    terminal = os.ttyname(slave)
    login = [sys.executable, "-m", "couchreg", "login", name, "--registry", live.registry_url]
    script = ["sh", "-c", f'exec "$@" <{terminal} >{terminal} 2>&1', "sh", *login]
    env = environment(COUCHREG_CONFIG=str(tmp_path / "config.toml"))
    process = subprocess.Popen(script, env=env, start_new_session=True)  # which makes it its terminal
    shown = b""
    while b"Password" not in shown:
        shown += os.read(master, 1000)
    os.write(master, PASSWORD.encode() + b"\n")
    assert process.wait(60) == 0
    os.close(slave)
    while chunk := _rest(master):
        shown += chunk
    os.close(master)
    assert b"Logged in" in shown
    assert PASSWORD.encode() not in shown


def _rest(master: int) -> bytes:
    try:
        return os.read(master, 1000)
    except OSError:  # nobody has the terminal open any more
        return b""
