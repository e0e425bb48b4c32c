"""Tables of JSON before their rows are read: that there is a list of rows, and in which order their members
stand. Only in the child process.

The members of a JSON object have no order, so a row is read by the schema's, whatever its file says first.

Source: https://datapackage.org/standard/table-dialect/#property.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, BinaryIO

import ijson  # type: ignore[import-untyped]

from couchreg.package.report import problem, shown
from couchreg.package.text import BadText, read_json
from couchreg.registry.checking.inline import odd_row
from couchreg.registry.checking.long_numbers import MOST_DIGITS, LongNumber, long_number
from couchreg.registry.checking.opening import BROKEN, as_utf_8
from couchreg.registry.checking.preparing import Prepared

LINES = ("jsonl", "ndjson")
FORMATS = ("json", *LINES)
_LONGEST = 16 << 20  # bytes of a line that is looked into
_LARGEST = 64 << 20  # bytes of a broken file in which the place is looked for
_NO_ROW = object()
_ILL = (  # what the reader of the rows will say
    *(*BROKEN, OSError, ijson.JSONError, UnicodeError, BadText),
    ArithmeticError,  # of an exponent that no number has
)
_MORE_THAN_FIELDS = ("subset", "partial")  # of `fieldsMatch`: the data may have fields that the schema lacks


def check_rows(prepared: Prepared, resource: Any) -> bool:
    """Report that a file of JSON has no list of rows, and take it out of `prepared.tables` then, or where it
    has no row; else note there the order of the members of its rows. What is broken is left to the reader.
    Whether rows have members of which the descriptor does not say which are read."""
    name, paths = resource.name, prepared.paths.get(resource.name)
    if resource.format not in FORMATS or not paths or resource.datatype != "table":
        return False
    if name not in prepared.tables:
        return False
    members = prepared.tables[name]
    dialect = members.get("dialect") or {}
    control = dialect.get("json") or {}
    try:
        with _opened(prepared, name) as file:
            number = long_number(file) if resource.format not in LINES else None
            if number is not None:
                _report_long(prepared, name, number)
                return False
            fault, first = (
                _first_line(file) if resource.format in LINES else _first(file, control.get("property"))
            )
    except _ILL:
        return False
    if fault:
        prepared.report.add(problem("source-error", f"{paths[0]} {fault}", resource=name, file=paths[0]))
    if first is _NO_ROW:
        del prepared.tables[name]
    elif isinstance(first, dict) and not control.get("keys"):
        schema = members.get("schema")
        known = _seen(prepared, resource, first, _names(schema))
        members["dialect"] = {**dialect, "json": {**control, "keys": _ordered(known, schema)}}
        return True
    return False


def _report_long(prepared: Prepared, name: str, number: LongNumber) -> None:
    [path, *_] = prepared.paths[name]
    words = (
        f"{path} has a number of {number.digits:,} digits in line {number.line:,}, and no more than "
        f"{MOST_DIGITS:,} are read here: write it as text, in quotes."
    )
    prepared.report.add(problem("source-error", words, resource=name, file=path, line=number.line))
    del prepared.tables[name]


def _seen(prepared: Prepared, resource: Any, first: dict[str, Any], fields: list[str]) -> list[str]:
    """The members of the first row, and the fields that any other has: no row has to have a member that is
    null in it, and none comes before the others."""
    missing = set(fields) - first.keys()
    found = list(first)
    if not missing:
        return found
    with suppress(*_ILL), _opened(prepared, resource.name) as file:
        for row in _rows(file, resource):
            there = [name for name in row if name in missing] if isinstance(row, dict) else []
            found += there
            missing.difference_update(there)
            if not missing:
                break
    return found


def check_members(prepared: Prepared, resource: Any) -> None:
    """Report members of rows that neither a field nor the first row has: whoever reads the rows as a table
    loses them. For tables of which `check_rows` says that they have such rows."""
    keys = prepared.tables.get(resource.name, {}).get("dialect", {}).get("json", {}).get("keys")
    paths = prepared.paths.get(resource.name)
    if not keys or not paths:
        return
    with suppress(*_ILL), _opened(prepared, resource.name) as file:  # the reader of the rows says it
        file_of_all = paths[0] if len(paths) == 1 else None
        _report_unknown(prepared, resource.name, _rows(file, resource), keys, file_of_all)


def check_inline(prepared: Prepared, resource: Any) -> None:
    """Report members of rows in the descriptor that no field has, as those of files."""
    data = prepared.tables.get(resource.name, {}).get("data")
    if isinstance(data, list) and data and isinstance(data[0], dict):
        _report_unknown(prepared, resource.name, data, [], None)


def _report_unknown(
    prepared: Prepared, name: str, rows: Iterable[Any], keys: Sequence[str], file: str | None
) -> None:
    schema = prepared.tables[name].get("schema")
    fields = _names(schema)
    if not fields or not isinstance(schema, dict) or schema.get("fieldsMatch") in _MORE_THAN_FIELDS:
        return
    known = {*keys, *fields, *(prepared.names_of(name).stated_of(field) for field in fields)}
    for number, row in enumerate(rows, start=2):  # the header is the first
        for member in [key for key in row if key not in known] if isinstance(row, dict) else ():
            words = f"Row {number} has a member {shown(member)} that is no field of the schema."
            words += " Take it out, or give the schema such a field."
            line = number - 1 if file and prepared.forms.get(name) in LINES else None
            place = {"resource": name, "row": number, "field": member, "file": file, "line": line}
            prepared.report.add(problem("extra-cell", words, **place))


def fault_of(prepared: Prepared, name: str, form: str) -> tuple[BadText, int | None] | None:
    """What is wrong with a file of JSON that is none, or has something else than rows, where that is found,
    with its line of the whole and its column; of lines of JSON and of what is no row also the row."""
    with suppress(*BROKEN, OSError, UnicodeError), _opened(prepared, name) as file:
        if form not in LINES:
            return _fault_of_whole(file, prepared.tables[name].get("dialect") or {})
        row, first = 1, _NO_ROW
        for number, line in enumerate(iter(lambda: file.readline(_LONGEST), b""), start=1):
            row += 1
            try:
                value = read_json(line)
                first = value if first is _NO_ROW else first
                if odd := odd_row([first, value]):
                    return BadText(f"has {shown(value)} in line {number:,}: {odd.wanted}", number, 1), row
            except BadText as error:
                at = f"in line {number:,}"
                fault = (
                    error.fault.replace("in line 1", at)
                    if "in line 1" in error.fault
                    else (f"is not valid JSON {at}: the line {error.fault}")
                )
                return BadText(fault, number, error.column), row
        if row == 1:
            return BadText("is empty", 1, 1), None
    return None


def _fault_of_whole(file: BinaryIO, dialect: dict[str, Any]) -> tuple[BadText, int | None] | None:
    data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        return None
    try:
        value = read_json(data)
    except BadText as error:
        return error, None
    member = (dialect.get("json") or {}).get("property")
    rows = value.get(member) if isinstance(value, dict) and isinstance(member, str) else value
    odd = odd_row(rows)
    if odd is None:
        return None
    return BadText(f"has {shown(odd.value)} as its row {odd.row:,}: {odd.wanted}", None, None), odd.row


def _opened(prepared: Prepared, name: str) -> BinaryIO:
    """The text of a table, as UTF-8."""
    opened: BinaryIO = as_utf_8(prepared.open_text(name), prepared.tables[name].get("encoding"))
    return opened


def _rows(file: BinaryIO, resource: Any) -> Iterator[Any]:
    if resource.format in LINES:
        return (read_json(line) for line in iter(lambda: file.readline(_LONGEST), b"") if line.strip())
    member = (resource.dialect.to_descriptor().get("json") or {}).get("property")
    return iter(ijson.items(file, f"{member}.item" if isinstance(member, str) else "item"))


def _names(schema: Any) -> list[str]:
    fields = schema.get("fields") if isinstance(schema, dict) else None
    names = [item.get("name") for item in fields or () if isinstance(item, dict)]
    return [name for name in names if isinstance(name, str)]


def _first_line(file: BinaryIO) -> tuple[str, Any]:
    line = file.readline(_LONGEST)
    return "", read_json(line) if len(line) < _LONGEST else []


def _first(file: BinaryIO, member: Any) -> tuple[str, Any]:
    """What is wrong with a file of JSON, as the end of a sentence, and its first row or `_NO_ROW`."""
    wanted = member if isinstance(member, str) else ""
    found = (event for prefix, event, _ in ijson.parse(file) if prefix == wanted)
    event = next(found, None)
    if event is None:
        return f"has no member {shown(wanted)}, which “property” of the dialect names.", _NO_ROW
    if event != "start_array":
        where = f"in its member {shown(wanted)}" if wanted else "at its top"
        return f"has no list {where}: a table is a list of rows. Mend it, or leave the schema out.", _NO_ROW
    file.seek(0)
    return "", next(ijson.items(file, f"{wanted}.item" if wanted else "item"), _NO_ROW)


def _ordered(keys: list[str], schema: Any) -> list[str]:
    """Keys as the fields of a schema stand, and behind them those that are none."""
    known = _names(schema)
    return [*(key for key in known if key in keys), *(key for key in keys if key not in known)]
