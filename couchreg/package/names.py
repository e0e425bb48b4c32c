"""Names of packages and their versions (npm's words), and the ids of their documents. Pure.

Owns which texts are legal names and versions. How versions compare is `versions`'. Does not know whether a
package exists.
"""

import re
import unicodedata
from typing import Final

from couchreg.errors import BadRequest
from couchreg.package.versions import LATEST

MAX_NAME: Final = 150  # characters of a name or a version: each is a folder of the datastore
NAME_PATTERN: Final = "[a-z0-9][a-z0-9._-]*"
VERSION_PATTERN: Final = "[0-9A-Za-z][0-9A-Za-z.+_-]*"
RESERVED: Final = frozenset({"search", "adduser", "owner", "api", LATEST})
# What browsers, crawlers and others ask every host for at its root.
WELL_KNOWN: Final = frozenset(
    {
        "ads.txt",
        "app-ads.txt",
        "browserconfig.xml",
        "clientaccesspolicy.xml",
        "crossdomain.xml",
        "favicon.ico",
        "favicon.png",
        "favicon.svg",
        "humans.txt",
        "index.htm",
        "index.html",
        "index.php",
        "llms.txt",
        "manifest.json",
        "manifest.webmanifest",
        "robots.txt",
        "security.txt",
        "service-worker.js",
        "site.webmanifest",
        "sitemap.xml",
        "sitemap.xml.gz",
        "sw.js",
    }
)
_ICON: Final = re.compile(r"apple-touch-icon[a-z0-9.-]*")
# Of no file or folder on Windows, whatever suffix is behind them.
_DEVICE: Final = re.compile(r"(?:con|prn|aux|nul|clock\$|conin\$|conout\$|com[0-9]|lpt[0-9])(?:\..*)?", re.I)
_NAME: Final = re.compile(NAME_PATTERN)
_VERSION: Final = re.compile(VERSION_PATTERN)


def is_package_name(name: str) -> bool:
    return len(name) <= MAX_NAME and _NAME.fullmatch(name) is not None and not _name_fault(name)


def check_package_name(name: str) -> None:
    """Raises BadRequest with a reason to act on."""
    fault = _name_fault(name)
    if fault:
        raise BadRequest(f"The package name {name!r} {fault}")
    if not is_package_name(name):
        raise BadRequest(
            f"A package cannot be called {name!r}: use lower-case letters, digits, '.', '_' and '-', "
            f"begin with a letter or digit, at most {MAX_NAME} characters."
        )


def is_version(version: str) -> bool:
    right = len(version) <= MAX_NAME and _VERSION.fullmatch(version) is not None
    return right and version not in RESERVED and not _folder_fault(version)


def check_version(version: str) -> None:
    """Raises BadRequest with a reason to act on."""
    if version in RESERVED:
        raise BadRequest(f"The version {version!r} is reserved.")
    fault = _folder_fault(version)
    if fault:
        raise BadRequest(f"The version {version!r} {fault}")
    if not is_version(version):
        raise BadRequest(
            f"A version cannot be {version!r}: use letters, digits, '.', '+', '_' and '-', "
            f"begin with a letter or digit, at most {MAX_NAME} characters."
        )


def _name_fault(name: str) -> str:
    """Why nobody can have this name, as the end of a sentence; empty for others."""
    if name in RESERVED or name in WELL_KNOWN or _ICON.fullmatch(name):
        return "is reserved."
    return _folder_fault(name)


def _folder_fault(text: str) -> str:
    """Why no system can have a folder of this name; empty where all can."""
    if text.endswith("."):
        return "ends with a dot, which Windows takes away: leave it out."
    if _DEVICE.fullmatch(text):
        return "is that of a device on Windows, where no folder can be called so: choose another."
    return ""


def version_id(name: str, version: str) -> str:
    """The id of the document of one published version."""
    return f"{name}@{version}"


def split_version_id(doc_id: str) -> tuple[str, str] | None:
    """Name and version of a version document's id, None for any other id."""
    name, at, version = doc_id.partition("@")
    return (name, version) if at and is_package_name(name) and is_version(version) else None


def split_wanted(text: str) -> tuple[str, str]:
    """Name and wanted version of `NAME@VERSION`, unchecked; of a name alone the latest is wanted."""
    name, at, version = text.partition("@")
    return name, version if at else LATEST


def package_of(doc_id: str) -> str | None:
    """The package that a document is about: a version's, or the package's own; None for others."""
    found = split_version_id(doc_id)
    return found[0] if found else doc_id if is_package_name(doc_id) else None


def slug(text: str) -> str:
    """A text as a name: `Größe (2020)` is `grosse-2020`."""
    plain = unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9._]+", "-", plain).strip("-._") or "data"
