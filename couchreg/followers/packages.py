"""What a search engine is told of a package, read out of the documents of the `registry` database.

Pure: from a version document's id and members to an `Entry`. Documents come from anyone who may
replicate into the registry, so nothing is believed about the types of their members, and sizes are bounded.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from couchreg.model import json
from couchreg.model.jsonld import all_types
from couchreg.model.names import is_package_name
from couchreg.model.versions import LATEST, latest

VERSION_ID = re.compile(r"([a-z0-9][a-z0-9._-]*)@([0-9A-Za-z][0-9A-Za-z.+_-]*)")
LONGEST_TEXT = 20_000  # characters of one text that are indexed
MOST_NAMES = 5_000  # resources, or fields, or keywords of one package that are indexed


class Entry(NamedTuple):
    """One package at its latest version, as it is found and shown by a search."""

    name: str
    version: str
    title: str
    description: str
    keywords: tuple[str, ...]
    resources: tuple[str, ...]  # names and titles
    fields: tuple[str, ...]  # names and titles
    types: tuple[str, ...] = ()  # JSON-LD types in lower case: as written, as IRIs, and their last words


def split_id(doc_id: str) -> tuple[str, str] | None:
    """(package, version) of a version document's id; None for other documents."""
    found = VERSION_ID.fullmatch(doc_id)
    return (found[1], found[2]) if found else None


def package_of(doc_id: str) -> str | None:
    """The package that a document is about: a version's, or the package's own; None for others."""
    found = split_id(doc_id)
    return found[0] if found else doc_id if is_package_name(doc_id) else None


def entry(name: str, version: str, members: bytes) -> Entry:
    """The entry of a version document; `members` are the stored ones."""
    descriptor = json.body(members)
    resources = [item for item in _list(descriptor, "resources") if isinstance(item, dict)]
    return Entry(
        name,
        version,
        _text(descriptor, "title"),
        _text(descriptor, "description"),
        _texts(item for item in _list(descriptor, "keywords") if isinstance(item, str)),
        _texts(_called(resources)),
        _texts(_called(_fields(resources))),
        _types(descriptor),
    )


def current(versions: list[str], members: bytes | None) -> str:
    """The version that stands for the package: the one its dist-tag `latest` is set to, else the highest.

    `members` are those of the package's document, None when it has none.
    """
    document = json.body(members)
    tags = document.get("dist-tags")
    tagged = tags.get(LATEST) if isinstance(tags, dict) else None
    return tagged if tagged in versions else latest(versions)


def _types(descriptor: Mapping[str, Any]) -> tuple[str, ...]:
    names = (name for found in all_types(descriptor) for name in (found.written, found.iri, found.local))
    return tuple(dict.fromkeys(name.casefold() for name in islice(filter(None, names), MOST_NAMES)))


def _fields(resources: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for resource in resources:
        schema = resource.get("schema")
        if isinstance(schema, dict):
            yield from (field for field in _list(schema, "fields") if isinstance(field, dict))


def _called(things: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for thing in things:
        yield from filter(None, (_text(thing, "name"), _text(thing, "title")))


def _texts(texts: Iterator[str]) -> tuple[str, ...]:
    return tuple(text[:LONGEST_TEXT] for text in islice(texts, MOST_NAMES))


def _text(members: Mapping[str, Any], key: str) -> str:
    value = members.get(key)
    return value[:LONGEST_TEXT] if isinstance(value, str) else ""


def _list(members: Mapping[str, Any], key: str) -> list[Any]:
    value = members.get(key)
    return value if isinstance(value, list) else []
