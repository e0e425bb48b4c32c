"""Names of databases: which are legal, by CouchDB's rules. Does not know whether a database exists."""

import re
from typing import Final

from couchreg.errors import BadRequest, IllegalDatabaseName

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
