"""What the standard says, in the words that the `frictionless` library reads it by. Pure.

The library knows version 1's members and its own; by some of version 2's it would read other rows without a
word. Source: https://datapackage.org/standard/table-dialect/ and https://framework.frictionlessdata.io/.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from couchreg.package.formats import split_format

# Members of version 2's Table Dialect, and where frictionless looks for them.
FRICTIONLESS_MEMBERS = {
    "sheetName": ("excel", "sheet"),
    "sheetNumber": ("excel", "sheet"),
    "property": ("json", "property"),
    "itemKeys": ("json", "keys"),
    "table": ("sql", "table"),
}
_JSON = ("json", "jsonl", "ndjson")


def dialect_terms(dialect: Mapping[str, Any]) -> dict[str, Any]:
    """A dialect whose members have the types that the standard gives them."""
    found = {
        key: value
        for key, value in dialect.items()
        if key not in FRICTIONLESS_MEMBERS and key != "csvddfVersion"
    }
    if "caseSensitiveHeader" in found:  # version 1's word
        found = {"headerCase": found["caseSensitiveHeader"], **found}
        del found["caseSensitiveHeader"]
    for member, (form, option) in FRICTIONLESS_MEMBERS.items():
        given = found.get(form, {})
        if member in dialect and isinstance(given, dict):
            found[form] = {option: dialect[member], **given}
    return found


def is_json_table(resource: Mapping[str, Any], form: str | None) -> bool:
    """Whether a resource of JSON is a table, which a schema of fields says and the library has to be told."""
    schema = resource.get("schema")
    has_fields = isinstance(schema, dict) and isinstance(schema.get("fields"), list)
    return has_fields and form in _JSON and resource.get("type") in (None, "json")


def served_terms(descriptor: Mapping[str, Any], address: str) -> dict[str, Any]:
    """A descriptor as a registry serves it, for the library to read; `address` is that of the version."""
    resources = descriptor.get("resources")
    if not isinstance(resources, list):
        return dict(descriptor)
    read = [_resource(item, address) if isinstance(item, dict) else item for item in resources]
    return {**descriptor, "resources": read}


def _resource(resource: Mapping[str, Any], address: str) -> dict[str, Any]:
    found = dict(resource)
    if isinstance(found.get("dialect"), dict):
        found["dialect"] = dialect_terms(found["dialect"])
    path, form = found.get("path"), found.get("format")
    if not isinstance(form, str):
        form = split_format(path)[0] if isinstance(path, str) else None
    if "path" in found and is_json_table(found, form):
        found["type"] = "table"
    if isinstance(path, list) and len(path) > 1 and found.get("compression") == "gz":
        # It would open the first part alone; the resource's own address has all, one after the other.
        found["path"] = f"{address}/{quote(str(found.get('name')), safe='')}"
    return found
