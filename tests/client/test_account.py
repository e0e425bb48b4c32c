"""Where a program's registry and login come from when it does not say."""

from pathlib import Path

import pytest

from couchreg.client.account import look_up
from couchreg.client.errors import UsageError
from couchreg.client.transport import Credentials, Token

A, B = "http://127.0.0.1:8001/", "http://127.0.0.1:8002/"


@pytest.fixture(autouse=True)
def config(settings: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As `couchreg login` leaves it."""
    file = tmp_path / "config.toml"
    monkeypatch.setenv("COUCHREG_CONFIG", str(file))
    monkeypatch.delenv("COUCHREG_REGISTRY")
    file.write_text(f'registry = "{A}"\nuser = "ada"\ntoken = "kept"\n')
    file.chmod(0o600)
    return file


def test_a_login_is_used_at_its_own_registry_only() -> None:
    assert look_up() == (A, Token("kept"), "ada")
    assert look_up(A, "ada") == (A, Token("kept"), "ada")
    assert look_up(A, "bob") == (A, None, "bob")
    assert look_up(B) == (B, None, None)


def test_arguments_win_over_the_environment_and_that_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUCHREG_TOKEN", "environ")
    assert look_up() == (A, Token("environ"), None)
    monkeypatch.setenv("COUCHREG_USER", "eve")
    monkeypatch.setenv("COUCHREG_PASSWORD", "secret")
    assert look_up(B) == (B, Credentials("eve", "secret"), "eve")
    assert look_up(B, "bob", "other") == (B, Credentials("bob", "other"), "bob")
    assert look_up(B, token="given") == (B, Token("given"), None)
    assert look_up("http://x:y@127.0.0.1:8002") == (B, Credentials("x", "y"), "x")


def test_a_file_that_others_may_read_is_refused(config: Path) -> None:
    config.chmod(0o644)
    with pytest.raises(UsageError, match="chmod 600"):
        look_up()
