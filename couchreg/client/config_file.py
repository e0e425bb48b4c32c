"""The file in which a login is kept between commands: `config.toml`, for its owner's eyes only.

It holds `registry`, `user` and `token`, never a password.
"""

import os
import stat
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path

import click

from couchreg.client.environment import CONFIG, value
from couchreg.client.errors import UsageError
from couchreg.model import json

KEYS = ("registry", "user", "token")


def config_file() -> Path:
    """Where the file is, on this platform."""
    named = value(CONFIG)
    return Path(named).expanduser() if named else Path(click.get_app_dir("couchreg")) / "config.toml"


def read(file: Path) -> dict[str, str]:
    """What the file holds; nothing where there is none. Raises UsageError."""
    try:
        kept = tomllib.loads(file.read_text("utf-8"))
        mode = stat.S_IMODE(file.stat().st_mode)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} cannot be read: {error}.") from None
    if "password" in kept:
        raise UsageError(f"{file} holds a password. Take it out, and use couchreg login: that keeps a token.")
    if "token" in kept and os.name == "posix" and mode & 0o077:
        raise UsageError(f"{file} holds a token and others may read it: chmod 600 {file}")
    for key, kept_value in kept.items():
        if key not in KEYS or not isinstance(kept_value, str):
            raise UsageError(f"{file} may have {', '.join(KEYS)}, each a string: {key} is wrong.")
    return kept


def write(file: Path, kept: Mapping[str, str]) -> None:
    """Replace the file, whole or not at all. Raises UsageError."""
    text = "".join(f"{key} = {json.quote(kept[key]).decode()}\n" for key in KEYS if key in kept)
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=".config-", dir=file.parent)  # mode 0600 from the start
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as temporary:
                temporary.write(text)
            os.replace(name, file)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}.") from None
