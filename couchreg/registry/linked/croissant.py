"""A version as MLCommons Croissant 1.0: files to fetch, and the columns of the tables in them.

Source: https://docs.mlcommons.org/croissant/docs/croissant-spec.html.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from couchreg.registry.linked import schema_org
from couchreg.registry.linked.contexts import CROISSANT, CROISSANT_CONTEXT
from couchreg.registry.linked.reading import fields, text
from couchreg.registry.linked.schema_org import Node, tidy
from couchreg.registry.linked.source import Download, LinkedSource

_TYPES = {
    "integer": "sc:Integer",
    "year": "sc:Integer",
    "number": "sc:Float",
    "boolean": "sc:Boolean",
    "date": "sc:Date",
    "datetime": "sc:DateTime",
    "time": "sc:Time",
    "geopoint": "sc:GeoCoordinates",
}
_SHARED = (
    "@id",
    "name",
    "alternateName",
    "description",
    "url",
    "version",
    "keywords",
    "license",
    "creator",
    "publisher",
    "datePublished",
    "temporalCoverage",
    "spatialCoverage",
    "image",
)


def dataset(source: LinkedSource) -> Node:
    """The version. What Croissant has from schema.org is as in that view."""
    shared = schema_org.dataset(source)
    tables = [item for item in source.downloads if fields(item.members)]
    return tidy_but_lists(
        {
            "@context": dict(CROISSANT_CONTEXT),
            "@type": "sc:Dataset",
            "conformsTo": CROISSANT,
            **{key: shared[key] for key in _SHARED if key in shared},
            "citeAs": text(source.members, "citation", "bibliographicCitation"),
            "distribution": [_file(item) for item in source.downloads],
            "recordSet": [_record_set(item) for item in tables],
        }
    )


def tidy_but_lists(node: Node) -> Node:
    """Readers of Croissant expect lists even of one."""
    return {key: value for key, value in node.items() if value not in (None, [])}


def _file(item: Download) -> Node:
    return tidy(
        {
            "@type": "cr:FileObject",
            "@id": item.url,
            "name": item.name,
            "description": item.description or item.title,
            "contentUrl": item.url,
            "encodingFormat": item.mediatype,
            "contentSize": None if item.bytes is None else f"{item.bytes} B",
            "sha256": item.sha256,
        }
    )


def _record_set(item: Download) -> Node:
    identity = f"{item.url}#table"
    key = _key(item.members)
    return tidy_but_lists(
        {
            "@type": "cr:RecordSet",
            "@id": identity,
            "name": item.name,
            "description": item.description or item.title,
            "key": [{"@id": _field_id(identity, name)} for name in key] or None,
            "field": [_field(item, identity, field) for field in fields(item.members)],
        }
    )


def _key(resource: Mapping[str, Any]) -> list[str]:
    stated = resource["schema"].get("primaryKey")
    names = stated if isinstance(stated, list) else [stated]
    known = {field["name"] for field in fields(resource)}
    return [name for name in names if isinstance(name, str) and name in known]


def _field_id(identity: str, name: str) -> str:
    return f"{identity}/{quote(name, safe='')}"


def _field(item: Download, identity: str, field: Mapping[str, Any]) -> Node:
    name = field["name"]
    kind = field.get("type")
    return tidy(
        {
            "@type": "cr:Field",
            "@id": _field_id(identity, name),
            "name": name,
            "description": text(field, "description", "title"),
            "dataType": _TYPES.get(kind, "sc:Text") if isinstance(kind, str) else "sc:Text",
            "source": {"fileObject": {"@id": item.url}, "extract": {"column": name}},
        }
    )
