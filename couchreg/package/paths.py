"""Which file paths a package may use. Pure.

The rule is the Data Package specification's (relative, POSIX, no parent and no hidden folders), drawn
tighter so that every file has its flat place in the datastore and can be unpacked on any system.

Source: https://datapackage.org/standard/data-resource/#path-or-data.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from couchreg.blobstore.keys import MAX_SEGMENT_BYTES, is_valid
from couchreg.errors import BadRequest
from couchreg.package.report import shown

DESCRIPTOR = "datapackage.json"
MAX_PATH = 500  # bytes of UTF-8; with name and version it stays a key that every store takes
LOGIN_FAULT = "contains a login, which everybody could read"
MAX_URL = 2000  # characters

_URL_CHARACTERS = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")
# Names that Windows keeps for devices, with whatever suffix.
# Source: https://learn.microsoft.com/windows/win32/fileio/naming-a-file
_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$"]
    + [f"{port}{number}" for port in ("com", "lpt") for number in "0123456789¹²³"]
)
_NOT_PORTABLE = ':*?"<>|'
_DRIVE = re.compile(r"^[A-Za-z]:")
_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:")


def path_fault(path: str) -> str | None:
    """Why `path` may not name a file of a package, as the end of a sentence; None if it may."""
    if not path:
        return "is empty"
    if not path.isprintable():  # lone surrogates are not, either
        return "has a control character or another that cannot be seen"
    if len(path.encode()) > MAX_PATH:
        return f"is longer than {MAX_PATH} bytes"
    return reach_fault(path) or _segment_fault(path)


def file_fault(path: str) -> str | None:
    """Why no file of a package may be published as `path`, as the end of a sentence; None if it may.

    What was published elsewhere before may have such a name, so that reading asks `path_fault` only.
    """
    fault = path_fault(path)
    if fault:
        return fault
    for segment in path.split("/"):
        if segment.partition(".")[0].rstrip().casefold() in _DEVICES:
            return f"has the segment {segment!r}, which Windows keeps for a device: rename it"
    return None


def folded(path: str) -> str:
    """A path as a system compares it that ignores case and how accents are encoded (Windows, macOS)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())


def twin_words(path: str, there: Mapping[str, str]) -> str:
    """About a file that is not there, the end of a sentence that names the one whose name is this but for
    case, or for how accents are encoded (which nobody can see); empty where there is none. `there` has the
    files that there are, by their folded names."""
    twin = there.get(folded(path))
    if twin is None or twin == path:
        return ""
    if unicodedata.normalize("NFC", twin) == unicodedata.normalize("NFC", path):
        stated, has = (_encoded(name) for name in (path, twin))
        return (
            f"; there is one whose name looks the same, but its accents are encoded otherwise ({has}, and "
            f"the descriptor has {stated}): rename the file, or copy its name into the descriptor"
        )
    return f"; there is {shown(twin)}, and case counts in names"


def folder_words(path: str, inside: Mapping[str, str]) -> str:
    """About a file that is not there because it is a folder, the end of a sentence; empty where it is none.
    `inside` has a file of each folder."""
    example = inside.get(path)
    return f"; it is a folder: name the files in it, as in {shown([example])}" if example else ""


def folders_of(paths: Iterable[str]) -> dict[str, str]:
    """The folders above these files, with one of the files in each."""
    found: dict[str, str] = {}
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and folder not in found:
            found[folder] = path
            folder = folder.rpartition("/")[0]
    return found


def _encoded(name: str) -> str:
    """How the accents of a name are encoded, as Unicode calls it."""
    if unicodedata.is_normalized("NFC", name):
        return "composed, NFC"
    return "decomposed, NFD" if unicodedata.is_normalized("NFD", name) else "composed in part"


def plain_path(path: str) -> str:
    """A path without its `.` segments, which mean nothing: `./data/gdp.csv` is `data/gdp.csv`."""
    if is_url(path):
        return path
    *folders, last = path.split("/")
    return "/".join([*(folder for folder in folders if folder != "."), last])


def reach_fault(path: str) -> str | None:
    """Why a name leads out of its folder, as the end of a sentence; None if it does not."""
    if _DRIVE.match(path):
        return "names a drive"
    if _SCHEME.match(path):
        return "is a URL: publish the file itself, nothing is fetched from elsewhere"
    if "\\" in path:
        return "has a backslash: write folders with /"
    if path.startswith("/"):
        return "is absolute: paths are relative to datapackage.json"
    return "leaves the package's folder" if ".." in path.split("/") else None


def _segment_fault(path: str) -> str | None:
    segments = path.split("/")
    if segments[-1] in ("", "."):
        return 'is a folder: name the files in it, as in ["data/a.csv", "data/b.csv"]'
    if "" in segments or "." in segments:
        return "has an empty or “.” segment"
    if any(segment.startswith(".") for segment in segments):
        return "has a hidden file or folder"
    if any(len(segment.encode()) > MAX_SEGMENT_BYTES for segment in segments):
        return f"has a segment longer than {MAX_SEGMENT_BYTES} bytes"
    if path.startswith("_"):
        return "begins with “_”, which no attachment of a document may"
    if path != DESCRIPTOR and not (is_portable(path) and is_valid(path)):
        odd = next((letter for letter in _NOT_PORTABLE if letter in path), "")
        has = f": it has a “{odd}”" + (", and each file is named by itself" if odd in ("*", "?") else "")
        if any(segment[-1:] in (" ", ".") for segment in segments):
            odd, has = segments[0], ": a name in it ends with a blank or a point, which Windows leaves out"
        return "is not a name that every system can store" + (has if odd else "")
    return None


def is_portable(path: str) -> bool:
    """Whether a POSIX path stays below its folder, looks the same everywhere and is not the descriptor's
    own. Hidden files are left out, as Frictionless does."""
    folded = path.casefold()
    return (
        not any(letter in path for letter in _NOT_PORTABLE)
        and folded != DESCRIPTOR
        and not folded.startswith(DESCRIPTOR + "/")
        and all(part.strip() == part != "" and part[0] != "." and part[-1] != "." for part in path.split("/"))
    )


def is_url(path: str) -> bool:
    """Whether a path is the address of something elsewhere, by a scheme that the standard allows."""
    return path[:8].lower().startswith(("http://", "https://", "ftp://", "ftps://"))


def has_login(url: str) -> bool:
    """Whether an address contains a login, as in `https://user:password@host/`."""
    return "@" in re.split(r"[/?#\\]", url.partition("://")[2], maxsplit=1)[0]


def url_fault(url: str) -> str | None:
    """Why clients cannot be sent to `url`, as the end of a sentence; None if they can."""
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or not _URL_CHARACTERS.fullmatch(url):
        return "is longer than an address should be, or has a character that URLs may not have: encode it"
    try:
        parts = urlsplit(url)
        if not parts.hostname or (parts.port or 0) < 0:
            return "has no host"
    except ValueError:
        return "is not a valid URL"
    return LOGIN_FAULT if has_login(url) else None


def check_path(path: str) -> str:
    """`path` itself. Raises BadRequest with the reason why a package may not have such a file."""
    fault = file_fault(path)
    if fault:
        raise BadRequest(f"The path {shown(path)} {fault}.")
    return path
