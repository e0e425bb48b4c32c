"""Packages that nobody should send, and what each is answered. Made by code; nothing of it is stored."""

import gzip
import io
import json
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from couchreg.registry.checking.checker import CheckLimits
from couchreg.registry.publishing.intake import PublishLimits
from tests.packages import Package, related, small, zipped

FIELDS = [{"name": "id", "type": "integer"}, {"name": "word", "type": "string"}]
LATIN = "id,word\n1,\u00e9\n".encode("latin-1")
V2 = "https://datapackage.org/profiles/2.0/datapackage.json"
ZIP = {"Content-Type": "application/zip"}
JSON = {"Content-Type": "application/json"}
CHECKS = CheckLimits(workers=1, cpu_seconds=5, file_size=64 << 20)
# Small enough that "too much" is quickly made.
LIMITS = PublishLimits(total=8 << 20, files=30, descriptor=256 << 10, ratio=100, always=1 << 20)


@dataclass(frozen=True)
class Nasty:
    """A request, and its answer: the status, and a word of the reason or the kind of the first problem."""

    name: str
    body: bytes
    headers: Mapping[str, str]
    status: int
    words: str = ""


def table(data: bytes, path: str = "data/words.csv", **members: Any) -> Package:
    resource = {"name": "words", "path": path, "schema": {"fields": FIELDS}, **members}
    return Package({"name": "nasty", "resources": [resource]}, {path: data})


def _tables() -> Iterator[Nasty]:
    rows: list[tuple[str, Package, int, str]] = [
        ("wrong types", table(b"id,word\nx,one\n"), 422, "type-error"),
        ("a huge field", table(b"id,word\n1," + b"x" * 3_000_000 + b"\n"), 201, ""),
        ("a byte order mark", table(b"\xef\xbb\xbfid,word\n1,a\n"), 201, ""),
        ("a byte order mark in UTF-8", table(b"\xef\xbb\xbfid,word\n1,a\n", encoding="utf-8"), 201, ""),
        ("Latin-1 as declared", table(LATIN, encoding="iso-8859-1"), 201, ""),
        ("Latin-1 as UTF-8", table(LATIN, encoding="utf-8"), 422, "encoding-error"),
        ("UTF-16 as declared", table("id,word\n1,a\n".encode("utf-16"), encoding="utf-16"), 201, ""),
        ("an unknown encoding", table(b"id,word\n", encoding="klingon"), 422, "encoding-error"),
        ("CRLF", table(b"id,word\r\n1,a\r\n"), 201, ""),
        ("ragged rows", table(b"id,word\n1,a,x\n2\n"), 422, "extra-cell"),
        ("a blank row", table(b"id,word\n1,a\n\n2,b\n"), 422, "blank-row"),
        ("an empty table", table(b""), 422, "source-error"),
        ("a table without rows", table(b"id,word\n"), 201, ""),
        ("a NUL in a cell", table(b"id,word\n1,a\0b\n"), 201, ""),
        ("no gzip", table(b"id,word\n", "words.csv.gz"), 422, "compression-error"),
        ("no zip", table(b"id,word\n", "words.csv.zip"), 422, "compression-error"),
        ("no workbook", table(b"id,word\n", "words.xlsx"), 422, "format-error"),
        ("JSON that is cut off", table(b'[{"id":1,', "words.json", type="table"), 422, "source-error"),
        (
            "a table that expands",
            table(gzip.compress(b"id,word\n" + b"1,a\n" * 20_000_000), "words.csv.gz"),
            422,
            "check-stopped",
        ),
        (
            "a zipped table that expands",
            table(_one("words.csv", b"id,word\n" + b"1,a\n" * 40_000_000), "words.csv.zip"),
            422,
            "",
        ),
        (
            "a pattern without end",
            table(
                b"id,word\n1," + b"a" * 40 + b"!\n",
                schema={"fields": [FIELDS[0], {**FIELDS[1], "constraints": {"pattern": "(?:a|aa)+"}}]},
            ),
            422,
            "check-stopped",
        ),
        (
            "a key twice",
            table(b"id,word\n1,a\n1,b\n", schema={"fields": FIELDS, "primaryKey": "id"}),
            422,
            "primary-key",
        ),
        (
            "a unique key twice",
            table(b"id,word\n1,a\n1,b\n", schema={"fields": FIELDS, "uniqueKeys": [["id"]]}),
            422,
            "unique-key",
        ),
        (
            "no such category",
            table(b"id,word\n1,a\n", schema={"fields": [FIELDS[0], {**FIELDS[1], "categories": ["b"]}]}),
            422,
            "constraint-error",
        ),
        (
            "a key that leads nowhere",
            table(
                b"id,word\n1,a\n",
                schema={
                    "fields": FIELDS,
                    "foreignKeys": [{"fields": ["id"], "reference": {"resource": "none", "fields": ["id"]}}],
                },
            ),
            422,
            "schema-error",
        ),
    ]
    for name, package, status, words in rows:
        yield Nasty(name, *related(package), status, words)


def _one(path: str, data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(path, data)
    return buffer.getvalue()


def _paths() -> Iterator[Nasty]:
    tricks = [
        "../x.csv",
        "/etc/passwd",
        "a/../../x.csv",
        "C:\\x.csv",
        "a\\b.csv",
        ".hidden.csv",
        "a//b.csv",
        "_x.csv",
        "a/.",
        "x\u202ecsv",
        "nul\0.csv",
        "a" * 201 + ".csv",
        "con?.csv",
        " x.csv",
    ]
    for path in tricks:
        yield Nasty(f"the path {path[:20]!r}", *related(table(b"id,word\n", path)), 400, "path")
        members = table(b"", path).members
        yield Nasty(f"only said: {path[:20]!r}", json.dumps(members).encode(), JSON, 422, "unsafe-path")
    for path in ("\u00fcn\u00efc\u00f6de/\u6570\u636e.csv", "e\u0301.csv", "with space.csv", "a&b=c%.csv"):
        yield Nasty(f"the odd but good path {path!r}", *related(table(b"id,word\n1,a\n", path)), 201)
    names = table(b"id,word\n1,a\n", name="\u6570\u636e \u2014 \u00e9")
    yield Nasty("a name that version 1 does not allow", *related(names), 422, "resource-error")
    names.members["$schema"] = V2
    yield Nasty("a name that version 2 allows", *related(names), 201)
    yield Nasty("a missing file", *related(Package(small("nasty").members, {})), 422, "missing-file")
    yield Nasty(
        "an empty file that is no table",
        *related(Package({"name": "nasty", "resources": [{"name": "x", "path": "x.bin"}]}, {"x.bin": b""})),
        201,
    )
    many = [{"name": f"r{number}", "data": [["id"], [number]]} for number in range(200)]
    document = json.dumps({"name": "nasty", "resources": many}).encode()
    yield Nasty("hundreds of resources", document, JSON, 201)
    twice = {"name": "nasty", "resources": [{"name": "x", "data": []}, {"name": "x", "data": []}]}
    yield Nasty("a name twice", json.dumps(twice).encode(), JSON, 422, "resource-error")
    files = {f"{number}.csv": b"id\n1\n" for number in range(31)}
    package = Package({"name": "nasty", "resources": [{"name": "x", "path": list(files)}]}, files)
    yield Nasty("too many files", *related(package), 413, "30 files")
    yield Nasty("too many files in a zip", zipped(package), ZIP, 413, "30 files")


def _documents() -> Iterator[Nasty]:
    deep: bytes = b"[" * 5000 + b"]" * 5000
    texts = {
        "nothing": b"",
        "no JSON": b"{",
        "no object": b"[]",
        "NaN": b'{"name": NaN}',
        "Latin-1": b'{"name": "\xe9"}',
        "a lone surrogate": b'{"name": "\\ud800"}',
        "an abyss": b'{"name": "nasty", "resources": [{"name": "x", "data": ' + deep + b"}]}",
    }
    for name, text in texts.items():
        yield Nasty(f"a document of {name}", text, JSON, 400)
    yield Nasty("a document without resources", b"{}", JSON, 422, "package-error")
    yield Nasty("a document with a mark before", b"\xef\xbb\xbf{}", JSON, 422, "package-error")
    yield Nasty("a document too long", b'{"x": "' + b"x" * LIMITS.descriptor + b'"}', JSON, 413, "descriptor")
    number = b'{"name": "nasty", "resources": [{"name": "x", "data": [["n"], [1' + b"0" * 400 + b"]]}]}"
    yield Nasty("a number of 400 digits", number, JSON, 201)


def _archives() -> Iterator[Nasty]:
    def case(name: str, body: bytes, status: int, words: str = "") -> Nasty:
        return Nasty(f"a zip with {name}", body, ZIP, status, words)

    package = table(b"id,word\n1,a\n")
    good = zipped(package)
    yield case("a table in it", zipped(table(_one("words.csv", b"id,word\n1,a\n"), "words.csv.zip")), 201)
    with patch("zipfile.ZIP_FILECOUNT_LIMIT", 0):
        long = zipped(package)
    yield case("its list in Zip64", long, 201)
    yield case("an absolute name", zipped(package, extra={"/etc/passwd": b""}), 400, "absolute")
    yield case("a way out", zipped(package, extra={"../../x": b""}), 400, "leaves")
    yield case("a way out that is hidden", zipped(package, extra={".x/../../x": b""}), 400, "leaves")
    yield case("a drive", zipped(package, extra={"C:/x": b""}), 400, "drive")
    yield case("backslashes", zipped(package, extra={"a\\..\\x": b""}), 400, "backslash")
    yield case("a name twice", _added(good, "data/words.csv", b"id,word\n2,b\n"), 400, "twice")
    yield case("two descriptors", _added(good, "datapackage.json", b"{}"), 400, "twice")
    yield case("no descriptor", _one("words.csv", b"id,word\n"), 400, "no datapackage.json")
    link = _added(good, "link", b"/etc/passwd", stat.S_IFLNK | 0o777)
    yield case("a symbolic link", link, 400, "symbolic link")
    yield case("a link for a file", _linked(package), 400, "symbolic link")
    yield case("a device", _added(good, "device", b"", stat.S_IFCHR | 0o666), 400, "neither")
    yield case("encryption", _flagged(good, 0x1), 400, "encrypted")
    yield case("another method", zipped(package, method=zipfile.ZIP_LZMA), 400, "method")
    yield case("a method of its own", _patched(good, "<H", 10, 99), 400, "method")
    yield case("a wrong checksum", _patched(good, "<L", 16, 12345), 400, "broken")
    yield case("its end cut off", good[:-30], 400, "broken")
    yield case("its beginning cut off", good[60:], 400, "broken")
    yield case("a length that lies", _lying(), 400, "broken")
    yield case("a bomb", zipped(table(b"\0" * (7 << 20))), 413, "expand")
    yield case("a bomb that says what it is", zipped(table(b"\0" * (9 << 20))), 413, "8388608 bytes")
    yield case("a list without end", _listed(100_000), 413, "30 files")
    yield case("nothing in it", b"PK\x05\x06" + bytes(18), 400, "no datapackage.json")
    yield case("no zip in it", b"id,word\n", 400, "broken")
    yield case("a list longer than all", b"PK\x05\x06" + bytes(8) + b"\xff" * 8 + bytes(2), 400, "broken")


def _added(archive: bytes, path: str, data: bytes, mode: int = stat.S_IFREG | 0o644) -> bytes:
    buffer = io.BytesIO(archive)
    with zipfile.ZipFile(buffer, "a") as opened:
        opened.NameToInfo.pop(path, None)  # it would warn that the name is there
        entry = zipfile.ZipInfo(path)
        entry.create_system, entry.external_attr = 3, mode << 16
        opened.writestr(entry, data)
    return buffer.getvalue()


def _linked(package: Package) -> bytes:
    """The package's only file as a link."""
    path = next(iter(package.files))
    return _added(zipped(Package(package.members, {})), path, b"../../secret", stat.S_IFLNK | 0o777)


def _patched(archive: bytes, form: str, offset: int, value: int) -> bytes:
    """The archive with a field of its last listed entry changed; `offset` is that in the list."""
    at = archive.rindex(b"PK\x01\x02")
    changed = bytearray(archive)
    struct.pack_into(form, changed, at + offset, value)
    return bytes(changed)


def _flagged(archive: bytes, flag: int) -> bytes:
    return _patched(archive, "<H", 8, flag)


def _lying() -> bytes:
    """A file that has more bytes than its entry says."""
    return _patched(zipped(table(b"id,word\n" + b"1,a\n" * 1000)), "<L", 24, 100)


def _listed(count: int) -> bytes:
    """A list of so many entries, and nothing else."""
    entry = b"PK\x01\x02" + struct.pack("<6H3L5H2L", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"x"
    listing = entry * count
    end = b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, 65535, 65535, len(listing), 0, 0)
    return listing + end


def _bodies() -> Iterator[Nasty]:
    body, headers = related(small("nasty"))
    packed = {**headers, "Content-Encoding": "gzip"}
    bomb = related(table(b"\0" * (7 << 20)))[0]
    changes: list[tuple[str, Callable[[], bytes], Mapping[str, str], int, str]] = [
        ("no part", lambda: b"", headers, 400, "cut off"),
        ("half of it", lambda: body[: len(body) // 2], headers, 400, "cut off"),
        ("another boundary", lambda: body.replace(b"b0undary", b"boundary"), headers, 400, "cut off"),
        ("a file twice", lambda: body.removesuffix(b"--b0undary--") + body, headers, 400, "not announce"),
        ("half of its gzip", lambda: gzip.compress(body)[:-20], packed, 400, "gzip"),
        ("a gzip bomb", lambda: gzip.compress(bomb), packed, 413, "expand"),
        ("too much", lambda: related(table(b"x" * (9 << 20)))[0], headers, 413, "bytes"),
    ]
    for name, make, head, status, words in changes:
        yield Nasty(f"a body with {name}", make(), head, status, words)


KINDS = {
    "tables": _tables,
    "paths": _paths,
    "documents": _documents,
    "archives": _archives,
    "bodies": _bodies,
}
