"""Tables of text before their rows are read: their encoding, and whether their parts make one file.

Only in the child process. What is checked is what is served: a resource of several files is their bytes, one
after the other.

Source: https://datapackage.org/standard/data-resource/#path-or-data on several files.
"""

import csv
import io
from collections.abc import Iterator
from typing import Any, BinaryIO, TypedDict

from couchreg.package.report import Problem, problem, shown
from couchreg.registry.checking.encodings import UTF_8, detected, first_fault, reads_alike
from couchreg.registry.checking.preparing import Prepared
from couchreg.registry.checking.reading import BROKEN, COMPRESSIONS, FORMATS, open_text_bytes

_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_HEAD = 1 << 20  # bytes of a part in which its first line has to end to be compared
_TEXT = (*FORMATS, "jsonl", "ndjson")


class Recorded(TypedDict):
    """What a descriptor does not say and was found out, to be filled in."""

    resource: str
    member: str
    value: Any


def check_text(prepared: Prepared, resource: Any) -> list[Recorded]:
    """Report what is wrong with the text of a table, and take it out of `prepared.tables` then.

    What is found out of it is put there, and answered.
    """
    name, format = resource.name, resource.format
    paths = prepared.paths.get(name)
    if not paths or resource.datatype != "table":
        return []
    prepared.compressions[name] = resource.compression or None
    faults: list[Problem] = []
    recorded: list[Recorded] = []
    if resource.compression and resource.compression not in COMPRESSIONS:
        message = f"The compression {shown(resource.compression)} is not read here: use gz or zip, or none."
        faults.append(problem("compression-error", message, resource=name, field="compression"))
    elif len(paths) > 1:
        faults += _of_parts(prepared, resource, paths)
    if not faults and format in FORMATS and resource.compression != "zip":
        try:
            fault, encoding = _of_encoding(prepared, resource, paths)
        except (*BROKEN, OSError, ValueError) as error:
            message = (
                f"The compressed data cannot be unpacked ({error}): is the file whole? Compress it again."
            )
            fault, encoding = problem("compression-error", message, resource=name, file=paths[0]), None
        faults += [fault] if fault else []
        if encoding:
            prepared.tables[name]["encoding"] = encoding
            if encoding != UTF_8:
                recorded.append({"resource": name, "member": "encoding", "value": encoding})
    for fault in faults:
        prepared.report.add(fault)
    if faults:
        del prepared.tables[name]
    return recorded


def _opener(prepared: Prepared, paths: list[str], compression: str | None) -> Any:
    return lambda: open_text_bytes([f"{prepared.folder}/{path}" for path in paths], compression or None)


def _of_encoding(prepared: Prepared, resource: Any, paths: list[str]) -> tuple[Problem | None, str | None]:
    """What is wrong with the encoding of a table, else the encoding where none is stated."""
    name, stated = resource.name, prepared.tables[resource.name].get("encoding")
    opened = _opener(prepared, paths, resource.compression)
    if not stated:
        found = detected(opened)
        if found is not None:
            return _of_mixed(prepared, resource, paths, found), found
        fault = first_fault(opened, UTF_8)
        message = (
            f"The {fault} is not valid UTF-8, and no other encoding fits: state “encoding”, or save as UTF-8."
        )
        return problem(
            "encoding-error", message, resource=name, **_at(prepared, resource, paths, fault)
        ), None
    fault = first_fault(opened, stated)
    if fault is None:
        return None, None
    other = detected(opened)
    remedy = (
        f"state the “encoding” that it has, which may be {other}"
        if other
        else "state the “encoding” that it has"
    )
    message = f"The {fault} is not valid {stated}: {remedy}, or save the file as {stated}."
    return problem("encoding-error", message, resource=name, **_at(prepared, resource, paths, fault)), None


def _of_mixed(prepared: Prepared, resource: Any, paths: list[str], found: str) -> Problem | None:
    """Parts of which one would be garbled by the encoding that was guessed for all: UTF-8 beside others, or
    two of the others."""
    if len(paths) == 1 or found == UTF_8:
        return None
    for path in paths:
        opened = _opener(prepared, [path], resource.compression)
        if first_fault(opened, "ascii") is None:
            continue
        own = detected(opened)
        if own == UTF_8:
            words = f"{path} is UTF-8 and another file of the resource is not"
        elif own is None or not reads_alike(opened, own, found):
            words = f"{path} looks like {own or 'another encoding'} and the resource as a whole like {found}"
        else:
            continue
        remedy = "save all of them as UTF-8, or state the “encoding” that all of them have."
        message = f"{words}, and the files of a resource have one encoding: {remedy}"
        return problem("encoding-error", message, resource=resource.name, file=path)
    return None


def _at(prepared: Prepared, resource: Any, paths: list[str], fault: Any) -> dict[str, Any]:
    """The place of a byte: its line is its row, but for cells with line breaks in them."""
    line, file = fault.line, paths[0]
    for path in paths[:-1]:
        with _opener(prepared, [path], resource.compression)() as opened:
            lines = sum(data.count(b"\n") for data in iter(lambda: opened.read(_HEAD), b""))
        if line <= lines:
            break
        line, file = line - lines, paths[paths.index(path) + 1]
    return {"row": fault.line, "file": file, "line": line}


def _of_parts(prepared: Prepared, resource: Any, paths: list[str]) -> Iterator[Problem]:
    name, compression = resource.name, resource.compression
    if resource.format not in _TEXT:
        message = (
            f"Files of the format {resource.format} cannot be put together to one: make a resource of each, "
            "with the same schema."
        )
        yield problem("format-error", message, resource=name, field="path")
        return
    if compression == "zip":
        message = "Parts that are zip files cannot be put together to one: send them as they are, or as gz."
        yield problem("compression-error", message, resource=name, field="path")
        return
    try:
        yield from _of_joints(prepared, resource, paths)
    except (*BROKEN, OSError, ValueError) as error:
        message = (
            f"The compressed data cannot be unpacked ({error}): are the files whole? Compress them again."
        )
        yield problem("compression-error", message, resource=name)


def _of_joints(prepared: Prepared, resource: Any, paths: list[str]) -> Iterator[Problem]:
    name, dialect = resource.name, prepared.tables[resource.name].get("dialect") or {}
    header: list[str] | None = None
    for number, path in enumerate(paths):
        with _opener(prepared, [path], resource.compression)() as file:
            head = file.read(_HEAD)
            ends = _ends(file, head)
        if number and head.startswith(_MARKS):
            message = f"{path} begins with a byte order mark, which would stand amid the data: remove it."
            yield problem("source-error", message, resource=name, file=path, line=1)
            continue
        if resource.format in FORMATS and dialect.get("header", True) is not False:
            first = _first_line(head, resource, dialect)
            if number == 0:
                header = first
            elif first and first == header:
                message = (
                    f"{path} begins with the header again. The files of a resource are served as one, where "
                    "it would be a row: leave it out of all but the first file, or make a resource of each."
                )
                yield problem("repeated-header", message, resource=name, file=path, line=1)
        if (
            number < len(paths) - 1
            and head
            and not _ends_a_line(ends, dialect, prepared.tables[name].get("encoding"))
        ):
            message = (
                f"{path} does not end with a line break, so that its last row and the first of "
                f"{paths[number + 1]} would be one: end it with a line break."
            )
            yield problem("missing-line-break", message, resource=name, file=path)


def _ends(file: BinaryIO, head: bytes) -> bytes:
    last = head[-16:]
    while data := file.read(_HEAD):
        last = (last + data)[-16:]
    return last


def _ends_a_line(last: bytes, dialect: dict[str, Any], encoding: Any) -> bool:
    terminator = dialect.get("lineTerminator") or dialect.get("csv", {}).get("lineTerminator") or "\n"
    try:
        wanted = str(terminator).encode(str(encoding or UTF_8).replace("utf-16", "utf-16-le"))
    except (LookupError, UnicodeError):
        wanted = b"\n"
    return last.rstrip(b"\x00").endswith((wanted.rstrip(b"\x00"), b"\n", b"\r"))


def _first_line(head: bytes, resource: Any, dialect: dict[str, Any]) -> list[str]:
    """The cells of the first row that is no comment."""
    for mark in _MARKS[:1]:
        head = head.removeprefix(mark)
    text = head.decode("latin-1")
    comment = dialect.get("commentChar")
    rows = dict.fromkeys(dialect.get("headerRows") or [1])
    delimiter = str(dialect.get("delimiter") or ("\t" if resource.format == "tsv" else ","))
    for number, cells in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter[:1]), 1):
        if number >= min((row for row in rows if isinstance(row, int)), default=1) and not (
            comment and cells and cells[0].startswith(str(comment))
        ):
            return [cell.strip() for cell in cells]
    return []
