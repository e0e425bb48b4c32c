"""The JSON-LD contexts of the views, each as much as the views use. Data only.

schema.org's own context is referred to by its URL, as its readers expect; `BUNDLED` holds what is
read in its place here.
"""

from collections.abc import Mapping
from typing import Any

SCHEMA_ORG_URL = "https://schema.org/"
SCHEMA_ORG = "http://schema.org/"  # what its terms are, by its own context
CROISSANT = "http://mlcommons.org/croissant/1.0"
DCAT_AP = "http://data.europa.eu/r5r/"
XSD = "http://www.w3.org/2001/XMLSchema#"

_LINK = {"@type": "@id"}
_LINKS = ("url", "contentUrl", "license", "sameAs", "isBasedOn", "image", "includedInDataCatalog")
_DATES = ("datePublished", "dateCreated", "dateModified")

_SCHEMA_ORG_CONTEXT: Mapping[str, Any] = {
    "@vocab": SCHEMA_ORG,
    "schema": SCHEMA_ORG,
    "xsd": XSD,
    **{name: {"@id": SCHEMA_ORG + name, **_LINK} for name in _LINKS},
    **{name: {"@id": SCHEMA_ORG + name, "@type": f"{SCHEMA_ORG}Date"} for name in _DATES},
}
_SCHEMA_ORG_URLS = ("https://schema.org", "https://schema.org/", "http://schema.org", "http://schema.org/")
BUNDLED: Mapping[str, Any] = {url: {"@context": _SCHEMA_ORG_CONTEXT} for url in _SCHEMA_ORG_URLS}

_DCAT_LINKS = (
    "dcat:accessURL",
    "dcat:downloadURL",
    "dcat:landingPage",
    "dcat:mediaType",
    "dct:source",
    "dct:license",
    "foaf:homepage",
    "foaf:mbox",
    "spdx:algorithm",
    "dct:accessRights",
)

DCAT_CONTEXT: Mapping[str, Any] = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "spdx": "http://spdx.org/rdf/terms#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "xsd": XSD,
    **dict.fromkeys(_DCAT_LINKS, _LINK),
    "dct:issued": {"@type": "xsd:dateTime"},
    "dct:modified": {"@type": "xsd:dateTime"},
    "dcat:startDate": {"@type": "xsd:date"},
    "dcat:endDate": {"@type": "xsd:date"},
    "dcat:byteSize": {"@type": "xsd:nonNegativeInteger"},
    "spdx:checksumValue": {"@type": "xsd:hexBinary"},
}

_CR = "http://mlcommons.org/croissant/"
_CROISSANT_TERMS = (
    "citeAs",
    "column",
    "extract",
    "field",
    "fileProperty",
    "fileObject",
    "fileSet",
    "format",
    "includes",
    "isLiveDataset",
    "jsonPath",
    "key",
    "md5",
    "parentField",
    "path",
    "recordSet",
    "references",
    "regex",
    "repeated",
    "replace",
    "separator",
    "source",
    "subField",
    "transform",
)
# As its specification has it in every document, in the terms that a table needs.
CROISSANT_CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": _CR,
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "data": {"@id": "cr:data", "@type": "@json"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{name: f"cr:{name}" for name in _CROISSANT_TERMS},
}
