"""JSON-LD types as a descriptor states them: `@type`, read with the `@context` beside or above it.

Owns only so much of JSON-LD as it takes to say which types something has. No context is fetched: of
those referred to by URL only schema.org's is known. Pure.

Source: https://www.w3.org/TR/json-ld11/#specifying-the-type.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

SCHEMA_ORG = "http://schema.org/"
MOST = 50  # types of one thing, and definitions a term may pass through
LONGEST = 1000  # characters of a type
_SCHEMA_ORG_URL = re.compile(r"https?://(?:www\.)?schema\.org(?:/.*)?")
_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")

Context = Mapping[str, Any]


class Type(NamedTuple):
    """A type as written, and the IRI it stands for where that can be told."""

    written: str
    iri: str | None

    @property
    def local(self) -> str:
        """The last word of it: `Dataset` of `http://schema.org/Dataset`."""
        return re.split(r"[/#:]", (self.iri or self.written).rstrip("/#"))[-1]


def context_of(members: Mapping[str, Any], above: Context | None = None) -> Context:
    """The definitions in force for an object: its own over those from above."""
    own = members.get("@context")
    if own is None and above is not None:
        return above
    found: dict[str, Any] = dict(above or {})
    for part in own if isinstance(own, list) else [own]:
        if isinstance(part, str) and _SCHEMA_ORG_URL.fullmatch(part):
            found |= {"@vocab": SCHEMA_ORG, "schema": SCHEMA_ORG}
        elif isinstance(part, dict):
            found |= part
    return found


def types_of(members: Mapping[str, Any], context: Context) -> list[Type]:
    """The types an object states."""
    stated = members.get("@type")
    texts = stated if isinstance(stated, list) else [stated]
    written = islice((text for text in texts if isinstance(text, str) and 0 < len(text) <= LONGEST), MOST)
    return [Type(text, expand(text, context)) for text in written]


def expand(term: str, context: Context) -> str | None:
    """The IRI that a term or an IRI with a prefix stands for; None for what is none."""
    found = term
    for _ in range(MOST):
        following = _step(found, context)
        if following is None or following == found:
            break
        found = following
    return found if _IRI.fullmatch(found) and len(found) <= LONGEST else None


def _step(term: str, context: Context) -> str | None:
    defined = context.get(term)
    meant = defined.get("@id") if isinstance(defined, dict) else defined
    if isinstance(meant, str):
        return meant
    prefix, colon, rest = term.partition(":")
    if colon:
        namespace = context.get(prefix)
        namespace = namespace.get("@id") if isinstance(namespace, dict) else namespace
        return namespace + rest if isinstance(namespace, str) and not rest.startswith("//") else None
    vocabulary = context.get("@vocab")
    return vocabulary + term if isinstance(vocabulary, str) else None


def all_types(descriptor: Mapping[str, Any]) -> Iterator[Type]:
    """The types of a package, its resources and their fields."""
    context = context_of(descriptor)
    yield from types_of(descriptor, context)
    resources = descriptor.get("resources")
    for resource in resources if isinstance(resources, list) else ():
        if isinstance(resource, dict):
            yield from resource_types(resource, context)


def resource_types(resource: Mapping[str, Any], above: Context) -> Iterator[Type]:
    """The types of a resource and of its fields; `above` is the package's context."""
    own = context_of(resource, above)
    yield from types_of(resource, own)
    yield from _field_types(resource, own)


def _field_types(resource: Mapping[str, Any], context: Context) -> Iterator[Type]:
    schema = resource.get("schema")
    listed = schema.get("fields") if isinstance(schema, dict) else None
    for field in listed if isinstance(listed, list) else ():
        if isinstance(field, dict) and "@type" in field:
            yield from types_of(field, context_of(field, context))
