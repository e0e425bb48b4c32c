"""What of a package `frictionless` is given to check, and what it cannot be given. Reads the package's files.

Its reading of the standard and ours differ in places: data elsewhere must not be fetched, text or JSON that
stands in the descriptor is no table it can open, members that came with version 2 have other names for
it or none (`declared.py`). Whatever is left unchecked is said, never passed over.

Source: https://datapackage.org/standard/data-resource/ and https://specs.frictionlessdata.io/table-schema/.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import yaml

from couchreg.package.descriptor import PLACEHOLDER, stated_path
from couchreg.package.formats import split_format
from couchreg.package.frictionless_terms import dialect_terms, is_json_table
from couchreg.package.paths import is_url, plain_path
from couchreg.package.placeholders import is_unwritten
from couchreg.package.references import RULES, names_a_file, references
from couchreg.package.report import MAX_SHOWN, Report, problem, shown
from couchreg.package.text import BadText, read_json
from couchreg.registry.checking.dialects import mark_fault, misfits, null_marks, unknown_members
from couchreg.registry.checking.inline import form_of, odd_row, read_inline
from couchreg.registry.checking.naming import FieldNames
from couchreg.registry.checking.opening import open_text_bytes
from couchreg.registry.checking.profiles import BadSchema, EndlessSchema, placed, validator

_JSON = ("json", "jsonl", "ndjson")
_TEXTS = ("csv", "tsv", *_JSON)  # of data in the descriptor
_KNOWN = ("csv", "tsv", *_JSON, "xlsx", "xls", "ods", "parquet", "geojson", "topojson")
# Version 1's that frictionless has at hand; any other would make it look for a file or an address.
_PROFILES = ("data-package", "tabular-data-package", "data-resource", "tabular-data-resource")
_STANDARD = ("https://datapackage.org/profiles/", "https://specs.frictionlessdata.io/schemas/")
_OWN_PROFILE = "https://profile.invalid/"  # in place of one that is a file: of no version that is known
MOST_UNCHECKED = 1000
MAX_SCHEMA = 16 << 20  # bytes of a file with a schema, a dialect or a profile


@dataclass
class Prepared:
    """`members` to have its form checked, `tables` the resources whose data is to be read, by name, and
    `paths` the files of each; what is wrong already is in `report`."""

    folder: str
    report: Report
    members: dict[str, Any]
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    names: dict[str, FieldNames] = field(default_factory=dict)
    paths: dict[str, list[str]] = field(default_factory=dict)
    compressions: dict[str, str | None] = field(default_factory=dict)  # of tables in files
    forms: dict[str, str] = field(default_factory=dict)  # their formats
    innerpaths: dict[str, str] = field(default_factory=dict)  # of those that are zip files, their member
    guesses: dict[str, dict[str, Any]] = field(default_factory=dict)  # of text in the descriptor
    dialects: dict[str, str] = field(default_factory=dict)  # of those whose dialect is a file, its path
    schemas: dict[str, str] = field(default_factory=dict)  # likewise
    skipped: list[str] = field(default_factory=list)
    unchecked: list[dict[str, Any]] = field(default_factory=list)

    def leave(self, resource: str | None, member: str, reason: str) -> None:
        if len(self.unchecked) < MOST_UNCHECKED:
            self.unchecked.append({"resource": resource, "member": member, "reason": reason})

    def open_bytes(self, paths: Sequence[str]) -> BinaryIO:
        """Files of the package one after the other, as they are."""
        return open_text_bytes([f"{self.folder}/{path}" for path in paths], None)

    def open_text(self, resource: str, paths: Sequence[str] | None = None) -> BinaryIO:
        """A table's files, or some of them, unpacked. Raises ValueError, and what damaged files raise."""
        files = [f"{self.folder}/{path}" for path in paths or self.paths[resource]]
        return open_text_bytes(files, self.compressions.get(resource), self.innerpaths.get(resource, ""))

    def names_of(self, resource: str) -> FieldNames:
        return self.names.get(resource) or FieldNames(())


def prepare(folder: str, members: dict[str, Any], report: Report) -> Prepared:
    """The package as frictionless is to see it."""
    prepared = Prepared(folder, report, {**members, "resources": []})
    for member in ("schema", "dialect"):
        if prepared.members.pop(member, None) is not None:
            prepared.leave(None, member, "it is a resource that has one: nothing of a package is read by it")
    _obey(prepared, prepared.members, None, members)
    _say_unwritten(prepared, None, members)
    for resource in members["resources"]:
        _say_unwritten(prepared, resource["name"], resource)
        _add(prepared, resource)
    for reference in references(members):
        if not reference.needed and not os.path.isfile(os.path.join(folder, reference.path)):
            reason = f"the package has no file {shown(reference.path)}"
            prepared.leave(reference.resource, reference.member, reason)
    return prepared


def _say_unwritten(prepared: Prepared, resource: str | None, members: Mapping[str, Any]) -> None:
    for member in ("title", "description"):
        text = members.get(member)
        if text == PLACEHOLDER:
            prepared.leave(resource, member, "it is still the one that couchreg init has written")
        elif is_unwritten(member, text):
            prepared.leave(
                resource, member, f"it is {shown(text)}, which stands for one that is still to be written"
            )


def _add(prepared: Prepared, resource: dict[str, Any]) -> None:
    name = resource["name"]
    found = {key: value for key, value in resource.items() if key not in ("hash", "bytes", "url")}
    _obey(prepared, found, name, resource)
    is_readable = _take_in(prepared, found, name)
    if "data" in found:
        found, is_table, prepared.guesses[name], fault = read_inline(found)
        if fault is not None:
            place: dict[str, Any] = {"line": fault.line, "column": fault.column}
            message = f"The text of “data” {fault.fault}."
            prepared.report.add(problem("source-error", message, resource=name, field="data", **place))
        elif isinstance(resource["data"], str) and "schema" in found and form_of(resource) not in _TEXTS:
            prepared.leave(name, "schema", f"text as {shown(form_of(resource))} is not read as a table here")
            is_readable = False
        if is_table and isinstance(found["data"], dict):
            message = "“data” is an object, and a table is a list of rows: put the list itself there."
            prepared.report.add(problem("resource-error", message, resource=name, field="data"))
            found, is_table = {**found, "data": [[name]]}, False
        elif is_table and (odd := odd_row(found["data"])):
            message = f"“data” has {shown(odd.value)} as its row {odd.row:,}: {odd.wanted}."
            prepared.report.add(problem("resource-error", message, resource=name, row=odd.row, field="data"))
            found, is_table = {**found, "data": [[name]]}, False
    else:
        path = stated_path(resource)
        more = found.pop("extrapaths", None)  # frictionless's word for the files after the first
        listed = [*(path if isinstance(path, list) else [path]), *(more if isinstance(more, list) else [])]
        plain = [plain_path(item) for item in listed]
        found["path"] = plain if isinstance(path, list) or more else plain[0]
        prepared.paths[name] = plain
        is_table = not is_url(listed[0])
        _name_table(found, listed[0])
        is_readable = is_readable and is_table
        if not is_table:
            for member in ("scheme", "format"):
                found.pop(member, None)
    prepared.members["resources"].append(found)
    if is_table and is_readable:
        prepared.tables[name] = found
    elif not is_readable:
        prepared.skipped.append(name)


def _name_table(found: dict[str, Any], path: str) -> None:
    """Files of JSON are tables where a schema of fields says so, and the reader has to be told."""
    schema = found.get("schema")
    has_fields = isinstance(schema, dict) and isinstance(schema.get("fields"), list)
    stated, by_name = found.get("format"), split_format(path)[0]
    if isinstance(stated, str) and stated:
        found["format"] = form_of(found)  # "CSV", ".csv" and "text/csv" are written, too
    elif has_fields and by_name not in _KNOWN and form_of(found) in _KNOWN:
        found["format"] = form_of(found)  # a media type says it of “.txt”
    form = found.get("format") or by_name
    if is_json_table(found, form):
        found["type"] = "table"


def _obey(prepared: Prepared, found: dict[str, Any], resource: str | None, whole: Mapping[str, Any]) -> None:
    """Check by the profiles that are files of the package, and say which others are not known here."""
    for rule in RULES:
        if rule in found and not isinstance(found[rule], str):
            message = f"“{rule}” is {shown(found.pop(rule))}: it has to be a string."
            kind = "package-error" if resource is None else "resource-error"
            prepared.report.add(problem(kind, message, resource=resource, field=rule))
    profiles = found.pop("profiles", None)  # as frictionless 5 called it
    first = profiles[0] if isinstance(profiles, list) and profiles else None
    for member, value in (*((rule, found.get(rule)) for rule in RULES), ("profiles", first)):
        if (
            not isinstance(value, str)
            or value in _PROFILES
            or (member == "$schema" and value.startswith(_STANDARD))
        ):
            continue
        if names_a_file(member, value):
            _apply(prepared, value, member, resource, whole)
        elif not value.startswith(_STANDARD):
            prepared.leave(resource, member, _unknown(value))
        if member == "profile":
            del found[member]
    schema = found.get("$schema")
    if resource is not None:
        found.pop("$schema", None)  # the version is the package's
    elif isinstance(schema, str) and not is_url(schema):
        found["$schema"] = _OWN_PROFILE


def _unknown(value: str) -> str:
    why = "it is elsewhere, and nothing is fetched" if is_url(value) else "only the standard's own are"
    return f"the rules of {shown(value)} are not known here: {why}"


def _apply(
    prepared: Prepared, value: str, member: str, resource: str | None, whole: Mapping[str, Any]
) -> None:
    path = plain_path(value)
    schema = _read(prepared, path, member, resource)
    if schema is None:
        return
    kind = "package-error" if resource is None else "resource-error"
    try:
        for fault in validator(schema, folder=prepared.folder, path=path)(dict(whole)):
            message = f"The profile {path} is not met: {fault}."
            prepared.report.add(problem(kind, message, resource=resource, field=member))
    except EndlessSchema as error:
        message = f"The profile {path} cannot be applied: {error}. Mend it, or leave “{member}” out."
        prepared.report.add(problem("profile-error", message, resource=resource, field=member, file=path))
    except BadSchema as error:
        prepared.leave(resource, member, f"{path} cannot be applied: {error}")


def _read(prepared: Prepared, path: str, member: str, resource: str | None) -> Any:
    """The content of a file with a schema, a dialect or a profile; None, and a problem, if it is none."""
    kind = f"{member}-error" if member in ("schema", "dialect") else "profile-error"
    file = Path(prepared.folder, path)
    try:
        if file.stat().st_size > MAX_SCHEMA:
            raise BadText(f"has more than {MAX_SCHEMA >> 20} MiB", None, None)
        data = file.read_bytes()
        value = _yaml(data) if path.lower().endswith((".yaml", ".yml")) else read_json(data)
        if not isinstance(value, dict):
            raise BadText("has to hold a JSON object", 1, 1)
    except OSError as error:
        message = f"The file {shown(path)}, which “{member}” names, cannot be read: {error.strerror}."
        prepared.report.add(problem(kind, message, resource=resource, field=member, file=path))
        return None
    except BadText as error:
        place: dict[str, Any] = {"file": path, "line": error.line, "column": error.column}
        message = f"{path}, which “{member}” names, {error.fault}."
        prepared.report.add(problem(kind, message, resource=resource, field=member, **place))
        return None
    return value


def _yaml(data: bytes) -> Any:
    try:
        return yaml.safe_load(data)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
        place = f" in line {line}, column {column}" if mark else ""
        raise BadText(
            f"is not valid YAML{place}: {getattr(error, 'problem', None) or error}", line, column
        ) from None


def _take_in(prepared: Prepared, found: dict[str, Any], name: str) -> bool:
    """Put the schema and the dialect of a resource in the place of what refers to them, as frictionless reads
    them; False where they are elsewhere or broken, so that the data cannot be read."""
    is_readable = True
    for member in ("schema", "dialect"):
        value = found.get(member)
        if isinstance(value, str) and is_url(value):
            prepared.leave(name, member, f"{shown(value)} is elsewhere, and nothing is fetched")
        elif isinstance(value, str) and value:
            path = plain_path(value)
            value = _read(prepared, path, member, name)
            (prepared.dialects if member == "dialect" else prepared.schemas)[name] = path
        elif member in found and value in (None, ""):
            what = "null" if value is None else "empty"
            message = f"“{member}” is {what}: give an object or the path of a file with one, or leave it out."
            prepared.report.add(problem(f"{member}-error", message, resource=name, field=member))
            value = None
        if value is None or isinstance(value, str):
            is_readable = is_readable and member not in found
            found.pop(member, None)
        elif isinstance(value, dict):
            found[member] = _known_rules(prepared, value, name, member)
    if isinstance(found.get("schema"), dict):
        file, fields = prepared.schemas.get(name), found["schema"].get("fields")
        if file and isinstance(fields, list):
            found["schema"] = {**found["schema"], "fields": [placed(item, file) for item in fields]}
        found["schema"] = _schema(prepared, found["schema"], name)
    if isinstance(found.get("dialect"), dict):
        is_readable = _take_in_dialect(prepared, found, name) and is_readable
    return is_readable


def _take_in_dialect(prepared: Prepared, found: dict[str, Any], name: str) -> bool:
    stated = found["dialect"]
    faults = list(misfits(stated))
    for fault in faults:
        file = prepared.dialects.get(name)
        prepared.report.add(problem("dialect-error", fault, resource=name, field="dialect", file=file))
    if faults:
        del found["dialect"]
        return False
    for member in unknown_members(stated):
        reason = "the standard has no such member of a dialect, so that nothing is read by it"
        prepared.leave(name, f"dialect.{member}"[:MAX_SHOWN], reason)
    for member, reason in null_marks(stated):
        prepared.leave(name, f"dialect.{member}", reason)
        stated = {key: value for key, value in stated.items() if key != member}
    dialect = found["dialect"] = dialect_terms(stated)
    own = dialect.get("csv")
    delimiter = dialect.get("delimiter") or (own.get("delimiter") if isinstance(own, dict) else None)
    is_long = isinstance(delimiter, str) and len(delimiter) > 1 and not mark_fault("delimiter", delimiter)
    if is_long:
        prepared.leave(name, "dialect.delimiter", "several characters together are not read here")
    return not is_long


def _known_rules(prepared: Prepared, value: dict[str, Any], name: str, member: str) -> dict[str, Any]:
    """Without the rules that a schema or a dialect is said to obey, which are looked at nowhere."""
    for rule in RULES:
        stated = value.get(rule)
        if isinstance(stated, str) and stated not in _PROFILES and not stated.startswith(_STANDARD):
            prepared.leave(name, f"{member}.{rule}", _unknown(stated))
    return {key: item for key, item in value.items() if key not in ("profile", "$schema")}


def _schema(prepared: Prepared, schema: dict[str, Any], name: str) -> dict[str, Any]:
    found = dict(schema)
    match = schema.get("fieldsMatch")
    if isinstance(match, list) and len(match) == 1:  # as the standard's own profile has it
        found["fieldsMatch"] = match[0]
    fields = schema.get("fields")
    names = (
        [item.get("name") if isinstance(item, dict) else None for item in fields]
        if isinstance(fields, list)
        else []
    )
    if names and all(isinstance(item, str) for item in names):
        prepared.names[name] = FieldNames([str(item) for item in names])
    return found
