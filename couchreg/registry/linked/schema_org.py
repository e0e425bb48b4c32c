"""A version as a schema.org `Dataset`, the registry as a `DataCatalog`.

Source: https://schema.org/Dataset and https://developers.google.com/search/docs/appearance/structured-data/dataset.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from couchreg.model.jsonld import Context, context_of, types_of
from couchreg.registry.linked.contexts import SCHEMA_ORG_URL
from couchreg.registry.linked.reading import (
    Agent,
    License,
    NamedPlace,
    creators,
    fields,
    licenses,
    listed,
    others,
    period,
    places,
    text,
    texts,
    web_address,
)
from couchreg.registry.linked.source import Download, LinkedSource
from couchreg.registry.reading.history import Summary
from couchreg.registry.reading.served import url_of

Node = dict[str, Any]


def dataset(source: LinkedSource) -> Node:
    """The version."""
    members = source.members
    context = context_of(members)
    node: Node = {
        "@context": SCHEMA_ORG_URL,
        "@id": source.url,
        "@type": _types("Dataset", members, context),
        "name": source.title,
        "alternateName": source.version.name,
        "description": source.description,
        "identifier": text(members, "id") or source.url,
        "url": web_address(members.get("homepage")) or source.url,
        "version": source.version.version,
        "keywords": texts(members, "keywords"),
        "datePublished": source.published,
        "dateCreated": text(members, "created"),
        "license": [_license(item) for item in licenses(members)],
        "creator": [_agent(item) for item in creators(members)],
        "publisher": [_agent(item) for item in others(members, "publisher")],
        "isBasedOn": [link for item in listed(members, "sources") if (link := _source(item))],
        "image": web_address(members.get("image")),
        "temporalCoverage": _interval(members),
        "spatialCoverage": [_place(item) for item in places(members)],
        "variableMeasured": _variables(source),
        "includedInDataCatalog": f"{source.base}/",
        "isAccessibleForFree": True,
        "distribution": [_download(item, context) for item in source.downloads],
    }
    return tidy(node)


def tidy(node: Node) -> Node:
    """Without what is not known; a list of one is its item."""
    known = {key: value for key, value in node.items() if value not in (None, [], "")}
    return {
        key: value[0] if isinstance(value, list) and len(value) == 1 else value
        for key, value in known.items()
    }


def _types(own: str, members: Mapping[str, Any], context: Context) -> list[str]:
    """Our type, and those that the descriptor states and that can be told in this context."""
    stated = types_of(members, context)
    known = [found.iri.replace("http://schema.org/", "") for found in stated if found.iri]
    return list(dict.fromkeys([own, *known]))


def _agent(agent: Agent) -> Node:
    kind = "Person" if agent.is_person else "Organization"
    affiliation = {"@type": "Organization", "name": agent.affiliation} if agent.affiliation else None
    return tidy(
        {
            "@type": kind,
            "name": agent.name,
            "email": agent.email,
            "url": agent.url,
            "affiliation": affiliation if agent.is_person else None,
        }
    )


def _license(item: License) -> Any:
    return item.url or {"@type": "CreativeWork", "name": item.name}


def _source(item: Any) -> Any:
    if not isinstance(item, dict):
        return web_address(item)
    url, title = web_address(item.get("path")), text(item, "title", "name")
    if url is None and title is None:
        return None
    return tidy({"@type": "CreativeWork", "name": title, "url": url}) if title else url


def _interval(members: Mapping[str, Any]) -> str | None:
    found = period(members)
    if found is None:
        return None
    start, end = found
    return start if start == end else f"{start or '..'}/{end or '..'}"


def _place(place: NamedPlace) -> Node:
    geo = None
    if place.box:
        west, south, east, north = place.box
        geo = {"@type": "GeoShape", "box": f"{south} {west} {north} {east}"}
    return tidy({"@type": "Place", "name": place.name, "geo": geo})


def _variables(source: LinkedSource) -> list[Node]:
    """The columns of all tables, each name once."""
    found = {field["name"]: field for item in source.downloads for field in fields(item.members)}
    return [
        tidy(
            {
                "@type": "PropertyValue",
                "name": name,
                "description": text(field, "description", "title"),
                "unitText": text(field, "unit"),
            }
        )
        for name, field in found.items()
    ]


def _download(item: Download, package: Context) -> Node:
    return tidy(
        {
            "@id": item.url,
            "@type": _types("DataDownload", item.members, context_of(item.members, package)),
            "name": item.title or item.name,
            "description": item.description,
            "contentUrl": item.url,
            "encodingFormat": item.mediatype,
            "contentSize": None if item.bytes is None else f"{item.bytes} B",
            "sha256": item.sha256,
            "license": [_license(found) for found in licenses(item.members)],
        }
    )


def catalog(base: str, listed: Sequence[Summary]) -> Node:
    """The registry, with the packages of one page."""
    return {
        "@context": SCHEMA_ORG_URL,
        "@id": f"{base}/",
        "@type": "DataCatalog",
        "name": "Data packages",
        "url": f"{base}/",
        "dataset": [
            tidy(
                {
                    "@id": url_of(base, item.name, item.latest),
                    "@type": "Dataset",
                    "name": item.title or item.name,
                    "url": url_of(base, item.name),
                    "version": item.latest,
                    "datePublished": item.published,
                }
            )
            for item in listed
        ],
    }
