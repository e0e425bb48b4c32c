"""What of a package `frictionless` is given to check, and what it cannot be given. Pure but for schema files.

Its reading of the standard and ours differ in places: data elsewhere must not be fetched, text or JSON that
stands in the descriptor is no table it can open, members that came with version 2 have other names for
it or none (`declared.py`). Whatever is left unchecked is said, never passed over.

Source: https://datapackage.org/standard/data-resource/ and https://specs.frictionlessdata.io/table-schema/.
"""

import csv
import io
import json
import os
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from couchreg.package.paths import is_url

_DELIMITERS = {"csv": ",", "tsv": "\t", "text/csv": ",", "text/tab-separated-values": "\t"}
_OF_FILES = frozenset(
    ("hash", "bytes", "format", "mediatype", "encoding", "compression", "scheme", "innerpath")
)
_OF_ROWS = ("header", "headerRows", "headerJoin", "headerCase", "commentChar", "commentRows", "skipBlankRows")
# Members of version 2's Table Dialect, and where frictionless looks for them.
_DIALECT = {
    "sheetName": ("excel", "sheet"),
    "sheetNumber": ("excel", "sheet"),
    "property": ("json", "property"),
    "itemKeys": ("json", "keys"),
    "table": ("sql", "table"),
}
# Version 1's that frictionless has at hand; any other would make it look for a file or an address.
_PROFILES = ("data-package", "tabular-data-package", "data-resource", "tabular-data-resource")


@dataclass
class Prepared:
    """`members` to have its form checked, `tables` the resources whose data is to be read, by name."""

    members: dict[str, Any]
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    unchecked: list[dict[str, Any]] = field(default_factory=list)

    def leave(self, resource: str | None, member: str, reason: str) -> None:
        self.unchecked.append({"resource": resource, "member": member, "reason": reason})


def prepare(folder: str, members: dict[str, Any]) -> Prepared:
    """The package as frictionless is to see it."""
    prepared = Prepared({**members, "resources": []})
    _drop_profile(prepared, prepared.members, None)
    for resource in members["resources"]:
        _add(prepared, folder, resource)
    return prepared


def _add(prepared: Prepared, folder: str, resource: dict[str, Any]) -> None:
    name = resource["name"]
    found = {key: value for key, value in resource.items() if key not in ("hash", "bytes")}
    _drop_profile(prepared, found, name)
    _read_schema(found, folder)
    if isinstance(found.get("dialect"), dict):
        found["dialect"] = _dialect(found["dialect"])
    if "data" in found:
        found, is_table = _inline(found)
    else:
        path = found["path"]
        is_table = not is_url(path if isinstance(path, str) else path[0])
        if not is_table:
            prepared.skipped.append(name)
    prepared.members["resources"].append(found)
    if is_table:
        prepared.tables[name] = found


def _drop_profile(prepared: Prepared, members: dict[str, Any], resource: str | None) -> None:
    if isinstance(members.get("profile"), str) and members["profile"] not in _PROFILES:
        prepared.leave(resource, "profile", f"the rules of {members['profile'][:100]!r} are not known here")
        del members["profile"]


def _read_schema(resource: dict[str, Any], folder: str) -> None:
    """Take in a schema that is a file of the package; one that cannot be read is frictionless's to report."""
    schema = resource.get("schema")
    if isinstance(schema, str) and schema.endswith(".json"):
        try:
            with open(os.path.join(folder, schema), encoding="utf-8-sig") as file:
                schema = json.load(file)
        except (OSError, ValueError, RecursionError):
            return
    if isinstance(schema, dict):
        resource["schema"] = schema
        match = schema.get("fieldsMatch")
        if isinstance(match, list) and len(match) == 1:  # as the standard's own profile has it
            resource["schema"] = {**schema, "fieldsMatch": match[0]}


def _dialect(dialect: dict[str, Any]) -> dict[str, Any]:
    found = {key: value for key, value in dialect.items() if key not in _DIALECT}
    for member, (form, option) in _DIALECT.items():
        given = found.get(form, {})
        if member in dialect and isinstance(given, dict):
            found[form] = {option: dialect[member], **given}
    return found


def _inline(resource: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """A resource with `data` as frictionless takes it, and whether that is a table."""
    data = resource["data"]
    dialect = resource.get("dialect")
    own = {key: value for key, value in resource.items() if key not in _OF_FILES}
    if isinstance(dialect, dict):
        own["dialect"] = {key: value for key, value in dialect.items() if key in _OF_ROWS}
    delimiter = _DELIMITERS.get(str(resource.get("format") or resource.get("mediatype") or "").lower())
    if isinstance(data, str) and delimiter:
        stated = dialect.get("delimiter") if isinstance(dialect, dict) else None
        usable = isinstance(stated, str) and len(stated) == 1 and stated not in '"\r\n'
        rows = csv.reader(io.StringIO(data, newline=""), delimiter=str(stated) if usable else delimiter)
        return {**own, "data": list(rows)}, True
    is_list = isinstance(data, list) and {type(row) for row in data} in ({list}, {dict})
    if is_list or "schema" in resource or resource.get("type") == "table":
        return own, True
    return {**own, "data": {}}, False


def without_keys_into(prepared: Prepared, absent: Collection[str]) -> None:
    """Leave out the foreign keys that refer to resources whose data is not read."""
    for name, resource in prepared.tables.items():
        schema = resource.get("schema")
        if not isinstance(schema, dict) or not isinstance(schema.get("foreignKeys"), list):
            continue
        keys = schema["foreignKeys"]
        kept = [key for key in keys if _target(key) not in absent]
        if len(kept) < len(keys):
            reason = "the data of the resource that the key refers to is not read here"
            prepared.leave(name, "foreignKeys", reason)
            resource["schema"] = {**schema, "foreignKeys": kept}


def _target(key: Any) -> str | None:
    reference = key.get("reference") if isinstance(key, dict) else None
    target = reference.get("resource") if isinstance(reference, dict) else None
    return target if isinstance(target, str) else None
