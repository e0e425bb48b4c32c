"""What a search engine is told of a package, read out of the documents of the `registry` database.

Pure: from a version document's id and members to an `IndexEntry`. Documents come from anyone who may
replicate into the registry, so nothing is believed about the types of their members, and sizes are bounded.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from couchreg.model import json
from couchreg.model.jsonld import all_types
from couchreg.package.dependencies import stated_dependencies

LONGEST_TEXT = 20_000  # characters of one text that are indexed
_TEXTS = frozenset({"readme", "license", "licence", "copying", "notice", "citation"})
_SUFFIXES = frozenset({"", "md", "markdown", "rst", "txt", "cff"})
MOST_NAMES = 5_000  # resources, or fields, or keywords of one package that are indexed


class IndexEntry(NamedTuple):
    """One package at its latest version, as it is found and shown by a search."""

    name: str
    version: str
    title: str
    description: str
    keywords: tuple[str, ...]
    resources: tuple[str, ...]  # names and titles
    fields: tuple[str, ...]  # names and titles
    types: tuple[str, ...] = ()  # JSON-LD types in lower case: as written, as IRIs, and their last words
    needs: tuple[str, ...] = ()  # the packages it depends on
    texts: tuple[str, ...] = ()  # of files for people: README and licence


def told_in(path: str) -> bool:
    """Whether a file of a package is a text about it."""
    stem, _, suffix = path.lower().partition(".")
    return "/" not in path and stem in _TEXTS and suffix in _SUFFIXES


def entry(name: str, version: str, members: bytes, texts: Sequence[str] = ()) -> IndexEntry:
    """The entry of a version document; `members` are the stored ones, `texts` those of files `told_in`."""
    descriptor = json.body(members)
    resources = [item for item in _list(descriptor, "resources") if isinstance(item, dict)]
    return IndexEntry(
        name,
        version,
        _text(descriptor, "title"),
        _text(descriptor, "description"),
        _texts(item for item in _list(descriptor, "keywords") if isinstance(item, str)),
        _texts(_called(resources)),
        _texts(_called(_fields(resources))),
        _types(descriptor),
        tuple(islice(stated_dependencies(descriptor), MOST_NAMES)),
        tuple(text[:LONGEST_TEXT] for text in texts),
    )


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
