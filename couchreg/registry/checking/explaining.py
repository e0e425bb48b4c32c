"""What frictionless finds, as a problem with its place and what to do about it. Only in the child process."""

import io
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

from couchreg.model import json
from couchreg.package.report import MAX_SHOWN, Problem, Report, problem, shown
from couchreg.registry.checking.cells import (
    cell_remedy,
    header_below,
    is_no_value,
    pattern_remedy,
    shape_remedy,
)
from couchreg.registry.checking.json_rows import FORMATS, LINES, fault_of
from couchreg.registry.checking.naming import FieldNames, made_name
from couchreg.registry.checking.opening import BROKEN, UTF_8
from couchreg.registry.checking.parts import lines_of
from couchreg.registry.checking.preparing import Prepared
from couchreg.registry.checking.reading import FORMATS as TABLES
from couchreg.registry.checking.reading import StandardReading
from couchreg.registry.checking.sheets import advised
from couchreg.registry.checking.texts import Recorded

_REMEDIES = {  # of types that have no formats: the end of frictionless's message
    '"string/default"': (
        ", and the cell holds no text: make it text (Excel formats cells as such), or change the type"
    ),
    '"duration/default"': (
        ", which is written as P1Y2M3DT4H5M6S: weeks are days there, and seconds alone have a fraction"
    ),
}
# Types whose values may be equal to those of others.
_COMPARED = {"integer": "number", "year": "number", "any": "string"}
_OF_LABELS = ("incorrect-label", "missing-label", "extra-label", "blank-label")
_HEAD = 64 << 10  # bytes of a text in which a header is looked for
_UNREAD = ("source-error", "format-error")  # frictionless's words for these are long and say nothing


class Explainer:
    """Explains what is found in the tables of one package."""

    def __init__(self, prepared: Prepared, reading: StandardReading) -> None:
        self._prepared = prepared
        self._reading = reading
        self._starts: dict[str, list[int]] = {}
        self._looked_below: set[str] = set()
        self._unlabelled: set[str] = set()  # tables with columns without labels of their own

    def problem(self, error: Any, resource: str) -> Problem | None:
        """The problem of an error of frictionless's; None for one that the standard knows nothing of."""
        if error.type in ("source-error", "scheme-error", "format-error") and not error.note:
            # Frictionless wraps every exception with its text, and the one without a text is this:
            raise MemoryError
        if error.type == "source-error" and resource in self._reading.unclosed:
            line = self._reading.unclosed[resource]
            message = (
                f"The quote that opens in line {line:,} is not closed before the end of the data, so that "
                "all of that would be one cell: close it, or write it twice where it is a part of the text."
            )
            return problem("source-error", message, resource=resource, **self._place_of_line(resource, line))
        names = self._prepared.names_of(resource)
        if names.allows(error) or self._is_named(error, names, resource) or _is_told_of_cells(error):
            return None
        row = getattr(error, "row_number", None)
        if row is None:
            row = next(_row_numbers(error), None)
        own = getattr(error, "field_name", None)
        field = (names.stated_of(own) if own else None) or getattr(error, "label", None) or None
        column = getattr(error, "field_number", None)
        place = self._place(resource, row)
        message, cell = error.message, getattr(error, "cell", None)
        if isinstance(cell, str) and len(cell) > MAX_SHOWN:  # what is said of it comes behind it
            message = message.replace(cell, f"{cell[:MAX_SHOWN]}…")
        if error.type in _UNREAD:
            message = f"The data cannot be read: {advised(str(error.note))}"
        if error.type == "source-error" and row is None and (broken := self._broken_json(resource)):
            return broken
        message = _of_itself(error, message)
        message += _remedy(error, message, str(field)) or self._elsewhere(error, resource)
        if own and field != own:  # names that frictionless cannot tell apart have a number here
            message = message.replace(f'"{own}"', f'"{field}"')
        return problem(error.type, message, resource=resource, row=row, field=field, column=column, **place)

    def _unlike_types(self, error: Any, resource: str) -> str:
        """Why no value of a foreign key could be found, as the end of a message: fields of types whose values
        are never equal."""
        if error.type != "foreign-key":
            return ""
        target = error.reference_name or resource
        pairs = zip(error.field_names, error.reference_field_names, strict=False)
        for own, other in pairs:
            one, two = self._type_of(resource, own), self._type_of(target, other)
            if one and two and _COMPARED.get(one, one) != _COMPARED.get(two, two):
                whose = f"{shown(self._prepared.names_of(target).stated_of(other))} of {shown(target)}"
                return (
                    f'. No value could be: the field "{own}" is of the type {one}, and the field {whose}, to '
                    f"which it refers, of the type {two}. Give both the same type"
                )
        return ""

    def _elsewhere(self, error: Any, resource: str) -> str:
        """What is to be said of an error that other places of the package explain."""
        is_text = bool(self._prepared.forms.get(resource) in TABLES and self._prepared.paths.get(resource))
        return (
            self._unlike_types(error, resource)
            or self._header_below(error, resource)
            or shape_remedy(error.type, getattr(error, "label", None), is_text=is_text)
        )

    def _header_below(self, error: Any, resource: str) -> str:
        """Where the header of a text stands that begins with something else; told once of a table."""
        table = self._prepared.tables.get(resource, {})
        is_text = self._prepared.forms.get(resource) in TABLES and self._prepared.paths.get(resource)
        if error.type not in _OF_LABELS or not is_text or resource in self._looked_below:
            return ""
        self._looked_below.add(resource)
        dialect, schema = table.get("dialect") or {}, table.get("schema") or {}
        if dialect.get("headerRows") or not dialect.get("header", True):
            return ""
        names = self._prepared.names_of(resource)
        stated = [names.stated_of(str(item.get("name"))) for item in schema.get("fields") or ()]
        with self._prepared.open_text(resource) as file:
            head = file.read(_HEAD).decode(str(table.get("encoding") or UTF_8), "replace")
        return header_below(io.StringIO(head), stated, str(dialect.get("delimiter") or ""))

    def _type_of(self, resource: str, name: str) -> str | None:
        """The type of a field by its name as frictionless has it; None of one that is not known."""
        schema = self._prepared.tables.get(resource, {}).get("schema")
        fields = schema.get("fields") if isinstance(schema, dict) else None
        stated = [item for item in fields or () if isinstance(item, dict) and item.get("name") == name]
        return str(stated[0].get("type") or "any") if stated else None

    def _is_named(self, error: Any, names: FieldNames, resource: str) -> bool:
        """Whether a column without a label of its own is called as such columns are; readers are told of the
        first one."""
        made, own = made_name(error), getattr(error, "field_name", None)
        if made is None or own is None or names.stated_of(own) != made:
            return False
        if resource not in self._unlabelled:
            self._unlabelled.add(resource)
            what = "has no label" if error.type == "blank-label" else "has a label that another has, too"
            reason = f"the column {error.field_number} of the table {what}, so it is called {shown(made)}"
            self._prepared.leave(resource, "labels", f"{reason}: give it a label of its own")
        return True

    def stumbled(self, resource: str, error: BaseException) -> Problem:
        """The problem of data over which reading itself fell."""
        file = next(iter(self._prepared.paths.get(resource, ())), None)
        if isinstance(error, BROKEN):
            message = (
                f"The compressed data cannot be unpacked ({error}): is the file whole? Compress it again."
            )
            return problem("compression-error", message, resource=resource, file=file)
        words, note = advised(str(error)), str(error)
        if words == note:
            message = f"The data could not be read to its end: {type(error).__name__}: {shown(note)}."
        else:
            message = f"The data cannot be read: {words}."
        return problem("source-error", message, resource=resource, file=file)

    def guessed(self, resource: Any, recorded: list[Recorded], report: Report) -> None:
        """Record what was guessed of the dialect of a table, beside what is stated of it. A file with a
        dialect is published as it is, so that it has to say that itself: else it is a problem."""
        found = self._reading.guesses.get(resource.name) or self._prepared.guesses.get(resource.name)
        if not found:
            return
        file = self._prepared.dialects.get(resource.name)
        if file is None:
            recorded.append({"resource": resource.name, "member": "dialect", "value": found})
            return
        missing = ", ".join(json.brief({key: value})[1:-1] for key, value in found.items())
        message = (
            f"The data can be read by this dialect only with {missing}, which {file} does not say: add it."
        )
        report.add(problem("dialect-error", message, resource=resource.name, field="dialect", file=file))

    def _broken_json(self, resource: str) -> Problem | None:
        """Where a file of JSON is broken, which the reader of tables does not tell."""
        paths = self._prepared.paths.get(resource)
        form = self._prepared.forms.get(resource, "")
        found = fault_of(self._prepared, resource, form) if paths and form in FORMATS else None
        if found is None or not paths:
            return None
        fault, row = found
        place = self._place_of_line(resource, fault.line) if fault.line else {"file": paths[0]}
        told = fault.fault.replace(f"in line {fault.line or 0:,}", f"in line {place.get('line', 0):,}")
        message = f"{place['file']} {told}."
        return problem("source-error", message, resource=resource, row=row, column=fault.column, **place)

    def _place(self, resource: str, row: int | None) -> dict[str, Any]:
        paths = self._prepared.paths.get(resource)
        if not paths:
            return {}
        places = self._reading.places.get(resource)
        if row is not None and places is not None:
            return self._place_of_line(resource, places.line(row))
        if row is not None and self._prepared.forms.get(resource) in LINES:
            is_keyed = bool(self._prepared.tables[resource].get("dialect", {}).get("json", {}).get("keys"))
            return self._place_of_line(
                resource, max(row - is_keyed, 1)
            )  # objects have no line for the header
        return {"file": paths[0]} if len(paths) == 1 else {}

    def _place_of_line(self, resource: str, line: int) -> dict[str, Any]:
        """The place of a line of a table's text, which may be in several files."""
        paths = self._prepared.paths[resource]
        if len(paths) == 1:
            return {"file": paths[0], "line": line}
        starts = self._part_starts(resource, paths)
        part = bisect_right(starts, line) - 1
        return {"file": paths[part], "line": line - starts[part] + 1}

    def _part_starts(self, resource: str, paths: list[str]) -> list[int]:
        """The line of the whole on which each part begins."""
        if resource not in self._starts:
            starts = [1]
            for path in paths[:-1]:
                starts.append(starts[-1] + lines_of(self._prepared, resource, path))
            self._starts[resource] = starts
        return self._starts[resource]


def _of_itself(error: Any, message: str) -> str:
    """A message in which a table that refers to itself has no empty name."""
    if error.type == "foreign-key" and not error.reference_name:
        return message.replace('the lookup table ""', "the table itself")
    return message


def _is_told_of_cells(error: Any) -> bool:
    """Whether it says of a row what is said of its cells: see `declared`."""
    return bool(error.type == "primary-key" and "are all" in error.note)


def _remedy(error: Any, message: str, field: str) -> str:
    """What to do about an error, as the end of its message; nothing where that is not known."""
    if error.type == "type-error":
        return _of_type(message, getattr(error, "cell", None))
    if error.type == "constraint-error":
        return pattern_remedy(message, getattr(error, "cell", None))
    if error.type == "extra-label" and not getattr(error, "label", None):
        return ": remove the column, which has no name"
    if made := made_name(error):
        return f": give the column a label of its own, or name its field {shown(made)} in the schema"
    if error.type == "incorrect-label" and (unlike := _unseen(error.label, field)):
        return f", though it looks like it: {unlike}. Write both alike"
    if error.type == "blank-row":
        return ': remove it, or state "skipBlankRows": true in the “dialect”'
    return ""


def _of_type(message: str, cell: Any) -> str:
    words = next((words for kind, words in _REMEDIES.items() if message.endswith(kind)), "")
    return words if words and not is_no_value(cell) else cell_remedy(message, cell)


def _unseen(label: str, name: str) -> str | None:
    """By what two names differ that nobody sees; None for names that are not even alike."""
    plain = [unicodedata.normalize("NFC", "".join(_shown_of(text))) for text in (label, name)]
    if label == name or plain[0] != plain[1]:
        return None
    hidden = sorted({char for char in label + name if unicodedata.category(char) == "Cf"})
    if hidden:
        return f"one of them has U+{ord(hidden[0]):04X} in it, which is not seen"
    return "their accents are encoded in two ways (NFC, NFD)"


def _shown_of(text: str) -> Iterator[str]:
    return (char for char in text if unicodedata.category(char) != "Cf")


def _row_numbers(error: Any) -> Iterator[int]:
    return iter(getattr(error, "row_numbers", None) or ())
