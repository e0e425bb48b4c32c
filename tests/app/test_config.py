"""Settings: where they come from, and the sentence about a wrong one."""

from pathlib import Path
from typing import Any

import pytest

from couchreg.client.environment import VARIABLES
from couchreg.config import Settings, SettingsError, describe, load


def read(directory: Path, toml: str = "", environ: dict[str, str] | None = None, **flags: Any) -> Settings:
    (directory / "couchreg.toml").write_text(toml)
    return load({"data_dir": str(directory), **flags}, environ or {})


def test_flags_win_over_the_environment_over_the_file_over_defaults(tmp_path: Path) -> None:
    toml = 'port = 1\ncouch-port = 1\nhost = "h"'
    found = read(tmp_path, toml, {"COUCHREG_PORT": "2", "COUCHREG_COUCH_PORT": "2"}, port="3")
    assert (found.port, found.couch_port, found.host, found.validation) == (3, 2, "h", "strict")
    assert read(tmp_path, environ={"COUCHREG_PORT": ""}).port == 8000


def test_the_data_directory_of_the_environment_holds_the_file(tmp_path: Path) -> None:
    (tmp_path / "couchreg.toml").write_text("port = 7")
    found = load({}, {"COUCHREG_DATA_DIR": str(tmp_path)})
    assert (found.data_dir, found.port) == (tmp_path, 7)


@pytest.mark.parametrize(
    ("toml", "environ", "flags", "words"),
    [
        ("", {}, {"port": "eighty"}, ["--port", "'eighty' is not a whole number"]),
        ("", {}, {"port": "65536"}, ["--port", "not between 0 and 65535"]),
        ("", {"COUCHREG_COUCH_PORT": "x"}, {}, ["COUCHREG_COUCH_PORT", "not a whole number"]),
        ("port = true", {}, {}, ["port in", "couchreg.toml", "not a whole number"]),
        ("prot = 1", {}, {}, ["no setting", "prot in", "couchreg.toml"]),
        ('data-dir = "x"', {}, {}, ["no setting", "data-dir"]),
        ("port = ", {}, {}, ["couchreg.toml", "not valid TOML"]),
        ("", {"COUCHREG_PROT": "1"}, {}, ["no setting", "COUCHREG_PROT"]),
        ("", {}, {"validation": "maybe"}, ["--validation", "'maybe' is not one of strict, warn, off"]),
        ("", {}, {"public_url": "example.org"}, ["--public-url", "http"]),
        ("", {"COUCHREG_OIDC_ISSUERS": "https://gitlab.com"}, {}, ["COUCHREG_OIDC_ISSUERS", "--public-url"]),
        ("", {}, {"admin": "nopassword"}, ["--admin", "name:password"]),
        ("", {}, {"docstore": "couch:5984"}, ["--docstore", "neither “sqlite” nor"]),
    ],
)
def test_a_wrong_setting_is_named_with_its_fault(
    tmp_path: Path, toml: str, environ: dict[str, str], flags: dict[str, str], words: list[str]
) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, toml, environ, **flags)
    assert all(word in caught.value.reason for word in words), caught.value.reason
    assert "\n" not in caught.value.reason.partition("not valid TOML")[0]


def test_a_wrong_admin_does_not_show_the_password(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, environ={"COUCHREG_ADMIN": ":hunter2"})
    assert "hunter2" not in caught.value.reason


def test_variables_of_the_client_are_not_settings(tmp_path: Path) -> None:
    read(tmp_path, environ=dict.fromkeys(VARIABLES, "x"))
    read(tmp_path, environ={"COUCHREG_PASSWORD": "x", "COUCHREG_TEST_COUCHDB": "y", "PATH": "z"})


def test_every_setting_is_described_and_reads_its_own_default() -> None:
    for row in describe():
        assert row.doc.endswith(".")
        assert row.environment == "COUCHREG_" + row.name.upper()
        if row.default:
            assert str(getattr(load({row.name: row.default}, {}), row.name)) == row.default
