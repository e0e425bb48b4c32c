"""What version 2 of the standard demands of a descriptor and frictionless does not look at.

What is wrong is told once, of its field, and nothing of the data is held against it. In version 1 the members
are not the standard's own, so that they are named and left.

Source: https://datapackage.org/standard/table-schema/#categories, #missingValues and #uniqueKeys, and
https://datapackage.org/standard/data-package/#contributors.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from frictionless import Field, FrictionlessException

from couchreg.package.report import problem, shown
from couchreg.registry.checking.equality import comparable
from couchreg.registry.checking.preparing import Prepared

_SECOND = re.compile(r"https?://(?:www\.)?datapackage\.org/profiles/2\.")
# Types whose values may be named as categories, and what these are in JSON. The standard has them of the
# first two alone; of the others, values are compared as they are.
_CATEGORIES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int, float),
    "number": (int, float),
    "any": (str, int, float, bool),
}
_KINDS = {"string": "text", "integer": "a whole number", "number": "a number"}


def check_demands(prepared: Prepared) -> None:
    """Report what of a descriptor is against version 2; of others, what its categories cannot be."""
    is_second = bool(_SECOND.match(str(prepared.members.get("$schema"))))
    if is_second:
        for member, words in _of_contributors(prepared.members.get("contributors")):
            prepared.report.add(problem("package-error", words, field=member))
    for resource in prepared.members["resources"]:
        name, schema = resource["name"], resource.get("schema")
        if not isinstance(schema, dict):
            continue
        if is_second:
            _check_schema(prepared, name, schema)
        for field in _fields(schema):
            own = prepared.names_of(name).stated_of(str(field.get("name")))
            for words in category_faults(field):
                if is_second:
                    _add(prepared, "field-error", words, name, own)
                else:
                    prepared.leave(name, "categories", f"of the field {shown(own)}: {words}")
            if field.get("categories") and _kind(field) not in _CATEGORIES:
                words = f"the field {shown(own)} is of the type {_kind(field)}, and the standard has them of "
                prepared.leave(name, "categories", f"{words}strings and integers: write “enum” for others")
            wrong = is_second and missing_fault(field.get("missingValues"))
            if wrong:
                _add(prepared, "field-error", wrong, name, own)


def _check_schema(prepared: Prepared, name: str, schema: Mapping[str, Any]) -> None:
    if fault := missing_fault(schema.get("missingValues")):
        _add(prepared, "schema-error", fault, name, "schema")
    if schema.get("uniqueKeys") == []:
        words = "“uniqueKeys” is empty: name the fields of each key, or leave it out."
        _add(prepared, "schema-error", words, name, "schema")


def _add(prepared: Prepared, kind: str, words: str, resource: str, field: str) -> None:
    file = prepared.schemas.get(resource)
    prepared.report.add(problem(kind, words, resource=resource, field=field, file=file))


def _fields(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    listed = schema.get("fields")
    return [item for item in (listed if isinstance(listed, list) else ()) if isinstance(item, dict)]


def category_faults(field: Mapping[str, Any]) -> Iterator[str]:
    """Why the categories of a field cannot be held against its values, a sentence each."""
    categories = field.get("categories")
    if not isinstance(field.get("categoriesOrdered", False), bool):
        yield f"“categoriesOrdered” is {shown(field['categoriesOrdered'])}: it has to be true or false."
    if not isinstance(categories, list) or not categories:
        return  # told elsewhere
    kind = _kind(field)
    if kind not in _CATEGORIES:
        return  # nothing is said of what they would be
    if not all(isinstance(item, dict) for item in categories) and any(
        isinstance(item, dict) for item in categories
    ):
        yield "“categories” are values or objects with a “value” each: write them all in one way."
        return
    yield from _of_labels(categories)
    for place, item in enumerate(categories):
        value = item.get("value") if isinstance(item, dict) else item
        where = f"“categories[{place}]” is {shown(item)}"
        if isinstance(item, dict) and "value" not in item:
            yield f"{where}, and has no “value”, which it needs."
            return
        if not _is_of(value, kind):
            wanted = _KINDS.get(kind, "text or a number")
            yield f"{where}, and a value of the type {kind} is {wanted}: write it so, or change the type."
            return
    values = [item["value"] if isinstance(item, dict) else item for item in categories]
    if (twice := _twice(values)) is not None:
        yield f"“categories” has {shown(twice)} twice: leave one out."
    elif (other := _beyond(field, values)) is not None:
        yield f"“enum” has {shown(other)}, which is none of the “categories”: leave it out, or add it there."


def _beyond(field: Mapping[str, Any], categories: Sequence[Any]) -> Any:
    """The first value of a field's `enum` that is none of its categories, as values of its type; None where
    all are. Those that are of another type are told elsewhere."""
    constraints = field.get("constraints")
    stated = constraints.get("enum") if isinstance(constraints, dict) else None
    try:
        read = Field.from_descriptor(deepcopy({**field, "constraints": {}})).create_value_reader()
    except FrictionlessException:
        return None
    known = {comparable(read(value)) for value in categories}
    for value in stated if isinstance(stated, list) else ():
        found = read(value) if value is not None else None
        if found is not None and comparable(found) not in known:
            return value
    return None


def are_looked_at(field: Mapping[str, Any]) -> bool:
    """Whether the categories of a field are held against its values."""
    is_list = isinstance(field.get("categories"), list)
    return is_list and _kind(field) in _CATEGORIES and not any(category_faults(field))


def _kind(field: Mapping[str, Any]) -> str:
    return str(field.get("type") or "any")


def _is_of(value: Any, kind: str) -> bool:
    if isinstance(value, bool) and kind != "any":
        return False
    is_whole = not isinstance(value, float) or value.is_integer()
    return isinstance(value, _CATEGORIES[kind]) and (is_whole or kind != "integer")


def _of_labels(items: Sequence[Any]) -> Iterator[str]:
    labels = [item["label"] for item in items if isinstance(item, dict) and "label" in item]
    wrong = [label for label in labels if not isinstance(label, str)]
    if wrong:
        yield f"A “label” of “categories” is {shown(wrong[0])}: it has to be a string."
    elif (twice := _twice(labels)) is not None:
        yield f"“categories” has the label {shown(twice)} twice: give each its own."


def missing_fault(stated: Any) -> str | None:
    """Why a list of missing values is none. Of objects frictionless says it."""
    items = [item for item in stated if isinstance(item, str)] if isinstance(stated, list) else []
    twice = _twice(items)
    return f"“missingValues” has {shown(twice)} twice: leave one out." if twice is not None else None


def _twice(values: Sequence[Any]) -> Any:
    """The first of these that is there already; None where all are unlike each other."""
    seen: set[tuple[bool, Any]] = set()
    for value in values:
        key = (isinstance(value, bool), value)
        if key in seen:
            return value
        seen.add(key)
    return None


def _of_contributors(stated: Any) -> Iterator[tuple[str, str]]:
    for place, item in enumerate(stated if isinstance(stated, list) else ()):
        roles = item.get("roles", []) if isinstance(item, dict) else []
        if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
            example = 'it has to be a list of strings, as in ["creator"]'
            yield "contributors", f"“contributors[{place}].roles” is {shown(roles)}: {example}."
