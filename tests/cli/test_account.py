"""Where the registry's address and the login come from, and where the login goes."""

from pathlib import Path

import pytest

from couchreg.cli.account import account_of
from couchreg.client import Credentials, Token
from couchreg.client.account import Account, look_up
from couchreg.client.config_file import config_file
from couchreg.client.errors import UsageError

A, B = "http://127.0.0.1:8001/", "http://127.0.0.1:8002/"


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "config.toml"
    monkeypatch.setenv("COUCHREG_CONFIG", str(file))
    for name in ("REGISTRY", "USER", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"COUCHREG_{name}", raising=False)
    return file


def write(config: Path, text: str, mode: int = 0o600) -> None:
    config.write_text(text)
    config.chmod(mode)


def test_the_default_is_this_machine_and_nobody() -> None:
    assert account_of(None, None) == Account("http://127.0.0.1:8000/", None)


def test_the_file_is_used(config: Path) -> None:
    write(config, f'registry = "{A}"\nuser = "ada"\ntoken = "t"\n')
    assert account_of(None, None) == Account(A, Token("t"), "ada")


def test_flags_win_and_the_environment_gives_the_password(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(config, f'registry = "{A}"\nuser = "ada"\ntoken = "t"\n')
    monkeypatch.setenv("COUCHREG_PASSWORD", "other")
    assert account_of(B, "bob") == Account(B, Credentials("bob", "other"), "bob")
    assert account_of(None, None) == Account(A, Credentials("ada", "other"), "ada")


def test_a_token_of_the_environment_wins_over_the_file(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(config, f'registry = "{A}"\nuser = "ada"\ntoken = "t"\n')
    monkeypatch.setenv("COUCHREG_TOKEN", "other")
    assert account_of(None, None).login == Token("other")
    assert account_of(B, None).login == Token("other")
    assert account_of(A, "bob").login is None
    monkeypatch.setenv("COUCHREG_USER", "bob")
    assert account_of(B, None) == look_up(B) == Account(B, Token("other"))


def test_a_kept_token_goes_to_its_own_registry_and_user_only(config: Path) -> None:
    write(config, f'registry = "{A}"\nuser = "ada"\ntoken = "t"\n')
    assert account_of(B, None).login is None
    assert account_of(B, "ada").login is None
    assert account_of(A, "bob").login is None
    assert account_of(A.rstrip("/"), "ada").login == Token("t")


def test_a_login_written_into_the_address_is_taken_out_of_it() -> None:
    assert account_of("http://ada:s%40cret@127.0.0.1:8001", None) == Account(
        A, Credentials("ada", "s@cret"), "ada"
    )


@pytest.mark.parametrize(
    "address", ["ftp://x", "localhost:8000", "http://", "http://h/?q=1", "http://h:port"]
)
def test_what_is_no_address_is_said(address: str) -> None:
    with pytest.raises(UsageError, match="not the address"):
        account_of(address, None)


def test_a_token_that_others_may_read_is_refused(config: Path) -> None:
    write(config, 'user = "ada"\ntoken = "secret"\n', 0o644)
    with pytest.raises(UsageError, match="chmod 600"):
        account_of(None, None)


def test_a_file_with_a_password_is_refused(config: Path) -> None:
    write(config, 'user = "ada"\npassword = "secret"\n')
    with pytest.raises(UsageError, match="couchreg login") as refused:
        account_of(None, None)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("text", ['pasword = "x"', "user = 1", "user ="])
def test_a_wrong_file_is_said(config: Path, text: str) -> None:
    write(config, text)
    with pytest.raises(UsageError, match=r"config\.toml"):
        account_of(None, None)


def test_a_password_is_never_shown() -> None:
    assert "secret" not in repr(account_of("http://ada:secret@127.0.0.1:1", None))
    assert "secret" not in repr(Token("secret"))


def test_the_file_lies_in_the_users_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("COUCHREG_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert config_file().is_relative_to(tmp_path)
    assert config_file().parts[-2:] == ("couchreg", "config.toml")
