"""Tables of text before their rows are read: the file of a zip file, the encoding, and the parts.

Only in the child process. What is checked is what is served: a resource of several files is their bytes, one
after the other (`parts`).
"""

import zipfile
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

from couchreg.model import json
from couchreg.package.report import Problem, problem, shown
from couchreg.registry.checking.encodings import binary, detected, doubt, first_fault, reads_alike, surely
from couchreg.registry.checking.foreign import BEGINNING, fault_of
from couchreg.registry.checking.opening import (
    BROKEN,
    COMPRESSIONS,
    UTF_8,
    NoMember,
    delimiter_hint,
    line_breaks,
    member_of_zip,
)
from couchreg.registry.checking.parts import TEXT, of_parts
from couchreg.registry.checking.preparing import Prepared

_STEP = 1 << 20
_WRITTEN_BY = ("delimiter", "lineTerminator", "quoteChar", "escapeChar", "nullSequence", "commentChar")


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
    prepared.compressions[name], prepared.forms[name] = resource.compression or None, format
    recorded: list[Recorded] = []
    faults = list(_of_packing(prepared, resource, paths, recorded))
    if not faults and format in (*TEXT, "json"):
        try:
            faults += _of_packed_page(prepared, resource, paths)
            fault, encoding = (None, None) if faults else _of_encoding(prepared, resource, paths)
        except (*BROKEN, OSError, ValueError) as error:
            message = (
                f"The compressed data cannot be unpacked ({error}): is the file whole? Compress it again."
            )
            fault, encoding = problem("compression-error", message, resource=name, file=paths[0]), None
        faults += [fault] if fault else []
        if not faults and format in TEXT:
            faults += _of_hint(prepared, name, paths[0], encoding)
        if encoding:
            prepared.tables[name]["encoding"] = encoding
            if encoding != UTF_8:
                recorded.append({"resource": name, "member": "encoding", "value": encoding})
                _say_doubt(prepared, name, encoding)
    for fault in faults:
        prepared.report.add(fault)
    if faults:
        del prepared.tables[name]
    return recorded


def _say_doubt(prepared: Prepared, name: str, encoding: str) -> None:
    found = doubt(partial(prepared.open_text, name), encoding)
    if found is not None:
        reason = (
            f"{encoding} is a guess from few characters: line {found.line:,} is read as "
            f"{shown(found.as_guessed)}, and would be {shown(found.as_other)} in {found.other}; "
            "state the “encoding” that is right"
        )
        prepared.leave(name, "encoding", reason)


def _of_packing(
    prepared: Prepared, resource: Any, paths: list[str], recorded: list[Recorded]
) -> Iterable[Problem]:
    name, compression = resource.name, resource.compression
    if compression and compression not in COMPRESSIONS:
        message = f"The compression {shown(compression)} is not read here: use gz or zip, or leave it out."
        return [problem("compression-error", message, resource=name, field="compression")]
    if len(paths) > 1:
        return of_parts(prepared, resource, paths)
    if compression != "zip":
        return []
    stated = prepared.tables[name].get("innerpath")
    try:
        member, is_first = member_of_zip(Path(prepared.folder, paths[0]), paths[0], stated or None)
    except NoMember as error:
        return [problem("compression-error", str(error), resource=name, file=paths[0])]
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        message = f"{paths[0]} is no zip file that can be unpacked ({error}). Compress the table again."
        return [problem("compression-error", message, resource=name, file=paths[0])]
    prepared.innerpaths[name] = prepared.tables[name]["innerpath"] = member
    if not is_first and not stated:
        recorded.append({"resource": name, "member": "innerpath", "value": member})
    return []


def _of_packed_page(prepared: Prepared, resource: Any, paths: list[str]) -> Iterable[Problem]:
    """Something else than a table that was packed as one; of what is not packed `files` has told it."""
    if not resource.compression:
        return
    with prepared.open_text(resource.name, paths[:1]) as file:
        fault = fault_of(file.read(BEGINNING), resource.format)
    if fault:
        message = f"What {paths[0]} has packed {fault}."
        yield problem("source-error", message, resource=resource.name, file=paths[0])


def _of_hint(prepared: Prepared, name: str, file: str, found: str | None) -> Iterable[Problem]:
    """A first line that tells Excel the delimiter, where the dialect does not skip it: whoever else reads the
    table has it for the header."""
    members = prepared.tables[name]
    with prepared.open_text(name) as text:
        hint = delimiter_hint(text, str(members.get("encoding") or found or UTF_8))
    dialect = members.get("dialect") or {}
    header = min(dialect.get("headerRows") or (1,)) if dialect.get("header", True) else 1
    if hint is None or header > 1 or 1 in (dialect.get("commentRows") or ()):
        return
    stated = json.brief({"delimiter": hint, "headerRows": [2]})[1:-1]
    message = (
        f"{file} begins with the line {shown(f'sep={hint}')}, which only Excel understands and others take "
        f"for the header: remove it, or say {stated} in the “dialect” (version 2)."
    )
    yield problem("source-error", message, resource=name, row=1, file=file, line=1)


class _Place(NamedTuple):
    """Where a byte is: its file, its place there from 1, its line there, and its line in the whole table."""

    file: str
    byte: int
    line: int
    row: int


def _of_encoding(prepared: Prepared, resource: Any, paths: list[str]) -> tuple[Problem | None, str | None]:
    """What is wrong with the encoding of a table, else the encoding where none is stated.

    JSON that is not UTF-8 has to state it: few readers would ask, for JSON is UTF-8 (RFC 8259).
    """
    name, stated = resource.name, prepared.tables[resource.name].get("encoding")
    opened = partial(prepared.open_text, name)
    is_json = resource.format == "json"
    marks = _marks(prepared.tables[name].get("dialect"))
    found = None if stated else detected(opened, of_parts=len(paths) > 1, marks=marks)
    if found is not None and (found == UTF_8 or not is_json):
        return _of_mixed(prepared, resource, paths, found), found
    if not stated and not is_json:
        with opened() as file:
            what = binary(file.read(_STEP), marks)
        if what:
            message = f"{paths[0]} is {what}, and no text: state its “format”, or give the file its suffix."
            return problem("format-error", message, resource=name, file=paths[0]), None
    wanted = str(stated or UTF_8)
    try:
        fault = first_fault(opened, wanted)
    except UnicodeDecodeError:
        raise
    except UnicodeError:  # the codec asks for a byte order mark before all else
        return _unmarked(name, paths[0], wanted, detected(opened)), None
    if fault is None:
        return None, None
    place = _place(prepared, name, paths, fault.offset, wanted)
    what = f"byte 0x{fault.value:02x} (the {_ordinal(place.byte)} of the file, in line {place.line:,})"
    other = detected(opened)
    has = "state the “encoding” that it has" + (f", which may be {other}" if other else "")
    if stated:
        message = f"The {what} is not valid {stated}: {has}, or save the file as {stated}."
    elif is_json:
        message = f"The {what} is not valid UTF-8, as JSON should be: save the file as UTF-8, or {has}."
    else:
        message = (
            f"The {what} is not valid UTF-8, and no other encoding fits: state “encoding”, or save as UTF-8."
        )
    where: dict[str, Any] = {"row": place.row, "file": place.file, "line": place.line}
    return problem("encoding-error", message, resource=name, **where), None


def _marks(dialect: Any) -> str:
    """The characters by which a dialect says that a table is written: some programs part cells and rows by
    control characters, as those of Hadoop do."""
    stated = {**dialect, **dialect.get("csv", {})} if isinstance(dialect, dict) else {}
    return "".join(value for word in _WRITTEN_BY if isinstance(value := stated.get(word), str))


def _unmarked(name: str, file: str, stated: str, other: str | None) -> Problem:
    may_be = f", which may be {other}" if other else ""
    message = (
        f"{file} does not begin with a byte order mark, as {stated} does: state the “encoding” that it has"
        f"{may_be}, or save the file as UTF-8."
    )
    return problem("encoding-error", message, resource=name, row=1, file=file, line=1)


def _ordinal(number: int) -> str:
    last = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{'th' if number % 100 in (11, 12, 13) else last}"


def _of_mixed(prepared: Prepared, resource: Any, paths: list[str], found: str) -> Problem | None:
    """Parts of which one would be garbled by the encoding that was guessed for all: UTF-8 beside others, or
    two of the others."""
    if len(paths) == 1 or found == UTF_8:
        return None
    for path in paths:
        opened = partial(prepared.open_text, resource.name, [path])
        if first_fault(opened, "ascii") is None:
            continue
        own = surely(opened)
        if own == UTF_8:
            words = f"{path} is UTF-8 and another file of the resource is not"
        elif own is not None and not reads_alike(opened, own, found):
            words = f"{path} looks like {own} and the resource as a whole like {found}"
        else:
            continue
        remedy = "save all of them as UTF-8, or state the “encoding” that all of them have."
        message = f"{words}, and the files of a resource have one encoding: {remedy}"
        return problem("encoding-error", message, resource=resource.name, file=path)
    return None


def _place(prepared: Prepared, name: str, paths: list[str], offset: int, encoding: str) -> _Place:
    """The place of a byte of the whole: its line there is its row, but for cells with line breaks in them."""
    before = 0
    for path in paths:
        with prepared.open_text(name, [path]) as opened:
            size = sum(len(data) for data in iter(lambda: opened.read(_STEP), b""))
        if offset < size or path is paths[-1]:
            break
        with prepared.open_text(name, [path]) as opened:
            before += line_breaks(opened, encoding)
        offset -= size
    with prepared.open_text(name, [path]) as opened:
        line = line_breaks(opened, encoding, offset) + 1
    return _Place(path, offset + 1, line, before + line)
