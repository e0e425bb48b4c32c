"""The form of a descriptor, by frictionless, piece by piece: so that everything that is wrong has its place.

frictionless says of a whole package that one of its fields is wrong, and not which. It is asked here
about each field, schema, dialect and resource for itself. Only in the child process.

Source: https://datapackage.org/standard/table-schema/.
"""

import re
import traceback
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from typing import Any

from frictionless import Dialect, Field, FrictionlessException, Package, Resource, Schema, system

from couchreg.package.formats import split_format
from couchreg.package.paths import is_url
from couchreg.package.report import Problem, problem, shown
from couchreg.registry.checking import shapes
from couchreg.registry.checking.contradictions import ambiguities, contradictions
from couchreg.registry.checking.dialects import mark_fault, mark_faults, word_fault
from couchreg.registry.checking.encodings import is_encoding
from couchreg.registry.checking.formats import (
    format_fault,
    has_moments,
    is_unknown,
    plain_pattern,
    with_type,
)
from couchreg.registry.checking.naming import FieldNames, renamed
from couchreg.registry.checking.patterns import BadPattern, compiled
from couchreg.registry.checking.preparing import Prepared
from couchreg.registry.checking.profiles import BadSchema, Faults, LeadsNowhere, leading, validator
from couchreg.registry.checking.wording import told

MOST_FIELDS = 20_000
_TRACED = -5  # the last calls, which tell
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_TYPES = (
    "string, number, integer, boolean, object, array, list, date, time, datetime, year, yearmonth, duration, "
    + ("geopoint, geojson, any")
)
_VERSION_2 = (
    " That is of version 2 of the standard: state it in the package, as in "
    '"$schema": "https://datapackage.org/profiles/2.0/datapackage.json".'
)
_OF_FILES = ("schema-error", "field-error", "dialect-error")  # the problems of what may be in one
_TABULAR = {"name": "x", "path": "x", "profile": "tabular-data-resource", "schema": {"fields": []}}
_NEEDS_VERSION_2 = re.compile(r"requires? datapackage v2|does not match '\^\(\[-a-z0-9")


def check_form(prepared: Prepared) -> None:
    """Report what is wrong with the form, and take the resources it concerns out of `prepared.tables`."""
    version = _version(prepared.members.get("$schema"))
    shell = {**prepared.members, "resources": [_TABULAR]}
    shell.pop("type", None)  # the standard has none, so that it may mean anything
    for words, member in told(_notes(Package, shell, {}), prepared.members):
        prepared.report.add(problem("package-error", words, field=member))
    for resource in prepared.members["resources"]:
        try:
            faults = list(_of_resource(prepared, resource, version))
        except ValueError as error:  # an integer of more digits than Python writes, where one is looked at
            message = f"The resource has a number that cannot be read: {error}."
            faults = [problem("resource-error", message, resource=resource["name"])]
        except MemoryError:
            raise
        except Exception as error:  # of this resource alone
            traceback.print_exc(limit=_TRACED)
            message = f"The form of the resource could not be checked: {type(error).__name__}: {error}."
            faults = [problem("resource-error", message, resource=resource["name"])]
        for fault in faults:
            files = {"dialect-error": prepared.dialects}.get(fault["type"], prepared.schemas)
            file = files.get(resource["name"]) if fault["type"] in _OF_FILES else None
            prepared.report.add({**fault, "file": file} if file else fault)
        if faults:
            prepared.tables.pop(resource["name"], None)


def _version(stated: Any) -> str:
    if not stated:
        return "v1"
    match = re.match(r"https?://(?:www\.)?datapackage\.org/profiles/([12])\.", str(stated))
    return f"v{match[1]}" if match else "unknown"


def _notes(kind: Any, members: Any, options: Mapping[str, Any]) -> list[str]:
    """What frictionless says of a piece of a descriptor, a sentence each."""
    try:
        kind.from_descriptor(deepcopy(members), **options)
    except FrictionlessException as error:
        notes = dict.fromkeys(item.note or item.message for item in (error.reasons or [error.error]))
        return [_sentence(note) for note in notes]
    except (TypeError, AttributeError, ValueError, KeyError, IndexError) as error:
        return [_sentence(f"its form is not understood ({error})")]
    return []


@cache
def _shape(name: str) -> Faults:
    """One of `shapes`, made ready once: that takes longer than to look at many descriptors."""
    return validator(getattr(shapes, name))


def _shape_notes(name: str, members: Any) -> list[str]:
    """What has a type that no reader expects; left to others where there is not even an object."""
    return [_sentence(fault) for fault in _shape(name)(members)] if isinstance(members, dict) else []


def _sentence(note: str) -> str:
    text = note[:1].upper() + note[1:].rstrip(".") + "."
    return text + _VERSION_2 if _NEEDS_VERSION_2.search(note) else text


def _of_resource(prepared: Prepared, resource: dict[str, Any], version: str) -> Iterator[Problem]:
    name, options = resource["name"], {"datapackage_version": version}
    is_tabular = resource.get("profile") == "tabular-data-resource"
    if prepared.members.get("profile") == "tabular-data-package" and not is_tabular:
        message = (
            "The package is a tabular-data-package, so that each of its resources has to have "
            '"profile": "tabular-data-resource": add it, or make the package a data-package.'
        )
        yield problem("resource-error", message, resource=name, field="profile")
    yield from _of_type(prepared, resource, version)
    stated = resource.get("encoding")
    if name in prepared.tables and isinstance(stated, str) and not is_encoding(stated):
        message = f"The encoding {shown(stated)} is not known: state one such as utf-8 or windows-1252."
        yield problem("encoding-error", message, resource=name, field="encoding")
    plain = {key: value for key, value in resource.items() if key not in ("schema", "dialect")}
    if "schema" in resource or name in prepared.skipped:
        plain["schema"] = {"fields": []}  # a tabular resource has to have one
    for words, member in told(_shape_notes("RESOURCE", plain) or _notes(Resource, plain, options), plain):
        yield problem("resource-error", words, resource=name, field=member)
    if "dialect" in resource:
        dialect = resource["dialect"]
        notes = _shape_notes("DIALECT", dialect) or _of(Dialect, dialect, "dialect", {})
        usual = "\t" if _is_tabbed(resource) else ","
        for words, _ in told(
            notes or mark_faults(dialect, usual), dialect if isinstance(dialect, dict) else {}
        ):
            yield problem("dialect-error", words, resource=name, field="dialect")
    if "schema" in resource:
        yield from _of_schema(prepared, resource, options)


def _of_type(prepared: Prepared, resource: dict[str, Any], version: str) -> Iterator[Problem]:
    """Version 2 knows one type of resource. Before, `type` could mean anything, and counts for nothing."""
    stated = resource.get("type")
    if not isinstance(stated, str):
        return
    try:
        system.select_resource_class(stated)
    except FrictionlessException:
        if version == "v2":
            message = f'The “type” of a resource can be "table", or be left out; it is {shown(stated)}.'
            yield problem("resource-error", message, resource=resource["name"], field="type")
        else:
            prepared.leave(resource["name"], "type", f"{shown(stated)} is not a type that is known here")
        del resource["type"]


def _is_tabbed(resource: Mapping[str, Any]) -> bool:
    path = resource.get("path")
    first = path[0] if isinstance(path, list) else path
    by_name = split_format(first)[0] if isinstance(first, str) else None
    return (resource.get("format") or by_name) == "tsv"


def _of(kind: Any, value: Any, what: str, options: Mapping[str, Any]) -> list[str]:
    if not isinstance(value, dict):
        return [f"The {what} is {shown(value)}: it has to be an object, or the path of a file with one."]
    return _notes(kind, value, options)


def _of_schema(prepared: Prepared, resource: dict[str, Any], options: Mapping[str, Any]) -> Iterator[Problem]:
    name, schema = resource["name"], resource["schema"]
    fields = schema.get("fields") if isinstance(schema, dict) else None
    if not isinstance(fields, list):
        notes = _of(Schema, schema, "schema", options)
        if fields is not None:  # of what stands in it nothing can be said
            notes = [note for note in notes if "at property 'fields" in note] or notes
        for words, _ in told(notes, schema if isinstance(schema, dict) else {}):
            yield problem("schema-error", words, resource=name, field="schema")
        return
    if len(fields) > MOST_FIELDS:
        yield problem("schema-error", f"A schema may have {MOST_FIELDS} fields here.", resource=name)
        return
    fields = [with_type(item, options["datapackage_version"]) for item in fields]
    faults = [
        fault for number, item in enumerate(fields, 1) for fault in _of_field(name, number, item, options)
    ]
    yield from faults
    if faults:
        return
    _leave_unchecked(prepared, name, fields)
    own = prepared.names_of(name)
    resource["schema"] = _renamed(prepared, name, own, {**schema, "fields": fields})
    whole = resource["schema"]
    vague = list(_vague_keys(name, schema))
    yield from vague
    notes = [] if vague else _shape_notes("SCHEMA", whole) or _of(Schema, whole, "schema", options)
    for words, _ in told(notes, whole):
        yield problem("schema-error", words, resource=name, field="schema")
    if not notes:
        yield from _of_keys(prepared, name, resource["schema"])
    if name in prepared.tables:
        prepared.tables[name]["schema"] = resource["schema"]


def _leave_unchecked(prepared: Prepared, name: str, fields: list[Any]) -> None:
    """Say what fields demand and nobody looks at."""
    for item in fields:
        if away := leading((item.get("constraints") or {}).get("jsonSchema")).elsewhere:
            reason = (
                f"that of the field {shown(item['name'])} refers to {shown(away)}, which is elsewhere, and"
            )
            prepared.leave(name, "jsonSchema", f"{reason} nothing is fetched; what it says itself is applied")
        if is_unknown(item.get("type"), item.get("format")):
            reason = (
                f"the field {shown(item['name'])} has the format {shown(item['format'])}, and the standard"
            )
            prepared.leave(name, "format", f"{reason} has no such format for the type {item['type']}")
        if not isinstance(item.get("categories", []), list):
            reason = f"those of the field {shown(item['name'])} are {shown(item['categories'])}, and no list"
            prepared.leave(name, "categories", reason)
        for member, reason in ambiguities(item):
            prepared.leave(name, member, f"of the field {shown(item['name'])}: {reason}")


def _of_field(resource: str, number: int, item: Any, options: Mapping[str, Any]) -> Iterator[Problem]:
    if not isinstance(item, dict):
        example = item if isinstance(item, str) else f"field{number}"
        message = (
            f'Field {number} of the schema is {shown(item)}: write an object, as in {{"name": "{example}"}}.'
        )
        yield problem("field-error", message, resource=resource)
        return
    name = item.get("name")
    if not isinstance(name, str):
        message = f"Field {number} of the schema has no “name” that is a string."
        yield problem("field-error", message, resource=resource)
        return
    fault = format_fault(item.get("type"), item.get("format"))
    notes = _shape_notes("FIELD", item) or ([fault] if fault else _notes(Field, item, options))
    for note in notes or _fault_of_constraints(item, options):
        if "is not supported" in note and "ield type" in note:
            note = note.rstrip(".") + f": the standard has {_TYPES}."
        elif note.endswith('is not supported by type "any".'):
            note = note.rstrip(".") + ": state the “type” of the field, which is any where none is stated."
        for words, _ in told([note], item):
            yield problem("field-error", words, resource=resource, field=name)


def _constraints(item: dict[str, Any], options: Mapping[str, Any]) -> Iterator[str]:
    """Constraints that no value could be held against."""
    constraints = item.get("constraints") or {}
    pattern, shape = constraints.get("pattern"), constraints.get("jsonSchema")
    try:
        if pattern is not None:
            compiled(pattern)
    except BadPattern as error:
        yield f"The pattern {shown(pattern)} is not a regular expression of XML Schema: {error}."
        return
    try:
        if shape is not None:
            next(validator(shape)(None), None)
            if absent := leading(shape).absent:
                raise LeadsNowhere(absent)
    except BadSchema as error:
        yield f"“jsonSchema” cannot be applied: {error}."
        return
    declared = Field.from_descriptor(deepcopy(item), **options)
    read = declared.create_value_reader()
    if declared.type == "list" and item.get("delimiter") == "":
        yield "The “delimiter” is empty: write what stands between the items, or leave it out for a comma."
    for member in ("decimalChar", "groupChar"):
        if fault := mark_fault(member, item.get(member)):
            yield fault
    if declared.type == "list" and (fault := word_fault("delimiter", item.get("delimiter"))):
        yield fault
    for member in _BOUNDS:
        stated = constraints.get(member)
        if stated is not None and _is_no_bound(read(stated)):
            wrong = shown(stated)
            yield f"“{member}” is {wrong}, which is not a value of the type {declared.type}."
    if constraints.get("enum") == []:
        yield "“enum” is empty, so that no value could be one of it: name those there are, or leave it out."
    if item.get("categories") == []:
        yield "“categories” is empty, so that no value could be one of them: name them, or leave it out."
    unfit = [value for value in constraints.get("enum") or () if _is_unreadable(read, value)]
    if unfit and "enum" in declared.supported_constraints:
        yield f"“enum” has {shown(unfit[0])}, which is not a value of the type {declared.type}."


def _fault_of_constraints(item: dict[str, Any], options: Mapping[str, Any]) -> Iterator[str]:
    """The above, and, where each is right for itself, what they are together."""
    faults = list(_constraints(item, options))
    yield from faults or contradictions(Field.from_descriptor(deepcopy(item), **options), item)


def _is_no_bound(value: Any) -> bool:
    return value is None or bool(value != value)  # NaN, however it is written


def _is_unreadable(read: Any, value: Any) -> bool:
    return value is not None and read(value) is None


def _renamed(prepared: Prepared, name: str, own: FieldNames, schema: dict[str, Any]) -> dict[str, Any]:
    """A schema with the names of fields that frictionless can tell apart."""
    found = dict(schema)
    found["fields"] = [
        {**_plain(item), "name": unique} for item, unique in zip(schema["fields"], own.own, strict=True)
    ]
    for member in ("primaryKey", "uniqueKeys"):
        if member in found:
            found[member] = renamed(found[member], own)
    if isinstance(found.get("foreignKeys"), list):
        found["foreignKeys"] = _own_keys(prepared, name, own, found["foreignKeys"])
    return found


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    """A field whose format is one that Python reads, too."""
    stated = item.get("format")
    is_pattern = isinstance(stated, str) and has_moments(item.get("type"))
    return {**item, "format": plain_pattern(str(stated))} if is_pattern else item


def _own_keys(prepared: Prepared, name: str, own: FieldNames, keys: list[Any]) -> list[Any]:
    """The foreign keys that can be looked at here."""
    kept = []
    for key in keys:
        reference = key.get("reference") if isinstance(key, dict) else None
        elsewhere = _elsewhere(reference)
        if elsewhere is not None:
            prepared.leave(name, "foreignKeys", f"the key refers to {shown(elsewhere)}, which is elsewhere")
            continue
        if isinstance(reference, dict) and isinstance(key, dict):
            target = reference.get("resource") or name
            others = prepared.names_of(target) if isinstance(target, str) else own
            reference = {**reference, "fields": renamed(reference.get("fields", []), others)}
            key = {**key, "fields": renamed(key.get("fields", []), own), "reference": reference}
        kept.append(key)
    return kept


def _elsewhere(reference: Any) -> Any:
    """What is outside of the package in a reference; None for one that stays inside."""
    if isinstance(reference, str):
        return reference if is_url(reference) else None
    if not isinstance(reference, dict):
        return None
    for member in ("package", "datapackage"):
        if reference.get(member):
            return reference[member]
    target = reference.get("resource")
    return target if isinstance(target, str) and is_url(target) else None


def _vague_keys(name: str, schema: dict[str, Any]) -> Iterator[Problem]:
    """Foreign keys that have no word of the fields they refer to."""
    keys = schema.get("foreignKeys")
    for key in keys if isinstance(keys, list) else ():
        reference = key.get("reference") if isinstance(key, dict) else None
        if isinstance(reference, dict) and "fields" not in reference:
            message = (
                f"The foreign key {shown(key)} does not say to which fields it refers: name them in “fields” "
                "of its “reference”, as many as its own."
            )
            yield problem("schema-error", message, resource=name, field="foreignKeys")


def _of_keys(prepared: Prepared, name: str, schema: dict[str, Any]) -> Iterator[Problem]:
    keys = schema.get("foreignKeys")
    known = {item["name"]: item for item in prepared.members["resources"]}
    for key in keys if isinstance(keys, list) else ():
        reference = key.get("reference") if isinstance(key, dict) else None
        if not isinstance(reference, dict):
            message = "A foreign key is {“fields”, “reference”: {“resource”, “fields”}}."
            yield problem("schema-error", message, resource=name, field="foreignKeys")
            continue
        target = reference.get("resource") or name
        if target not in known:
            message = (
                f"A foreign key refers to the resource {shown(target)}, which this package does not have."
            )
            if target == "self":  # as the table itself was called before version 1
                message = message.rstrip(".") + ': write "", which means the table itself.'
            yield problem("schema-error", message, resource=name, field="foreignKeys")
            continue
        wanted = reference.get("fields", [])
        names = prepared.names.get(target)
        for item in wanted if isinstance(wanted, list) else [wanted]:
            if names is not None and item not in names.own:
                message = (
                    f"A foreign key refers to the field {shown(item)}, which {shown(target)} does not have."
                )
                yield problem("schema-error", message, resource=name, field="foreignKeys")
