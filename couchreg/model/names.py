"""Names: of databases (CouchDB's rules), of packages and their versions (npm's words).

Owns which names are legal. How versions compare and what a range means is `versions`', whose words are
offered here too. Does not know whether a database or package exists.
"""

import re
from typing import Final

from couchreg.errors import BadRequest, IllegalDatabaseName
from couchreg.model.versions import choose, is_prerelease, latest, satisfies, sort_versions

__all__ = [
    "RESERVED",
    "SYSTEM_DATABASES",
    "DatabaseNameTooLong",
    "check_database_name",
    "check_package_name",
    "check_version",
    "choose",
    "is_package_name",
    "is_prerelease",
    "is_system_database",
    "is_version",
    "latest",
    "satisfies",
    "sort_versions",
]

# -- databases

SYSTEM_DATABASES: Final = frozenset(
    {"_users", "_replicator", "_global_changes", "_dbs", "_nodes", "_metadata"}
)
_DATABASE: Final = re.compile(r"[a-z][a-z0-9_$()+/-]*\Z")
_LONGEST_FOLDER: Final = 255  # CouchDB keeps the parts of a name as folders and a file
_LONGEST_FILE: Final = 238  # whose name has a suffix of 17 bytes


class DatabaseNameTooLong(BadRequest):
    error = "database_name_too_long"


def check_database_name(name: str) -> None:
    """Raises IllegalDatabaseName or DatabaseNameTooLong, in CouchDB's words."""
    if not (_DATABASE.match(name) or is_system_database(name)):
        raise IllegalDatabaseName(
            f"Name: '{name}'. Only lowercase characters (a-z), digits (0-9), and any of the characters "
            "_, $, (, ), +, -, and / are allowed. Must begin with a letter."
        )
    *folders, file = name.split("/")
    if len(file) > _LONGEST_FILE or any(len(folder) > _LONGEST_FOLDER for folder in folders):
        raise DatabaseNameTooLong(f"At least one path segment of `{name}` is too long.")


def is_system_database(name: str) -> bool:
    """`_users` and its kin, also in a folder (`team/_users`)."""
    folder, slash, last = name.rpartition("/")
    return last in SYSTEM_DATABASES and (not slash or _DATABASE.match(folder) is not None)


# -- packages

RESERVED: Final = frozenset({"search", "adduser", "owner", "latest"})
_PACKAGE: Final = re.compile(r"[a-z0-9][a-z0-9._-]*\Z")
_VERSION: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]*\Z")
_LONGEST: Final = 150  # as a folder of the blob store: `package/layout.py` takes no more


def is_package_name(name: str) -> bool:
    return len(name) <= _LONGEST and _PACKAGE.match(name) is not None and name not in RESERVED


def check_package_name(name: str) -> None:
    """Raises BadRequest with a reason to act on."""
    if name in RESERVED:
        raise BadRequest(f"The package name {name!r} is reserved.")
    if not is_package_name(name):
        raise BadRequest(
            f"A package cannot be called {name!r}: use lower-case letters, digits, '.', '_' and '-', "
            f"begin with a letter or digit, at most {_LONGEST} characters."
        )


def is_version(version: str) -> bool:
    return len(version) <= _LONGEST and _VERSION.match(version) is not None and version not in RESERVED


def check_version(version: str) -> None:
    """Raises BadRequest with a reason to act on."""
    if version in RESERVED:
        raise BadRequest(f"The version {version!r} is reserved.")
    if not is_version(version):
        raise BadRequest(
            f"A version cannot be {version!r}: use letters, digits, '.', '+', '_' and '-', "
            f"begin with a letter or digit, at most {_LONGEST} characters."
        )
