"""Tables of JSON before their rows are read: that there is a list of rows, and in which order their members
stand. Only in the child process.

The members of a JSON object have no order, so a row is read by the schema's, whatever its file says first.

Source: https://datapackage.org/standard/table-dialect/#property.
"""

from typing import Any, BinaryIO

import ijson  # type: ignore[import-untyped]

from couchreg.package.report import problem, shown
from couchreg.package.text import BadText, read_json
from couchreg.registry.checking.preparing import Prepared
from couchreg.registry.checking.reading import BROKEN, COMPRESSIONS, open_text_bytes

LINES = ("jsonl", "ndjson")
FORMATS = ("json", *LINES)
_LONGEST = 16 << 20  # bytes of a first line that is looked into


def check_rows(prepared: Prepared, resource: Any) -> None:
    """Report that a file of JSON has no list of rows, and take it out of `prepared.tables` then, or where it
    has no row; else note there the order of the members of its rows. What is broken is left to the reader."""
    name, paths = resource.name, prepared.paths.get(resource.name)
    if resource.format not in FORMATS or not paths or resource.datatype != "table":
        return
    if name not in prepared.tables or resource.compression not in (None, "", *COMPRESSIONS[1:]):
        return
    members = prepared.tables[name]
    dialect = members.get("dialect") or {}
    control = dialect.get("json") or {}
    try:
        with open_text_bytes([f"{prepared.folder}/{path}" for path in paths], resource.compression) as file:
            fault, first = (
                _first_line(file) if resource.format in LINES else _first(file, control.get("property"))
            )
    except (*BROKEN, OSError, ijson.JSONError, BadText, UnicodeDecodeError):
        return
    if fault:
        prepared.report.add(problem("source-error", f"{paths[0]} {fault}", resource=name, file=paths[0]))
    if first is None:
        del prepared.tables[name]
    elif isinstance(first, dict) and not control.get("keys"):
        members["dialect"] = {
            **dialect,
            "json": {**control, "keys": _ordered(list(first), members.get("schema"))},
        }


def _first_line(file: BinaryIO) -> tuple[str, Any]:
    line = file.readline(_LONGEST)
    return "", read_json(line) if len(line) < _LONGEST else []


def _first(file: BinaryIO, member: Any) -> tuple[str, Any]:
    """What is wrong with a file of JSON, as the end of a sentence, and its first row, None without one."""
    wanted = member if isinstance(member, str) else ""
    found = (event for prefix, event, _ in ijson.parse(file) if prefix == wanted)
    event = next(found, None)
    if event is None:
        return f"has no member {shown(wanted)}, which “property” of the dialect names.", None
    if event != "start_array":
        where = f"in its member {shown(wanted)}" if wanted else "at its top"
        return f"has no list {where}: a table is a list of rows. Mend it, or leave the schema out.", None
    file.seek(0)
    return "", next(ijson.items(file, f"{wanted}.item" if wanted else "item"), None)


def _ordered(keys: list[str], schema: Any) -> list[str]:
    """Keys as the fields of a schema stand, and behind them those that are none."""
    fields = schema.get("fields") if isinstance(schema, dict) else None
    known = [
        item.get("name") for item in (fields if isinstance(fields, list) else ()) if isinstance(item, dict)
    ]
    return [*(key for key in known if key in keys), *(key for key in keys if key not in known)]
