"""Names of packages and their versions (npm's words), and the ids of their documents. Pure.

Owns which texts are legal names and versions. How versions compare is `versions`'. Does not know whether a
package exists.
"""

import re
from typing import Final

from couchreg.errors import BadRequest
from couchreg.package.versions import LATEST

MAX_NAME: Final = 150  # characters of a name or a version: each is a folder of the datastore
NAME_PATTERN: Final = "[a-z0-9][a-z0-9._-]*"
VERSION_PATTERN: Final = "[0-9A-Za-z][0-9A-Za-z.+_-]*"
RESERVED: Final = frozenset({"search", "adduser", "owner", LATEST})
_NAME: Final = re.compile(NAME_PATTERN)
_VERSION: Final = re.compile(VERSION_PATTERN)


def is_package_name(name: str) -> bool:
    return len(name) <= MAX_NAME and _NAME.fullmatch(name) is not None and name not in RESERVED


def check_package_name(name: str) -> None:
    """Raises BadRequest with a reason to act on."""
    if name in RESERVED:
        raise BadRequest(f"The package name {name!r} is reserved.")
    if not is_package_name(name):
        raise BadRequest(
            f"A package cannot be called {name!r}: use lower-case letters, digits, '.', '_' and '-', "
            f"begin with a letter or digit, at most {MAX_NAME} characters."
        )


def is_version(version: str) -> bool:
    return len(version) <= MAX_NAME and _VERSION.fullmatch(version) is not None and version not in RESERVED


def check_version(version: str) -> None:
    """Raises BadRequest with a reason to act on."""
    if version in RESERVED:
        raise BadRequest(f"The version {version!r} is reserved.")
    if not is_version(version):
        raise BadRequest(
            f"A version cannot be {version!r}: use letters, digits, '.', '+', '_' and '-', "
            f"begin with a letter or digit, at most {MAX_NAME} characters."
        )


def version_id(name: str, version: str) -> str:
    """The id of the document of one published version."""
    return f"{name}@{version}"


def split_version_id(doc_id: str) -> tuple[str, str] | None:
    """Name and version of a version document's id, None for any other id."""
    name, at, version = doc_id.partition("@")
    return (name, version) if at and is_package_name(name) and is_version(version) else None


def package_of(doc_id: str) -> str | None:
    """The package that a document is about: a version's, or the package's own; None for others."""
    found = split_version_id(doc_id)
    return found[0] if found else doc_id if is_package_name(doc_id) else None
