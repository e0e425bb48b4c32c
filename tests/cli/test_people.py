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
from tests.processes import ADMIN, Server, environment

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
    assert command("passwd", name, "--password-stdin", stdin="wrong\nanother one\n").status == 4
    assert command("passwd", name, "--password-stdin", stdin=f"{PASSWORD}\nanother one\n").status == 0
    assert command("whoami", user=name, password=PASSWORD).status == 4
    assert command("whoami", user=name, password="another one").status == 0


def test_a_taken_name_is_refused(command: Command, name: str) -> None:
    done = command("adduser", name, "--password-stdin", stdin="another one\n")
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
    assert f"ends {row['expires']}" in done.err
    shown = command("token", "ls").out
    assert row["id"] in shown
    assert "never used" in shown
    assert token not in shown
    folder = package(tmp_path / f"{user}-data")
    assert command("publish", folder, token=token).status == 0
    while " used 20" not in command("token", "ls").out:  # it is written a moment later
        assert command("whoami", token=token).status == 0
    assert command("publish", package(tmp_path / "elsewhere"), token=token).status == 4
    assert command("token", "create", "--scope", "admin", token=token).status == 4
    assert command("token", "revoke", row["id"]).status == 0
    assert command("publish", folder, token=token).status == 4


def test_owners_are_listed_added_and_removed(command: Command, user: str, tmp_path: Path) -> None:
    data = f"{user}-data"
    assert command("publish", package(tmp_path / data)).status == 0
    assert command("adduser", f"{user}-friend", "--password-stdin", stdin="friend of a\n").status == 0
    assert command("owner", "add", f"{user}-friend", data).status == 0
    assert command("owner", "ls", data).out == f"{user} <u@example.org>\n{user}-friend\n"
    friend = {"user": f"{user}-friend", "password": "friend of a"}
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
    assert (refused.status, f"deletes {data}@3.0.0." in refused.err) == (2, True)
    assert command("unpublish", f"{data}@3.0.0", "--yes").out.startswith(f"Deleted {data}@3.0.0\nUntil 20")
    assert command("unpublish", f"{data}@3.0.0", "--undo").out == f"Brought back {data}@3.0.0\n"
    assert command("unpublish", f"{data}@3.0.0", "--undo", "--for-good").status == 2
    gone = command("unpublish", f"{data}@3.0.0", "--yes", "--for-good")
    assert gone.out == f"Deleted {data}@3.0.0\n"
    assert command("unpublish", f"{data}@3.0.0", "--undo").status == 3
    assert command("info", data, "--json").json["version"] == "2.0.0"
    assert command("unpublish", data).status == 2
    assert command("unpublish", data, "--yes", "--json").json["versions"] == ["1.0.0", "2.0.0"]
    assert command("info", data).status == 3


def test_who_depends_on_it_is_named_before_anything_is_deleted(
    command: Command, user: str, live: Server, tmp_path: Path
) -> None:
    data, other = f"{user}-data", f"{user}-other"
    command("publish", package(tmp_path / data))
    folder = Path(package(tmp_path / other))
    members = json.loads((folder / "datapackage.json").read_text())
    (folder / "datapackage.json").write_text(json.dumps({**members, "dataDependencies": {data: "^1"}}))
    assert command("publish", str(folder)).status == 0
    said = f"1 package depends on {data}: {other}@1.0.0."
    refused = command("unpublish", f"{data}@1.0.0")
    while said not in refused.err:  # the search follows a moment later
        refused = command("unpublish", f"{data}@1.0.0")
    assert refused.status == 2
    for answer, status in ((b"n\n", 2), (b"\n", 2), (b"y\n", 0)):
        ended, shown = answering(tmp_path, live, answer, "unpublish", f"{data}@1.0.0")
        assert said in shown
        assert f"Delete {data}@1.0.0? [y/N]" in shown
        assert (ended, "Nothing was deleted." in shown) == (status, status == 2), shown
        assert command("info", data).status == (0 if status else 3)


def answering(folder: Path, live: Server, answer: bytes, *arguments: str) -> tuple[int, str]:
    """The status of a command at a terminal, and what it has shown, where its question is answered so."""
    ours, theirs = pty.openpty()
    env = environment(COUCHREG_CONFIG=str(folder / "no-config.toml"), COUCHREG_REGISTRY=live.registry_url)
    asked = [sys.executable, "-m", "couchreg", *arguments]
    process = subprocess.Popen(asked, cwd=folder, env=env, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    while b"[y/N]" not in shown and (chunk := _rest(ours)):
        shown += chunk
    os.write(ours, answer)
    while chunk := _rest(ours):
        shown += chunk
    os.close(ours)
    return process.wait(60), shown.decode().replace("\r\n", "\n")


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


def test_administrators_look_after_the_accounts_of_others(command: Command, name: str) -> None:
    def admin(*words: str, **more: str) -> Ran:
        return command("users", *words, user=ADMIN[0], password=ADMIN[1], **more)

    assert f"{name} <u@example.org>\n" in admin("ls").out
    assert admin("disable", name).out == f"{name} is disabled.\n"
    assert f"{name} <u@example.org> (disabled)\n" in admin("ls").out
    assert command("whoami", user=name, password=PASSWORD).status == 4
    assert admin("restore", name).status == 0
    assert command("whoami", user=name, password=PASSWORD).status == 0
    made = admin("reset-password", name, "--generate", "--json").json["password"]
    assert command("whoami", user=name, password=PASSWORD).status == 4
    assert command("whoami", user=name, password=made).status == 0
    assert admin("restore", name, "--password-stdin", stdin=f"{PASSWORD} again\n").status == 0
    assert command("whoami", user=name, password=f"{PASSWORD} again").status == 0
    assert command("users", "ls", user=name, password=f"{PASSWORD} again").status == 4
    assert admin("disable", "nobody").status == 3
