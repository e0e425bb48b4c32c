"""`datapackage-lock.json`: which versions a folder of packages has, and the hash of every file of them.

    {"lockVersion": 1, "packages": {"gdp": {"version": "2026", "wanted": "^2026", "registry": "http://…/",
        "dependencies": {"population": "^2023"}, "files": [{"path": …, "bytes": …, "hash": "sha256:…"}]}}}

`wanted` is what was asked for by name, and absent where another package is the reason. Belongs into version
control: the same lock gives the same bytes, or an error.
"""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from couchreg.client.errors import UsageError
from couchreg.errors import BadRequest
from couchreg.model import json
from couchreg.package.names import is_package_name

LOCK = "datapackage-lock.json"
VERSION = 1
ANY = "*"  # the latest, whatever it is


@dataclass(frozen=True, slots=True)
class Locked:
    """One package of a lock file."""

    name: str
    version: str
    registry: str
    wanted: str | None  # None for what only others depend on
    dependencies: Mapping[str, str]
    files: tuple[Mapping[str, Any], ...]

    @property
    def hashes(self) -> dict[str, str]:
        """Path -> SHA-256 in hex."""
        return {str(file["path"]): str(file["hash"]).removeprefix("sha256:") for file in self.files}

    def to_json(self) -> dict[str, Any]:
        asked = {} if self.wanted is None else {"wanted": self.wanted}
        return {
            "version": self.version,
            **asked,
            "registry": self.registry,
            "dependencies": dict(self.dependencies),
            "files": [dict(file) for file in self.files],
        }


Lock = dict[str, Locked]


def read_lock(folder: Path) -> Lock:
    """The packages by name; empty without a lock file. Raises UsageError."""
    file = folder / LOCK
    try:
        value = json.decode(file.read_bytes())
        if value["lockVersion"] != VERSION:
            raise UsageError(f"{file} has the version {value['lockVersion']}: install a newer couchreg.")
        return {name: _locked(name, members) for name, members in value["packages"].items()}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from None
    except (BadRequest, KeyError, TypeError, AttributeError, ValueError):
        raise UsageError(f"{file} is damaged: restore it, or delete it and install again.") from None


def _locked(name: str, members: Mapping[str, Any]) -> Locked:
    files = tuple({key: file[key] for key in ("path", "bytes", "hash")} for file in members["files"])
    if not is_package_name(name) or not isinstance(members["version"], str):
        raise ValueError(name)
    dependencies = {str(key): str(value) for key, value in members["dependencies"].items()}
    wanted = members.get("wanted")
    asked = None if wanted is None else str(wanted)
    return Locked(name, members["version"], str(members["registry"]), asked, dependencies, files)


def write_lock(folder: Path, lock: Lock) -> None:
    """Replace the lock file, whole or not at all. Raises UsageError."""
    import json as pretty  # for people and for diffs: indented, in order

    packages = {name: lock[name].to_json() for name in sorted(lock)}
    text = pretty.dumps({"lockVersion": VERSION, "packages": packages}, indent=2, ensure_ascii=False)
    temporary = folder / f".{LOCK}.{secrets.token_hex(8)}"
    try:
        try:
            with temporary.open("x", encoding="utf-8") as file:  # never through a link that is there
                file.write(text + "\n")
            os.replace(temporary, folder / LOCK)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(f"{folder / LOCK} cannot be written: {error.strerror}.") from None
