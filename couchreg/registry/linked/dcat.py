"""A version as a `dcat:Dataset` and the registry as a `dcat:Catalog`, as DCAT-AP 3 has them.

Source: https://semiceu.github.io/DCAT-AP/releases/3.0.0/ and https://www.w3.org/TR/vocab-dcat-3/.
"""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from couchreg.registry.linked.contexts import DCAT_CONTEXT, XSD
from couchreg.registry.linked.reading import (
    Agent,
    License,
    NamedPlace,
    creators,
    licenses,
    listed,
    others,
    period,
    places,
    text,
    texts,
    web_address,
)
from couchreg.registry.linked.schema_org import Node, tidy
from couchreg.registry.linked.source import Download, LinkedSource
from couchreg.registry.reading.history import Summary
from couchreg.registry.reading.served import url_of

MEDIA_TYPES = "https://www.iana.org/assignments/media-types/"
PUBLIC = "http://publications.europa.eu/resource/authority/access-right/PUBLIC"
SHA256 = "http://spdx.org/rdf/terms#checksumAlgorithm_sha256"
WKT = "http://www.opengis.net/ont/geosparql#wktLiteral"
_DATE = re.compile(r"\d{4}(-\d\d(-\d\d)?)?")
_DATE_TYPES = {4: "gYear", 7: "gYearMonth", 10: "date"}


def dataset(source: LinkedSource) -> Node:
    """The version."""
    members = source.members
    keywords = texts(members, "keywords")
    return tidy(
        {
            "@context": dict(DCAT_CONTEXT),
            "@id": source.url,
            "@type": "dcat:Dataset",
            "dct:title": source.title,
            "dct:description": source.description,
            "dct:identifier": text(members, "id") or source.url,
            "dcat:version": source.version.version,
            "dcat:keyword": keywords,
            "dct:issued": source.published,
            "dct:creator": [_agent(item) for item in creators(members)],
            "dct:publisher": [_agent(item) for item in others(members, "publisher")],
            "dct:accessRights": PUBLIC,
            "dct:temporal": _temporal(source),
            "dct:spatial": [_location(item) for item in places(members)],
            "dct:source": [url for item in listed(members, "sources") if (url := _source(item))],
            "dcat:landingPage": web_address(members.get("homepage")),
            "dcat:distribution": [_distribution(item, source) for item in source.downloads],
        }
    )


def _agent(agent: Agent) -> Node:
    kind = "foaf:Person" if agent.is_person else "foaf:Agent"
    mailbox = f"mailto:{quote(agent.email, safe='@+')}" if agent.email else None
    return tidy({"@type": kind, "foaf:name": agent.name, "foaf:mbox": mailbox, "foaf:homepage": agent.url})


def _source(item: Any) -> str | None:
    return web_address(item.get("path") if isinstance(item, dict) else item)


def _temporal(source: LinkedSource) -> Node | None:
    found = period(source.members)
    if found is None:
        return None
    start, end = (_moment(value) for value in found)
    return tidy({"@type": "dct:PeriodOfTime", "dcat:startDate": start, "dcat:endDate": end})


def _moment(value: str | None) -> Any:
    """A year, a month, a day or a moment, typed as XML Schema has it; what is none of these, as text."""
    if value is None:
        return None
    if _DATE.fullmatch(value):
        return {"@value": value, "@type": XSD + _DATE_TYPES[len(value)]}
    return {"@value": value, "@type": XSD + ("dateTime" if "T" in value else "string")}


def _location(place: NamedPlace) -> Node:
    box = None
    if place.box:
        west, south, east, north = place.box
        ring = f"{west} {south}, {east} {south}, {east} {north}, {west} {north}, {west} {south}"
        box = {"@value": f"POLYGON(({ring}))", "@type": WKT}
    return tidy({"@type": "dct:Location", "skos:prefLabel": place.name, "dcat:bbox": box})


def _distribution(item: Download, source: LinkedSource) -> Node:
    stated = licenses(item.members) or licenses(source.members)
    checksum = {"@type": "spdx:Checksum", "spdx:algorithm": SHA256, "spdx:checksumValue": item.sha256}
    return tidy(
        {
            "@id": item.url,
            "@type": "dcat:Distribution",
            "dct:title": item.title or item.name,
            "dct:description": item.description,
            "dcat:accessURL": item.url,
            "dcat:downloadURL": item.url,
            "dcat:mediaType": MEDIA_TYPES + item.mediatype.partition(";")[0].strip(),
            "dcat:byteSize": None if item.bytes is None else str(item.bytes),
            "spdx:checksum": checksum if item.sha256 else None,
            "dct:license": [_license(found) for found in stated],
        }
    )


def _license(item: License) -> Any:
    node = {"@type": "dct:LicenseDocument", "rdfs:label": item.name}
    return {"@id": item.url, **node} if item.url else node


def catalog(base: str, listed: Sequence[Summary]) -> Node:
    """The registry, with the packages of one page."""
    return {
        "@context": dict(DCAT_CONTEXT),
        "@id": f"{base}/",
        "@type": "dcat:Catalog",
        "dct:title": "Data packages",
        "dct:description": "The data packages of this registry, in their latest versions.",
        "foaf:homepage": f"{base}/",
        "dcat:dataset": [
            tidy(
                {
                    "@id": url_of(base, item.name, item.latest),
                    "@type": "dcat:Dataset",
                    "dct:title": item.title or item.name,
                    "dcat:version": item.latest,
                    "dct:issued": item.published,
                }
            )
            for item in listed
        ],
    }
