"""Files that are something else than their names say: what stands in a repository, or comes from a server, in
place of the data. Pure.

A text of one column is a table, so that a pointer of Git LFS and a page that says “not found” would be valid
ones.

Source: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md, https://git-annex.branchable.com/internals/.
"""

import re

from couchreg.package.report import shown

BEGINNING = 4096  # bytes
_POINTERS = (b"version https://git-lfs.github.com/spec/", b"version https://hawser.github.com/spec/")
_ANNEX = b"/annex/objects/"
_BLANKS = b"\xef\xbb\xbf \t\r\n"
_PAGE = re.compile(
    rb"(?:<!--(?>.*?-->)\s*+)*+<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_XML = re.compile(rb"<\?xml\s.*?\?>", re.DOTALL)
_TITLE = re.compile(rb"<title[^>]*>([^<]{1,200})", re.IGNORECASE)
_JSON = re.compile(rb'\{\s*"|\[\s*[\[{]')
_NOT_FOUND = b"404: Not Found"  # all that GitHub answers for a file that is not there
_DELIMITED = frozenset(("csv", "tsv", "tab"))
# What can be neither a page nor XML, by the suffixes of files.
TABLES = frozenset(
    (
        *("csv", "tsv", "tab", "json", "jsonl", "ndjson", "geojson", "topojson"),
        *("xlsx", "xls", "ods", "parquet", "gz", "zip"),
    )
)
OTHERS = frozenset(
    (
        *("png", "jpg", "jpeg", "gif", "webp", "tif", "tiff", "pdf", "docx", "odt", "pptx", "odp"),
        *("nc", "h5", "hdf5", "rds", "rdata", "feather", "arrow", "avro", "npy", "npz", "mat", "dta", "sav"),
        *("sqlite", "sqlite3", "db", "gpkg", "shp", "dbf", "bz2", "xz", "zst", "tar", "tgz", "7z", "rar"),
        *("mp3", "mp4", "wav", "ogg", "webm", "mov", "exe"),
    )
)


def fault_of(begin: bytes, *forms: str) -> str | None:
    """What a file of these formats or suffixes is by its first bytes, where that is not what it is for; it
    ends a sentence."""
    if pointer := pointer_fault(begin):
        return pointer
    if not any(form in TABLES or form in OTHERS for form in forms):
        return None
    plain = begin.lstrip(_BLANKS)
    declared = _XML.match(plain)
    rest = plain[declared.end() :].lstrip(_BLANKS) if declared else plain
    if _PAGE.match(rest):
        title = _TITLE.search(rest)
        called = f" called {shown(title[1].decode('utf-8', 'replace').strip())}" if title else ""
        answer = "which a server may have answered in place of the file: get the file itself"
        return f"is an HTML page{called}, {answer}"
    if declared:
        return "is an XML document: get the file itself, or name its format"
    return _plain_fault(plain) if _DELIMITED.intersection(forms) else None


def _plain_fault(plain: bytes) -> str | None:
    """The same of text that could be a table of one column by its characters."""
    if plain.rstrip(_BLANKS) == _NOT_FOUND:
        return f"is a server's answer “{_NOT_FOUND.decode()}”: get the file itself"
    if plain.startswith(b"{\\rtf"):
        return "is a document in Rich Text Format: save it as text"
    return (
        "is JSON, which a server may have answered: get the file itself, or name its format"
        if _JSON.match(plain)
        else None
    )


def pointer_fault(begin: bytes) -> str | None:
    """The same of what stands for a file whose content is kept elsewhere."""
    if begin.startswith(_POINTERS) and b"\noid " in begin:
        return "is a pointer of Git LFS and not the file itself: get that with “git lfs pull”"
    if begin.startswith(_ANNEX):
        return "is a pointer of git-annex and not the file itself: get that with “git annex get”"
    return None
