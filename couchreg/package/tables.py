"""Which resources of a package are tables, by what the descriptor says of them. Pure.

Source: https://datapackage.org/standard/data-resource/ and /table-schema/.
"""

from urllib.parse import quote

from couchreg.package.descriptor import Resource
from couchreg.package.formats import split_format

# Formats that are tables whatever is said of them, and those that are where something says so.
_TABLES = frozenset(("csv", "tsv", "xlsx", "xls", "ods", "parquet", "jsonl", "ndjson"))
_MAY_BE = frozenset(("json", *_TABLES))
_MEDIATYPES = {
    "text/csv": "csv",
    "text/tab-separated-values": "tsv",
    "application/vnd.apache.parquet": "parquet",
}


def is_table(resource: Resource) -> bool:
    """Whether a resource is to be read as a table. Where its data is elsewhere nothing of it is read."""
    members = resource.members
    if resource.urls:
        return False
    form = format_of(resource)
    said = "schema" in members or members.get("type") == "table"
    said = said or members.get("profile") == "tabular-data-resource"
    if resource.inline:
        return said or form in ("csv", "tsv")
    return bool(resource.paths) and (form in _TABLES or (said and (form is None or form in _MAY_BE)))


def format_of(resource: Resource) -> str | None:
    """What is stated, else what the first file's name says."""
    stated = resource.members.get("format")
    if isinstance(stated, str) and stated:
        return stated.lower().removeprefix(".")
    kind = resource.members.get("mediatype")
    if isinstance(kind, str) and kind.partition(";")[0].strip().lower() in _MEDIATYPES:
        return _MEDIATYPES[kind.partition(";")[0].strip().lower()]
    return split_format(resource.paths[0])[0] if resource.paths else None


def parquet_address(base: str, name: str, version: str, resource: str) -> str:
    """Where the Parquet file of a table is had, once it is made."""
    parts = ["-", "parquet", name, version, *f"{resource}.parquet".split("/")]
    return "/".join([base, *(quote(part, safe="") for part in parts)])
