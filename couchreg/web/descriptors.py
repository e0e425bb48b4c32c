"""A descriptor as fields of a form, and back: title, licence, what columns hold; all else stays as it is.

A field that is sent as it was shown changes nothing, so that whoever only looks leaves every member alone.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from couchreg.errors import BadRequest, TooLarge
from couchreg.package.descriptor import MAX_DEPTH, is_deep
from couchreg.web.showing import plain

TYPES: Final = (
    *("string", "integer", "number", "boolean", "date", "datetime", "time", "year", "yearmonth"),
    *("duration", "geopoint", "geojson", "object", "array", "list", "any"),
)
LICENSES: Final = {
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "CC-BY-SA-4.0": "https://creativecommons.org/licenses/by-sa/4.0/",
    "ODC-By-1.0": "https://opendatacommons.org/licenses/by/1-0/",
    "ODbL-1.0": "https://opendatacommons.org/licenses/odbl/1-0/",
    "PDDL-1.0": "https://opendatacommons.org/licenses/pddl/1-0/",
}
_TEXTS: Final = ("name", "version", "title", "description")
_COLUMNS: Final = 300  # that have fields of their own


def columns_of(text: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What the form shows of a descriptor: its texts and licence, and by resource the columns. Nothing of
    what is no JSON object."""
    members = _object(text) or {}
    shown: dict[str, Any] = {name: plain(members.get(name), 5000) for name in _TEXTS}
    shown["keywords"] = ", ".join(_words(members))
    shown["license"] = _license(members)
    shown["licenses"] = list(dict.fromkeys([*LICENSES, *([shown["license"]] if shown["license"] else [])]))
    shown["is_json"] = bool(members)
    resources, left = [], _COLUMNS
    for number, resource in enumerate(_listed(members.get("resources"))):
        fields = _fields(resource)[:left]
        left -= len(fields)
        columns = [
            {
                "field": f"{number}.{place}",
                "name": plain(field.get("name"), 200),
                "type": plain(field.get("type"), 50) or "any",
                "description": plain(field.get("description"), 1000),
            }
            for place, field in enumerate(fields)
        ]
        resources.append({"name": plain(resource.get("name"), 200), "columns": columns})
    return shown, resources


def edited(text: str, fields: Mapping[str, str], longest: int) -> str:
    """The descriptor's text with what the form says; as it was where nothing is different, or it is no JSON
    object. Raises BadRequest for one that is nested too deeply, TooLarge where more than `longest` bytes come
    of it."""
    members = _object(text)
    if members is None or "title" not in fields:
        return text
    if is_deep(members):
        raise BadRequest(f"A descriptor may be nested at most {MAX_DEPTH} levels deep.")
    before = json.dumps(members)
    for name in _TEXTS:
        value = fields.get(name, "").replace("\r\n", "\n").strip()
        if value != plain(members.get(name), 5000).strip():
            _set(members, name, value)
    keywords = fields.get("keywords", "")
    if keywords.strip() != ", ".join(_words(members)):
        _set(members, "keywords", [word.strip() for word in keywords.split(",") if word.strip()])
    license_ = fields.get("license", "")
    if license_ != _license(members):
        path = LICENSES.get(license_)
        _set(members, "licenses", [{"name": license_, "path": path}] if path else None)
    for number, resource in enumerate(_listed(members.get("resources"))):
        for place, field in enumerate(_fields(resource)):
            _edit_column(field, fields, f"{number}.{place}")
    if json.dumps(members) == before:
        return text
    return _written(members, longest)


def _written(members: Mapping[str, Any], longest: int) -> str:
    """As text for people, or as short text where it would be too long. Raises TooLarge."""
    for indent in (2, None):
        text = _joined(json.JSONEncoder(indent=indent, ensure_ascii=False).iterencode(members), longest)
        if text is not None:
            return text
    raise TooLarge(f"A descriptor that is edited here may have at most {longest} bytes.")


def _joined(pieces: Iterable[str], longest: int) -> str | None:
    """Few bytes may come to a hundred times as many with spaces before each: no more are made than may be."""
    kept, size = [], 0
    for piece in pieces:
        size += len(piece.encode())
        if size > longest:
            return None
        kept.append(piece)
    return "".join(kept)


def _edit_column(field: dict[str, Any], fields: Mapping[str, str], at: str) -> None:
    kind = fields.get(f"type.{at}")
    if kind in TYPES and kind != (field.get("type") or "any"):
        field["type"] = kind
        field.pop("format", None)  # was one of another type
    description = fields.get(f"about.{at}")
    if description is not None and description.strip() != plain(field.get("description"), 1000).strip():
        _set(field, "description", description.strip())


def _set(members: dict[str, Any], name: str, value: Any) -> None:
    """An empty value takes the member away."""
    if value:
        members[name] = value
    else:
        members.pop(name, None)


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
        json.dumps(value, ensure_ascii=False).encode()  # half a character, as “\ud800” is, is no text
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _listed(value: Any) -> list[dict[str, Any]]:
    """The objects of a list, each at its place."""
    return [one if isinstance(one, dict) else {} for one in value] if isinstance(value, list) else []


def _fields(resource: Mapping[str, Any]) -> list[dict[str, Any]]:
    schema = resource.get("schema")
    return _listed(schema.get("fields")) if isinstance(schema, dict) else []


def _words(members: Mapping[str, Any]) -> list[str]:
    words = members.get("keywords")
    return [word for word in words if isinstance(word, str)] if isinstance(words, list) else []


def _license(members: Mapping[str, Any]) -> str:
    listed = _listed(members.get("licenses"))
    return plain(listed[0].get("name"), 100) if listed else ""
