"""What a search engine is told of a package, read out of the documents of the `registry` database.

Pure: from a version document to an `Item` for the package and one for each of its resources, which have
addresses of their own. Documents come from anyone who may replicate into the registry, so nothing is believed
about the types of their members, and sizes are bounded.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final, NamedTuple

from couchreg.followers.search import coverage, meaning
from couchreg.followers.search.classes import ancestors, class_of
from couchreg.followers.search.properties import Pair, iri_key, iris, pairs, texts
from couchreg.followers.search.shown import pack
from couchreg.model import json
from couchreg.model.jsonld import Context, Type, all_types, context_of, resource_types
from couchreg.package.dependencies import stated_dependencies

LONGEST_TEXT: Final = 20_000  # characters of one text that are indexed
MOST_NAMES: Final = 5_000  # resources, or fields, or keywords of one package that are indexed
MOST_RESOURCES: Final = 1_000  # that are hits of their own
MOST_COUNTED_VALUES: Final = 1_000  # of one facet that a package and its resources are counted by
MOST_BELOW: Final = 10_000  # properties of resources that a package is found by
SHOWN_NAMES: Final = 200  # names and pairs that a hit can show of one kind
LONGEST_SHOWN: Final = 2_000
PACKAGES, RESOURCES = "packages", "resources"
COLUMNS: Final = ("name", "title", "keywords", "resources", "fields", "description", "texts")
FACETS: Final = (
    "type", "license", "format", "keywords", "publisher", "field", "fieldtype", "unit", "deprecated"
)  # fmt: skip
_TEXTS = frozenset({"readme", "license", "licence", "copying", "notice", "citation"})
_SUFFIXES = frozenset({"", "md", "markdown", "rst", "txt", "cff"})
_UNITS = ("unit", "units", "unitText", "unitCode", "rdfUnit")


class PackageSource(NamedTuple):
    """What an engine is given of a package: its latest version's stored members, texts of its files that are
    `told_in`, and why it is deprecated."""

    name: str
    version: str
    members: bytes
    texts: tuple[str, ...] = ()
    deprecated: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that can be found. `columns` are texts for words, by COLUMNS; `facets` values that are
    counted and filtered by, as people read them; `tags` all that is exactly so or not; `shown` what a hit is
    made of, as `shown.pack` makes it; `means` its `meaning.vector`, where that is wanted."""

    package: str
    version: str
    resource: str | None
    shown: bytes
    columns: Mapping[str, tuple[str, ...]]
    facets: Mapping[str, tuple[str, ...]]
    tags: frozenset[str]
    date: str = ""
    period: coverage.Period | None = None
    box: coverage.Box | None = None
    means: bytes = b""

    @property
    def key(self) -> str:
        """Its name among all items; a slash stands in no package's name."""
        return self.package if self.resource is None else f"{self.package}/{self.resource}"


def told_in(path: str) -> bool:
    """Whether a file of a package is a text about it."""
    stem, _, suffix = path.lower().partition(".")
    return "/" not in path and stem in _TEXTS and suffix in _SUFFIXES


def items(source: PackageSource, *, with_meaning: bool = False) -> list[Item]:
    """The package first, then its resources in their order."""
    found = _items(source)
    return [replace(item, means=meaning.vector(_told(item))) for item in found] if with_meaning else found


def _told(item: Item) -> str:
    """What is written of an item for people."""
    of = item.columns
    texts = [*of["title"], *of["keywords"], *of["description"]]
    if item.resource is not None:  # its package, which says what it is about, stands among `resources`
        texts += [*of["fields"], *of["resources"][1:]]
    return ". ".join(texts or of["name"])


def _items(source: PackageSource) -> list[Item]:
    descriptor = json.body(source.members)
    listed = [item for item in _list(descriptor, "resources") if isinstance(item, dict)]
    known: dict[int, list[Pair]] = {}
    found = [_package(source, descriptor, listed, known)]
    named: dict[str, dict[str, Any]] = {}
    for resource in listed:
        name = resource.get("name")
        if isinstance(name, str) and name and len(name) <= LONGEST_SHOWN:
            named.setdefault(name, resource)
    context = context_of(descriptor)
    for name, resource in islice(named.items(), MOST_RESOURCES):
        own = known.get(id(resource)) or pairs(resource)
        found.append(_resource(source, descriptor, name, resource, context, own))
    return _with_few_values(found)


def _with_few_values(found: list[Item]) -> list[Item]:
    """Of the values of a facet those that came first: what one package brings into the counts is bounded,
    however many resources it has. By its tags an item is still found with the others."""
    if len(found) * SHOWN_NAMES <= MOST_COUNTED_VALUES:
        return found
    kept: dict[str, set[str]] = {name: set() for name in FACETS}
    made = []
    for item in found:
        facets = {name: tuple(_kept(values, kept[name])) for name, values in item.facets.items()}
        made.append(item if facets == item.facets else replace(item, facets=facets))
    return made


def _kept(values: Iterable[str], kept: set[str]) -> Iterator[str]:
    for value in values:
        if value in kept or len(kept) < MOST_COUNTED_VALUES:
            kept.add(value)
            yield value


def _package(
    source: PackageSource,
    descriptor: Mapping[str, Any],
    resources: list[dict[str, Any]],
    known: dict[int, list[Pair]],
) -> Item:
    """Leaves the properties of resources, as far as they belong to the package's, in `known`."""
    fields = list(_fields(resources))
    columns = {
        "name": (source.name,),
        "title": _given(_text(descriptor, "title")),
        "keywords": _texts(texts(descriptor.get("keywords"), "name")),
        "resources": _texts(_called(resources)),
        "fields": _texts(_called(fields)),
        "description": _given(_text(descriptor, "description")),
        "texts": tuple(text[:LONGEST_TEXT] for text in source.texts),
    }
    own = pairs(descriptor, without=("resources",))
    about, context, room = iris(own, descriptor), context_of(descriptor), MOST_BELOW
    for resource in resources[:MOST_RESOURCES]:
        if room <= 0:
            break
        known[id(resource)] = pairs(resource)
        below = known[id(resource)][:room]
        about |= iris(below, resource, context)
        own += below
        room -= len(below)
    types = list(islice(all_types(descriptor), MOST_NAMES))
    facets = _facets(source, descriptor, resources, fields, types)
    return _item(source, descriptor, None, _Said(columns, facets, types, own, about))


def _resource(
    source: PackageSource,
    descriptor: Mapping[str, Any],
    name: str,
    resource: dict[str, Any],
    context: Context,
    own: list[Pair],
) -> Item:
    fields = list(_fields([resource]))
    columns = {
        "name": (name,),
        "title": _given(_text(resource, "title")),
        "keywords": _texts(texts(resource.get("keywords"), "name")),
        "resources": _texts(iter(filter(None, (source.name, _text(descriptor, "title"))))),
        "fields": _texts(_called(fields)),
        "description": _given(_text(resource, "description")),
        "texts": (),
    }
    types = list(islice(resource_types(resource, context), MOST_NAMES))
    facets = _facets(source, descriptor, [resource], fields, types)
    if "licenses" in resource:
        facets["license"] = tuple(dict.fromkeys(_licenses(resource)))[:SHOWN_NAMES]
    keywords = texts(resource.get("keywords"), "name") + texts(descriptor.get("keywords"), "name")
    facets["keywords"] = tuple(dict.fromkeys(keywords))[:SHOWN_NAMES]
    said = _Said(columns, facets, types, own, iris(own, resource, context))
    return _item(source, resource, name, said, descriptor)


class _Said(NamedTuple):
    """What a descriptor says of a package or of a resource, sorted out."""

    columns: Mapping[str, tuple[str, ...]]
    facets: Mapping[str, tuple[str, ...]]
    types: Sequence[Type]
    pairs: list[Pair]
    about: set[str]


def _item(
    source: PackageSource,
    members: Mapping[str, Any],
    resource: str | None,
    said: _Said,
    package: Mapping[str, Any] | None = None,
) -> Item:
    columns, facets, types, found, about = said
    own = members.get("couchreg") if package is None else package.get("couchreg")
    date = own.get("published") if isinstance(own, dict) else None
    found = list(dict.fromkeys(found))
    tags = {f"where:{path}:{value}".casefold() for path, value in found}
    tags |= {tag("about", iri_key(iri)) for iri in about}
    tags |= {tag("type", name) for one in types for name in (one.written, one.iri, one.local) if name}
    tags |= {tag("class", name) for one in types for name in _classes(one)}
    tags |= {
        f"{facet}:{value}".casefold()
        for facet, values in facets.items()
        if facet != "type"
        for value in values
    }
    needed = islice(stated_dependencies(members), MOST_NAMES) if package is None else ()
    tags |= {tag("needs", name) for name in needed}
    above = package or {}
    shown = {
        "title": next(iter(columns["title"]), ""),
        "description": next(iter(columns["description"]), ""),
        "columns": {
            name: [text[:LONGEST_SHOWN] for text in texts[:SHOWN_NAMES]] for name, texts in columns.items()
        },
        "types": [[one.written, one.iri] for one in types[:SHOWN_NAMES]],
        "keywords": facets["keywords"],
        "publishers": facets["publisher"],
        "deprecated": source.deprecated,
        "date": date if isinstance(date, str) else "",
    }
    by_tag = {"facets": facets, "pairs": found[: 2 * SHOWN_NAMES], "about": sorted(about)[:SHOWN_NAMES]}
    return Item(
        source.name,
        source.version,
        resource,
        pack(shown, by_tag),
        columns,
        facets,
        frozenset(tags),
        date[:40] if isinstance(date, str) else "",
        coverage.period(members) or coverage.period(above),
        coverage.box(members) or coverage.box(above),
    )


def tag(kind: str, value: str) -> str:
    """Something that is so of an item, as filters ask for it; capitals do not matter."""
    return f"{kind}:{value.casefold()}"


def _classes(one: Type) -> Iterator[str]:
    name = class_of(one.iri or one.written)
    if name:
        yield from ancestors(name)


def _facets(
    source: PackageSource,
    descriptor: Mapping[str, Any],
    resources: Sequence[Mapping[str, Any]],
    fields: Sequence[Mapping[str, Any]],
    types: Sequence[Type],
) -> dict[str, tuple[str, ...]]:
    own = descriptor.get("couchreg")
    account = texts(own.get("publisher")) if isinstance(own, dict) else ()
    measured = [item for item in _list(descriptor, "variableMeasured") if isinstance(item, dict)]
    values: dict[str, Iterable[str]] = {
        "type": [one.local for one in types],
        "license": [*_licenses(descriptor), *(one for resource in resources for one in _licenses(resource))],
        "format": (one for resource in resources for one in _formats(resource)),
        "keywords": texts(descriptor.get("keywords"), "name"),
        "publisher": [*account, *texts(descriptor.get("publisher"), "name")],
        "field": [name for one in fields for name in texts(one.get("name"))],
        "fieldtype": [name for one in fields for name in texts(one.get("type"))],
        "unit": (
            unit
            for one in [*fields, *measured]
            for key in _UNITS
            if key in one
            for unit in texts(one.get(key), "name", "@id")
        ),
        "deprecated": ["false" if source.deprecated is None else "true"],
    }
    return {name: tuple(islice(dict.fromkeys(found), SHOWN_NAMES)) for name, found in values.items()}


def _formats(resource: Mapping[str, Any]) -> Iterator[str]:
    """The format as it is stated, else the end of the path."""
    stated = texts(resource.get("format"))
    ends = (path.rpartition("/")[2].rpartition(".")[2] for path in texts(resource.get("path")) if "." in path)
    yield from (name.lower() for name in (stated or ends) if len(name) <= 20)
    yield from (name.lower() for name in texts(resource.get("mediatype")))


def _licenses(members: Mapping[str, Any]) -> list[str]:
    found = []
    for member in ("licenses", "license"):
        if member in members:
            found += texts(members[member], "name", "title", "type", "path", "url", "@id")
    return found


def _fields(resources: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for resource in resources:
        schema = resource.get("schema")
        if isinstance(schema, dict):
            yield from (field for field in _list(schema, "fields") if isinstance(field, dict))


def _called(things: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for thing in things:
        yield from filter(None, (_text(thing, "name"), _text(thing, "title")))


def _given(text: str) -> tuple[str, ...]:
    return (text,) if text else ()


def _texts(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(text[:LONGEST_TEXT] for text in islice(found, MOST_NAMES))


def _text(members: Mapping[str, Any], key: str) -> str:
    value = members.get(key)
    return value[:LONGEST_TEXT] if isinstance(value, str) else ""


def _list(members: Mapping[str, Any], key: str) -> list[Any]:
    value = members.get(key)
    return value if isinstance(value, list) else []
